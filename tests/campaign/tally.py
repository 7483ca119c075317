"""What a campaign has done and measured, and the times that are promised."""

from collections import Counter
from dataclasses import dataclass, field

from tests.campaign.state import HANDSHAKE, HEARTBEAT, LEASE
from transport._core import backoff

LINK_TIME = LEASE + HANDSHAKE + backoff.LONGEST
"""Seconds after which all are linked again: a dead link is noticed, a dial that hangs
is given up, and the next one comes."""

AGREE_TIME = 3 * HEARTBEAT


@dataclass
class Tally:
    """What a campaign has done and measured."""

    episodes: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    evictions: int = 0
    lives: int = 0
    linked: list[float] = field(default_factory=list)
    agreed: list[float] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "none")
    open_rows: int = 0
    lags: int = 0
    rows: int = 0

    @property
    def calls(self) -> int:
        return self.outcomes.total()

    def note(self, took: float, what: str) -> None:
        """Remember the slowest of the calls that need no peer."""
        self.slowest = max(self.slowest, (took, what))

    def __str__(self) -> str:
        took, what = self.slowest
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(self.faults.items()))
        ends = ", ".join(f"{what} {n}" for what, n in sorted(self.outcomes.items()))
        return (
            f"{self.episodes} episodes, {self.faults.total()} faults ({kinds})\n"
            f"{self.lives} lives of nodes, {self.evictions} evictions, "
            f"{self.rows} rows checked, {self.open_rows} of them uncertain, "
            f"{self.lags} lags\n"
            f"links up after {_spread(self.linked)} (stated {LINK_TIME:g} s), "
            f"agreed {_spread(self.agreed)} later (stated {AGREE_TIME:g} s)\n"
            f"{self.calls} calls, slowest that needs no peer: {what} {took:.3f} s\n"
            f"calls by end: {ends}"
        )


def _spread(times: list[float]) -> str:
    if not times:
        return "-"
    ordered = sorted(times)
    middle = ordered[len(ordered) // 2]
    return f"{middle:.2f} s (most {ordered[-1]:.2f} s)"
