"""Where a run is hurt, and how."""

from __future__ import annotations

from typing import Literal, NamedTuple, Self, cast

How = Literal["kill", "raise", "before", "after", "rebuild"]

SHARDS = 2
ACTORS = (
    *("data", "shards", *(f"shard{index}" for index in range(SHARDS))),
    *("monitors", "leases", "ops"),
)
"""Every supervised actor of the tree, as the tree numbers them."""


class Point(NamedTuple):
    """One moment of the workload.

    `kill` and `raise` hurt an actor just before a step. `before` and `after` raise in
    a step, at a function's `call`-th call there; `rebuild` kills shard 0 before the
    step, and raises while the next one takes up the tables.
    """

    how: How
    what: str
    step: int
    call: int = 0

    def __str__(self) -> str:
        return f"{self.how}:{self.what}:{self.step}:{self.call}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the point that was printed."""
        how, what, step, call = text.split(":")
        return cls(cast("How", how), what, int(step), int(call))

    @property
    def is_between_steps(self) -> bool:
        """Whether it is an actor that is hurt, and not a turn."""
        return self.how in ("kill", "raise")


def between_steps(steps: int) -> list[Point]:
    """Every actor, before every step and after the last, in two ways."""
    ways: tuple[How, ...] = ("kill", "raise")
    return [
        Point(how, actor, step)
        for actor in ACTORS
        for how in ways
        for step in range(steps + 1)
    ]
