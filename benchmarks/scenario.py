"""A scenario: a world that is set up once, and cases that take turns in it."""

import gc
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.readings import Reading, Rounds

Case = Callable[[], Iterable[Reading]]
"""Runs once and says what it found."""


class Size(NamedTuple):
    """How large the scenarios are: 1.0 is what the documentation speaks of.

    A run at a tenth has a tenth of the repetitions, but the same shapes, as far as they
    are quick; only below that they become smaller as well.
    """

    scale: float
    references: bool = True
    """Also what has to be installed to be compared with."""

    def of(self, full: int, least: int = 1) -> int:
        """Return so many of `full` as this size allows, but at least `least`."""
        return max(least, min(full, round(full * self.scale)))

    def shape(self, full: int, least: int = 1) -> int:
        """The same of a number that a figure depends on: members, owners, keys."""
        return Size(self.scale * 10).of(full, least)


World = Callable[[Size], Iterator[Sequence[Case]]]


@dataclass(frozen=True)
class Scenario:
    """One scenario under the name that it has in the documentation."""

    name: str
    about: str
    world: Callable[[Size], AbstractContextManager[Sequence[Case]]]

    def run(self, size: Size, rounds: int, *, warm_up: bool = True) -> Rounds:
        """Run all cases once to warm up, and then in turns, `rounds` times."""
        found = Rounds()
        with self.world(size) as cases:
            for case in cases if warm_up else ():
                list(case())
            for _ in range(rounds):
                for case in cases:
                    # What the case before has left behind is not this one's cost. Not
                    # the oldest, which with 100,000 members would take a second.
                    gc.collect(1)
                    found.add(case())
        return found


def scenario(world: World) -> Scenario:
    """Make a generator that yields its cases once a scenario of the same name.

    The first line of its docstring says what it measures.
    """
    name = world.__name__
    about = (world.__doc__ or name).partition("\n")[0]
    return Scenario(name, about, contextmanager(world))


Pause = tuple[float, float] | None
"""Seconds between two writes, at least and at most; None for none."""
PACED = (0.003, 0.012)


def pauses(between: Pause, count: int) -> Iterator[None]:
    """Yield so often, with a pause before each; the same pauses in every round."""
    chance = random.Random(count)
    for _ in range(count):
        if between is not None:
            time.sleep(chance.uniform(*between))
        yield


clock = time.perf_counter_ns
"""Nanoseconds; on Linux CLOCK_MONOTONIC, one clock for all processes of a machine."""


def rate(count: int, work: Callable[[], object]) -> float:
    """Return how often a second `work` does what it does `count` times."""
    began = clock()
    work()
    return count * 1e9 / (clock() - began)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent are at or below."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return ordered[min(last, round(percent / 100 * last))]
