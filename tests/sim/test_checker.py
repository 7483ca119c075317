"""The checks reject every spoilt world and accept every healthy one."""

from collections.abc import Iterator

import pytest

from tests.sim.agreement import disagreements
from tests.sim.corruptions import CORRUPTIONS, NothingToSpoilError
from tests.sim.world import InvariantError, World, history


def problems(world: World) -> Iterator[str]:
    """All that the checks of a turn and those of the end find."""
    for host in world.in_order():
        for index in range(len(host.replica.tables)):
            yield from world.checks.positions(host, index)
    yield from disagreements(world)


def healthy_worlds(first: int) -> Iterator[World]:
    for seed in range(first, first + 100):
        yield history(seed)


def test_there_are_at_least_fifteen_corruptions() -> None:
    assert len(CORRUPTIONS) >= 15


@pytest.mark.slow
def test_healthy_worlds_are_accepted(seed: int) -> None:
    for world in healthy_worlds(seed):
        assert list(problems(world)) == []


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_spoilt_world_is_rejected(name: str, seed: int) -> None:
    for world in healthy_worlds(seed):
        try:
            CORRUPTIONS[name](world)
        except NothingToSpoilError:
            continue
        except InvariantError:
            return
        assert list(problems(world)), f"{name} went unnoticed"
        return

    pytest.fail("no world has anything to spoil")
