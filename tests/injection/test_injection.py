"""A crash anywhere loses no row of a live actor, and no monitor: a sample of points.

All of them: `python -m tests.injection`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import pytest

from group._core.keys import DEFAULT, shard_of
from group._core.subscriptions import Subscriptions
from group._core.tables import Tables
from tests.crashes import OF_OURS
from tests.injection.campaign import all_points, sample
from tests.injection.points import SHARDS, Point
from tests.injection.probes import Probes
from tests.injection.run import run

# Of more than a thousand; what a change of the code may take away without a word.
FEWEST_POINTS = 500


@pytest.fixture
def probes(caplog: pytest.LogCaptureFixture) -> Iterator[Probes]:
    for name in ("actors", "group", "transport"):
        caplog.set_level(logging.CRITICAL, name)
    with Probes().laid() as laid:
        yield laid


@pytest.mark.crashes(
    "Data",
    "Shards",
    "ShardActor",
    "MonitorRegistry",
    "ClusterLease",
    "Operations",
    # Points are also in what other threads of ours call.
    *sorted(OF_OURS),
    by="PlannedError|killed|no such method|injection.points.Point",
    always=False,
)
@pytest.mark.slow
def test_a_crash_anywhere_loses_nothing(probes: Probes, seed: int) -> None:
    results = [run(probes, point) for point in sample(probes, seed)]

    bad = [str(result) for result in results if result.problem]
    assert not bad, "\n".join(bad)
    # What threads do in between may now and then lead past a point.
    assert sum(result.reached for result in results) > 0.9 * len(results)


@pytest.mark.crashes("ShardActor", by="killed")
def test_there_are_enough_points(probes: Probes) -> None:
    points = all_points(probes)

    assert len(points) == len(set(points)) >= FEWEST_POINTS
    assert all(Point.read(str(point)) == point for point in points)


def lose_a_row(tables: Tables) -> None:
    for lane in tables.lanes.values():
        lane.rows.pop("user/1", None)


def lose_monitors(tables: Tables) -> None:
    tables.subscriptions = Subscriptions()


def lose_a_death(tables: Tables) -> None:
    tables.watched.clear()


@pytest.mark.crashes("ShardActor", by="killed")
@pytest.mark.parametrize(
    ("fault", "step", "words"),
    [
        (lose_a_row, 14, "lacks registered user/1"),
        (lose_monitors, 14, "watcher a everything"),
        # Noticed by the dead, if the new shard is up when it ends; else by the living.
        (lose_a_death, 25, "is not watched|is gone: not true"),
    ],
)
def test_a_shard_that_takes_up_less_is_noticed(
    probes: Probes,
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[Tables], None],
    step: int,
    words: str,
) -> None:
    rewatch = Tables.rewatch

    def faulty(tables: Tables) -> None:
        rewatch(tables)
        if tables.lanes:
            fault(tables)

    shard = shard_of(DEFAULT, "user/1" if step == 14 else "user/3", SHARDS)
    monkeypatch.setattr(Tables, "rewatch", faulty)

    result = run(probes, Point("kill", f"shard{shard}", step))

    assert re.search(words, result.problem)
