"""Whatever the network does, linked nodes end up agreeing, and never lie meanwhile.

`pytest tests/sim --seeds 1000` runs more histories, `--seed N` replays one. A failure
names the seed of its history.
"""

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.sim.world import STANDARD, Profile, Violation, history

PROFILES = {
    "standard": STANDARD,
    "sealed": Profile(sealed=True),
    "partitions": Profile(
        faults=("reset", "crash", "delay", "block", "oneway", "pause", "skew")
    ),
    "five": Profile(hosts=5),
}
SHARE = {"standard": 1.0, "sealed": 0.1, "partitions": 0.5, "five": 0.1}


def live_through(profile: Profile, seeds: Sequence[int]) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        try:
            world = history(seed, profile)
        except Violation as violation:
            pytest.fail(f"--seed {seed}: {violation}")
        seen.update(world.stats)
    return seen


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", PROFILES)
def test_no_history_breaks_an_invariant(name: str, seeds: Sequence[int]) -> None:
    share = max(1, int(len(seeds) * SHARE[name]))

    seen = live_through(PROFILES[name], seeds[:share])

    print(f"{name}: {share} histories from seed {seeds[0]}: {dict(seen)}")


def test_the_same_seed_is_the_same_history(seed: int) -> None:
    one, two = history(seed), history(seed)

    assert one.stats == two.stats
    assert one.history == two.history


@pytest.mark.slow
def test_histories_reach_the_rare_paths(seed: int) -> None:
    seen = live_through(STANDARD, range(seed, seed + 40))

    for path in (
        "snapshots_installed",
        "ops_sent",
        "late",
        "kills",
        "retired",
        "blocked",
        "discarded",
        "rejected_race",
    ):
        assert seen[path] > 0, f"no history of 40 had {path}: {dict(seen)}"
