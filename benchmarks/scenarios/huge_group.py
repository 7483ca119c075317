"""One key with 150,000 members, and a thousand joins and leaves a second."""

import gc
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from actors import AnyRef
from benchmarks.owners import lone_group, mailboxes
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, percentile, scenario
from group import Group

MEMBERS, PAIRS = 150_000, 500
A_SECOND = 1_000
"""Joins, and as many leaves."""
ROOM, SMALL_ROOM = "room/huge", "room/small"


@scenario
def huge_group(size: Size) -> Iterator[Sequence[Case]]:
    """One key with 150,000 members: a join and a leave, beside a lone member's."""
    members = size.of(MEMBERS, least=10)
    with uncollected(), lone_group() as group, mailboxes(members) as owners:
        for owner in owners[1:]:
            group.join(ROOM, actor=owner)
        # As in a program that has been running for long: what is there is not garbage.
        gc.freeze()
        gc.enable()
        yield [
            partial(pairs, group, owners[0], "of 1", SMALL_ROOM),
            partial(pairs, group, owners[0], "of 150,000", ROOM),
            partial(load, group, owners[1:], size.of(A_SECOND, least=5)),
        ]


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector from looking at all of them again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def pairs(group: Group, owner: AnyRef, name: str, key: str) -> Iterator[Reading]:
    """Join and leave; the processor time of the thread, by median."""
    took: list[float] = []
    for _ in range(PAIRS):
        began = time.thread_time_ns()
        group.join(key, actor=owner)
        group.leave(key, actor=owner)
        took.append((time.thread_time_ns() - began) / 1e3)
    against = () if key == SMALL_ROOM else ("join + leave, of 1",)
    yield Reading(f"join + leave, {name}", percentile(took, 50), "us", against)


def load(group: Group, owners: Sequence[AnyRef], count: int) -> Iterator[Reading]:
    """So many leave and join again, a thousand of each a second."""
    took: list[float] = []
    cpu, began = time.thread_time_ns(), time.monotonic()
    for number in range(count):
        owner = owners[number % len(owners)]
        time.sleep(max(0.0, began + number / A_SECOND - time.monotonic()))
        for write in (group.leave, group.join):
            before = clock()
            write(ROOM, actor=owner)
            took.append((clock() - before) / 1e3)
    share = (time.thread_time_ns() - cpu) / 1e7 / (time.monotonic() - began)
    for percent in (50, 99):
        name = f"1,000 joins and leaves a second: p{percent}"
        yield Reading(name, percentile(took, percent), "us")
    yield Reading("1,000 joins and leaves a second: of one core", share, "%")
