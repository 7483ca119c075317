"""Hurt every point in turn: `python -m tests.injection`."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Iterable
from time import monotonic

from tests.injection.campaign import all_points, results
from tests.injection.points import Point
from tests.injection.probes import Probes
from tests.injection.run import Result, run

REPORT_EVERY = 10.0
JOBS = 2


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.injection")
    parser.add_argument("--replay", help="the point that a run has printed")
    parser.add_argument("--only", default="", help="points that contain these words")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes")
    parser.add_argument("--times", type=int, default=1, help="of a replay")
    return parser.parse_args()


def main() -> int:
    """Hurt all points, or replay one."""
    given = options()
    if given.replay is not None:
        return replay(Point.read(given.replay), given.times)
    with contextlib.redirect_stdout(io.StringIO()), Probes().laid() as probes:
        points = [each for each in all_points(probes) if given.only in str(each)]
    began = monotonic()
    print(f"{len(points)} points", flush=True)
    return judged(results(points, given.jobs), len(points), began)


def replay(point: Point, times: int) -> int:
    """Run one point, with its log."""
    with Probes().laid() as probes:
        found = [run(probes, point) for _ in range(times)]
    bad = [result for result in found if result.problem]
    reached = sum(result.reached for result in found)
    print(f"{point}: reached {reached} of {times} times")
    for result in bad:
        print(result)
    return 1 if bad else 0


def judged(found: Iterable[Result], count: int, began: float) -> int:
    """Print progress, violations and the sum."""
    done: list[Result] = []
    told = began
    for result in found:
        done.append(result)
        if result.problem:
            print(f"VIOLATION {result}", flush=True)
        if monotonic() - told > REPORT_EVERY:
            told = monotonic()
            print(f"  {len(done)}/{count}, {told - began:.0f} s", flush=True)
    bad = [result for result in done if result.problem]
    reached = sum(result.reached for result in done)
    slowest = max(done, key=lambda result: result.slowest)
    print(
        f"{reached} of {len(done)} points reached, {len(bad)} violations; "
        f"{sum(result.calls for result in done):,} calls, the slowest "
        f"{slowest.slowest * 1000:.0f} ms at {slowest.point}; "
        f"{monotonic() - began:.0f} s"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
