"""What kinds of faults a history has, and how much of everything."""

from dataclasses import dataclass, replace

SHARDS = 2
LOG_SIZE = 8
CLUSTERS = ("", "red")
KEYS = ("k/0", "k/1", "k/2")

HEARTBEAT, LEASE, GRACE = 1.0, 5.0, 2.0
"""Seconds of virtual time, as a node's defaults are."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A kind of history. Durations in virtual seconds, rates per virtual second.

    Attributes:
        faults: Names of functions in `faults.py`, all equally likely.
        late_joiner: Whether one host starts after the others.
        sealed: Whether every frame carries a MAC.
        chaos: Share of frames that is dropped, doubled or held back inside a link,
            which is worse than TCP can be.
        ranked: Whether the meta decides conflicts, not the age.
        skew: How far each wall clock may be off. Two that differ by less than a
            minute are merged; beyond that only agreement is promised.
    """

    hosts: int = 3
    duration: float = 30.0
    calls_per_second: float = 12.0
    faults: tuple[str, ...] = ("reset", "crash", "delay")
    faults_per_second: float = 0.6
    late_joiner: bool = True
    sealed: bool = False
    chaos: float = 0.0
    ranked: bool = False
    skew: float = 25.0


STANDARD = Profile()
PARTITIONS = Profile(
    faults=("reset", "crash", "delay", "block", "oneway", "pause", "clock")
)
EVERYTHING = replace(PARTITIONS, faults=(*PARTITIONS.faults, "shard"))

PROFILES = {
    "standard": STANDARD,
    "partitions": PARTITIONS,
    "shards": Profile(faults=("reset", "crash", "delay", "shard", "shard", "shard")),
    "chaos": replace(EVERYTHING, chaos=0.03),
    "sealed": Profile(sealed=True),
    "ranked": replace(EVERYTHING, ranked=True),
    "wild-clocks": replace(EVERYTHING, skew=3600.0),
    "lossy": Profile(
        faults=("reset", "block"), chaos=0.3, calls_per_second=6.0, duration=15.0
    ),
    "crumbling": Profile(faults=("shard",), faults_per_second=4.0),
    "cut-off": Profile(faults=("crash", "block", "oneway"), faults_per_second=1.0),
    "five": replace(EVERYTHING, hosts=5),
    "seven": replace(EVERYTHING, hosts=7),
}
