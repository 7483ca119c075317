"""All points there are: found by running the workload unhurt."""

from __future__ import annotations

import contextlib
import io
import logging
import multiprocessing
import random
from collections.abc import Iterator

from tests.injection.points import Point, between_steps
from tests.injection.probes import Probes, points_of
from tests.injection.run import Result, run
from tests.injection.workload import STEPS

REBUILT_BEFORE = tuple(range(9, len(STEPS) + 1, 12))
"""Steps before which a shard is killed whose successor is hurt as well."""


OF_ONE_SHARD = "kill:shard1:"
SHORT = 60


class UncleanError(Exception):
    """The workload fails with nobody hurt: no injury would say anything."""


def inside(probes: Probes) -> list[Point]:
    """Every call of the probed functions, in a run in which nobody is hurt."""
    return _counted(probes, None)


def rebuilding(probes: Probes) -> list[Point]:
    """Every call in the turns in which a new shard takes up the tables."""
    return [
        point
        for step in REBUILT_BEFORE
        for point in _counted(probes, Point("rebuild", "none", step))
        if point.step == step
    ]


def all_points(probes: Probes) -> list[Point]:
    """Every point of the workload."""
    return between_steps(len(STEPS)) + inside(probes) + rebuilding(probes)


def sample(probes: Probes, seed: int) -> list[Point]:
    """Return every kill of one shard between two steps, and some of all the others."""
    points = all_points(probes)
    whole = [point for point in points if str(point).startswith(OF_ONE_SHARD)]
    others = [point for point in points if point not in whole]
    return whole + random.Random(seed).sample(others, SHORT)


def quietly(points: list[Point]) -> list[Result]:
    """Run points in this process; crashes that are planned are not logged."""
    logging.disable(logging.CRITICAL)
    with contextlib.redirect_stdout(io.StringIO()), Probes().laid() as probes:
        return [run(probes, point) for point in points]


def results(points: list[Point], jobs: int) -> Iterator[Result]:
    """Run points in several processes, a few at a time."""
    batches = [points[at : at + 5] for at in range(0, len(points), 5)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs) as pool:
        for batch in pool.imap(quietly, batches):
            yield from batch


def _counted(probes: Probes, point: Point | None) -> list[Point]:
    result = run(probes, point)
    if result.problem:
        raise UncleanError(result.problem)
    return points_of(result.counts)
