"""A checker that has rejected nothing proves nothing: break a rule, be caught."""

import pytest

from tests.sim import faults_of_followers, faults_of_owners
from tests.sim.planting import FAULTS, Patch
from tests.sim.world import InvariantError, history

PLANTED = (faults_of_owners, faults_of_followers)


def test_there_are_at_least_twenty_faults() -> None:
    assert len(FAULTS) >= 20


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name: str, monkeypatch: Patch) -> None:
    fault = FAULTS[name]
    fault.plant(monkeypatch)

    for seed in range(fault.first, fault.first + fault.histories):
        try:
            history(seed, fault.profile)
        except InvariantError as caught:
            print(f"{name}: history {seed}: {caught}")
            return

    pytest.fail(f"{name} survived {fault.histories} histories")
