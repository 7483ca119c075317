"""How often, and since when, one actor is in one group of a scope.

An actor that joins a group again is in it once more. All its occurrences are one row of
the group, whose meta is written here: one run for each time it has joined, the oldest
first, a run being a stamp of 8 bytes and a count of 4. Leaving takes away the oldest.

Any bytes can be read, also those of a peer that writes nonsense: that counts as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from struct import Struct
from typing import NamedTuple

from group._core.choosing import Age, Measure
from group._core.rows import Row

MAX_RUNS = 5_000
"""How often an actor can join one group and not leave; bounded by a meta's size."""
MAX_COUNT = 1_000_000
"""Occurrences of one actor in one group."""

_RUN = Struct(">QI")
_STAMP = Struct(">Q")


class Run(NamedTuple):
    """Occurrences that began at once."""

    stamp: int
    number: int


Runs = tuple[Run, ...]


def read(row: Row) -> Runs:
    """Return the occurrences of a row, the oldest first."""
    if not row.meta or len(row.meta) % _RUN.size:
        return (Run(row.stamp, 1),)
    return tuple(
        Run(stamp, min(max(number, 1), MAX_COUNT))
        for stamp, number in _RUN.iter_unpack(row.meta)
    )


def write(runs: Runs) -> bytes:
    """Write occurrences, of which there is at least one."""
    return b"".join(_RUN.pack(*run) for run in runs)


def count(runs: Runs) -> int:
    """Return how many occurrences there are."""
    return sum(run.number for run in runs)


def without_oldest(runs: Runs, number: int) -> Runs:
    """Return what is left when the oldest are taken away; maybe nothing."""
    for at, run in enumerate(runs):
        if run.number > number:
            return (Run(run.stamp, run.number - number), *runs[at + 1 :])
        number -= run.number
    return ()


class Difference(NamedTuple):
    """How many occurrences came and how many went."""

    came: int
    went: int


def difference(before: Runs, after: Runs) -> Difference:
    """Compare occurrences by their stamps."""
    had, has = _by_stamp(before), _by_stamp(after)
    return Difference((has - had).total(), (had - has).total())


def _by_stamp(runs: Runs) -> Counter[int]:
    counted: Counter[int] = Counter()
    for stamp, number in runs:
        counted[stamp] += number
    return counted


# Choosing: by the age of an occurrence, and each occurrence as likely as any other.


def _oldest(row: Row) -> Age:
    return _stamp(row, 0), row.origin, row.n


def _newest(row: Row) -> Age:
    return _stamp(row, len(row.meta) - _RUN.size), row.origin, row.n


def _stamp(row: Row, at: int) -> int:
    """Return the stamp of one run, without a look at the others."""
    meta = row.meta
    if not meta or len(meta) % _RUN.size:
        return row.stamp
    stamp: int = _STAMP.unpack_from(meta, at)[0]
    return stamp


def _weight(row: Row) -> int:
    return count(read(row))


OCCURRENCES = Measure(_oldest, _newest, _weight)
"""Members of a scope's group: each counts as often as it has joined."""


def newest_first(rows: Iterable[Row]) -> list[Row]:
    """Return the row of every occurrence, from the newest to the oldest.

    By stamp, then by node and actor, so that all nodes agree.
    """
    ages = [
        (run.stamp, row.origin, row.n, run.number, row)
        for row in rows
        for run in read(row)
    ]
    ages.sort(key=lambda each: each[:3], reverse=True)
    return [row for *_, number, row in ages for _ in range(number)]


RUNS = "runs"
"""The word under which readers find the occurrences in what they get of a row."""


def runs_in(meta: Mapping[str, object] | None) -> Runs:
    """Return the occurrences that an event tells of."""
    runs = None if meta is None else meta[RUNS]
    return runs if isinstance(runs, tuple) else ()
