"""What one case found in one round, and what all rounds say together."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


class Reading(NamedTuple):
    """One measured number.

    Attributes:
        name: The same in every round.
        value: In `unit`.
        unit: Ends in "/s" for rates, where more is better; else a time.
        against: Names of the readings that this one is put in proportion to.
    """

    name: str
    value: float
    unit: str
    against: tuple[str, ...] = ()


class Ratio(NamedTuple):
    """A reading as so many times another one of the same round, by median."""

    times: float
    of: str


@dataclass
class Series:
    """One reading over all rounds."""

    name: str
    unit: str
    against: tuple[str, ...]
    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)


class Rounds:
    """The readings of all rounds of one scenario, in the order of their names."""

    def __init__(self) -> None:
        self.series: dict[str, Series] = {}

    def add(self, readings: Iterable[Reading]) -> None:
        """Take what one case found in one round."""
        for name, value, unit, against in readings:
            series = self.series.setdefault(name, Series(name, unit, against))
            series.values.append(value)

    def ratios(self, series: Series) -> list[Ratio]:
        """Compare a series with those of its references that are here, by rounds."""
        return [
            self.ratio(series, self.series[name])
            for name in series.against
            if name in self.series
        ]

    def ratio(self, series: Series, reference: Series) -> Ratio:
        """Compare two series, round by round."""
        return Ratio(median(_quotients(series, reference)), reference.name)


def _quotients(series: Series, reference: Series) -> list[float]:
    if series.unit != reference.unit:
        raise ValueError(f"{series.name} is in {series.unit}, not {reference.unit}")
    pairs = zip(series.values, reference.values, strict=True)
    return [value / other for value, other in pairs]
