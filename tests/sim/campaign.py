"""Many histories in a row, what they have met, and the line that replays a failure."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import sqrt

from tests.sim.profiles import PROFILES
from tests.sim.world import InvariantError, history

# What some history must have met, or the histories test less than they seem to.
COMMON = frozenset(
    {
        *("snapshots_sent", "snapshots_installed", "ops_sent", "late", "discarded"),
        *("asked", "kills", "retired", "retiring_deferred", "links_filled"),
        *("fences_settled", "rejected_race", "rejected_already_linked"),
        *("fault_reset", "fault_crash", "fault_delay"),
    }
)
PARTITIONED = frozenset(
    {"pause_credits", "fault_block", "fault_oneway", "fault_pause", "fault_clock"}
)
CRASHING = frozenset({"shard_crashes", "rebuilt", "fault_shard", "digests_differ"})
ASTRAY = frozenset(
    {
        *("frames_dropped", "frames_doubled", "frames_held_back", "gaps", "need"),
        *("duplicates", "bad_snapshots", "end_without_begin", "cut"),
        *("snapshots_repeated", "old_snapshots"),
    }
)
MUST_MEET = {
    "standard": COMMON,
    "partitions": COMMON | PARTITIONED,
    "shards": COMMON | CRASHING,
    "chaos": COMMON | PARTITIONED | CRASHING | ASTRAY,
    "sealed": COMMON,
    "ranked": COMMON | PARTITIONED | CRASHING,
    "wild-clocks": (COMMON | PARTITIONED | CRASHING | {"skewed"}),
    "lossy": ASTRAY | {"asked", "kills", "retired"},
    "crumbling": CRASHING | {"asked", "kills", "retired"},
    "cut-off": frozenset({"fault_crash", "fault_block", "fault_oneway", "kills"}),
    "five": COMMON | PARTITIONED | CRASHING,
    "seven": COMMON | PARTITIONED | CRASHING,
}
NEEDLESS_KILLS = 0.02


class HistoryError(AssertionError):
    """A history that broke an invariant, with the line that replays it."""

    def __init__(self, profile: str, seed: int, problem: object) -> None:
        replay = f"python -m tests.sim --profile {profile} --seed {seed}"
        super().__init__(f"{problem}\n  replay: {replay}")


@dataclass
class Campaign:
    """What the histories of one profile have met so far.

    Attributes:
        agreed: Virtual seconds from links to agreement, one for each history.
    """

    profile: str
    histories: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    agreed: list[float] = field(default_factory=list)

    def run(
        self, seeds: Sequence[int], report: Callable[[], None] = lambda: None
    ) -> None:
        """Live through histories; call `report` after each.

        Raises:
            HistoryError: An invariant was broken.
        """
        for seed in seeds:
            try:
                world = history(seed, PROFILES[self.profile])
            except InvariantError as problem:
                raise HistoryError(self.profile, seed, problem) from problem
            self.histories += 1
            self.seen.update(world.stats)
            self.agreed.append(world.agreed_after or 0.0)
            report()

    @property
    def needless(self) -> float:
        """Share of ended losers whose winner had gone meanwhile, on normal links."""
        return self.seen["needless_kills"] / max(1, self.seen["kills"])

    @property
    def needless_is_rare(self) -> bool:
        """Whether that share is below two in a hundred, but for chance."""
        expected = NEEDLESS_KILLS * self.seen["kills"]
        # Three deviations, and two for the few kills of short runs.
        return self.seen["needless_kills"] <= expected + 3 * sqrt(expected) + 2

    def unmet(self) -> set[str]:
        """Return what no history has met."""
        return {what for what in MUST_MEET[self.profile] if not self.seen[what]}

    def summary(self) -> str:
        """Tell all counters, and how long agreement took."""
        ordered = sorted(self.agreed)
        half, most = ordered[len(ordered) // 2], ordered[-1]
        counters = ", ".join(f"{what} {n}" for what, n in sorted(self.seen.items()))
        return (
            f"{self.profile}: {self.histories} histories, agreed after {half:g} s "
            f"(half of them), {most:g} s (all), needless kills {self.needless:.2%}\n"
            f"  {counters}"
        )
