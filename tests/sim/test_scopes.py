"""Scopes in the simulated world: what they promise holds in every history."""

from collections import Counter
from collections.abc import Sequence

import pytest

from group._core.occurrences import Runs
from group._core.scoped import ScopeLocal
from tests.sim.profiles import PROFILES
from tests.sim.scopes import ScopeWorld
from tests.sim.world import InvariantError

# How many histories of each kind for one of `--seeds`.
SHARE = {
    "standard": 0.4,
    "partitions": 0.3,
    "shards": 0.4,
    "crumbling": 0.4,
    "chaos": 0.2,
    "wild-clocks": 0.1,
    "five": 0.1,
}


def live(profile: str, seed: int) -> ScopeWorld:
    world = ScopeWorld(seed, PROFILES[profile])
    try:
        world.run()
    except InvariantError as problem:
        raise AssertionError(f"{profile} {seed}: {problem}") from problem
    return world


def live_all(profile: str, seeds: Sequence[int]) -> Counter[str]:
    """Live through histories; return what they have met."""
    met: Counter[str] = Counter()
    for seed in seeds:
        met.update(live(profile, seed).stats)
    return met


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("profile", SHARE)
def test_no_history_of_a_scope_breaks_an_invariant(
    profile: str, seeds: Sequence[int]
) -> None:
    met = live_all(profile, seeds[: max(1, int(len(seeds) * SHARE[profile]))])

    print(profile, dict(met))
    assert met["joins_told"] > met["leaves_told"] > 0
    assert met["batches_refused"]
    if profile == "crumbling":
        assert met["requests_repeated"]


def test_a_batch_that_is_not_redone_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScopeLocal, "redo", lambda _self: None)

    with pytest.raises(AssertionError, match="S1 "):
        live_all("crumbling", range(100))


def test_a_leave_of_the_newest_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(runs: Runs, number: int) -> Runs:
        return runs[number:]

    monkeypatch.setattr("group._core.occurrences.without_oldest", without)

    with pytest.raises(AssertionError, match="S1 "):
        live_all("standard", range(20))
