"""What is aimed at, as `data/targets.toml` has it, and whether a run has reached it."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.readings import Rounds, Series

DATA = Path(__file__).with_name("data") / "targets.toml"
GROUP = "group"
"""The figures of Elixir's Group, which is in no package index."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One line of `data/targets.toml`; see there."""

    row: int
    what: str
    scenario: str
    ours: str
    least: float | None = None
    most: float | None = None
    within: float | None = None
    bound: float | None = None
    also: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> float:
        """By Group's figure, unless `within` says it in the reading's own unit."""
        (found,) = (
            limit for limit in (self.least, self.most, self.within) if limit is not None
        )
        return found

    @property
    def sign(self) -> str:
        """Which side of the limit is the good one."""
        return "<=" if self.least is None else ">="


@dataclass(frozen=True, kw_only=True)
class Check:
    """One limit, and what a run has found.

    Attributes:
        target: Which it belongs to.
        opponent: Whom it is measured by; "" for none but the unit itself.
        limit: As many times the opponent, at least or at most.
        times: What was found; None when nothing could be.
        through: The reference measured in the same run; "" for none.
        quotient: Ours by the reference, measured.
        figure: The opponent by the reference, from the table; 1 when they are the same.
    """

    target: Target
    opponent: str
    limit: float
    times: float | None = None
    through: str = ""
    quotient: float | None = None
    figure: float = 1.0

    @cached_property
    def met(self) -> bool:
        """Whether the limit is kept; what was not measured is not met."""
        if self.times is None:
            return False
        if self.target.sign == ">=":
            return self.times >= self.limit
        return self.times <= self.limit

    @property
    def distance(self) -> float | None:
        """How many times the limit; 1 or more has met it."""
        if self.times is None:
            return None
        near, far = self.times, self.limit
        return near / far if self.target.sign == ">=" else far / near

    @property
    def of_bound(self) -> float | None:
        """How near to what CPython can do: 1 is there."""
        bound = self.target.bound
        if bound is None or self.times is None or self.opponent != GROUP:
            return None
        return self.times / bound if self.target.sign == ">=" else bound / self.times


def targets(path: Path = DATA) -> list[Target]:
    """Read all targets, in the order of their rows."""
    with path.open("rb") as file:
        return [Target(**each) for each in tomllib.load(file)["target"]]


def judge(target: Target, found: Rounds) -> Iterator[Check]:
    """Check a target and the others it names; the target itself first."""
    ours = found.series.get(target.ours)
    if target.within is not None:
        times = None if ours is None else ours.median
        yield Check(target=target, opponent="", limit=target.limit, times=times)
        return
    yield _check(target, GROUP, target.limit, ours, found)
    for opponent, limit in target.also.items():
        yield _check(target, opponent, limit, ours, found)


def _check(
    target: Target, opponent: str, limit: float, ours: Series | None, found: Rounds
) -> Check:
    check = Check(target=target, opponent=opponent, limit=limit)
    reference = _reference(target, opponent, found)
    if ours is None or reference is None:
        return check
    series = found.series[target.measured[reference]]
    quotient = found.ratio(ours, series).times
    figure = 1.0
    if reference != opponent:
        figure = target.figures[opponent] / target.figures[reference]
    return Check(
        target=target,
        opponent=opponent,
        limit=limit,
        times=quotient / figure,
        through=series.name,
        quotient=quotient,
        figure=figure,
    )


def _reference(target: Target, opponent: str, found: Rounds) -> str | None:
    """Choose by what to measure an opponent: itself, else the first with a figure."""
    here = [name for name, series in target.measured.items() if series in found.series]
    if opponent in here:
        return opponent
    usable = (name for name in here if name in target.figures)
    return next(usable, None) if opponent in target.figures else None
