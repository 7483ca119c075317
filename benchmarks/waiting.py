"""Waiting until something is seen, and saying when; a look every half millisecond."""

import time
from collections.abc import Callable, Iterable
from functools import partial

from benchmarks.owners import PATIENCE
from benchmarks.scenario import clock
from group import Group

NAP = 0.0005
"""Seconds between two looks."""


def await_true(seen: Callable[[], object]) -> int:
    """Return the time at which something was first seen to be true (ns).

    Raises:
        TimeoutError: It was not within a minute.
    """
    deadline = clock() + int(PATIENCE * 1e9)
    while not seen():
        if clock() > deadline:
            raise TimeoutError("what is waited for does not come")
        time.sleep(NAP)
    return clock()


def await_peer(group: Group) -> int:
    """Return when the group has met another node."""
    return await_true(group.nodes)


def await_count(group: Group, count: int) -> int:
    """Return the time at which so many keys were seen."""
    return await_true(lambda: group.registry_count() == count)


def await_members(group: Group, key: str, count: int) -> int:
    """Return the time at which a group was seen to have so many members."""
    return await_true(lambda: group.member_count(key) == count)


def await_each(names: Iterable[str], seen: Callable[[str], object]) -> int:
    """Return the time at which it was true of the last name; of one after another."""
    when = clock()
    for name in names:
        when = await_true(partial(seen, name))
    return when


def rows_of(group: Group) -> int:
    """Return how many keys and memberships of the default cluster are known."""
    return sum(1 for _ in group.entries())


def await_rows(group: Group, count: int) -> int:
    """Return the time at which so many rows of the default cluster were seen."""
    return await_true(lambda: rows_of(group) == count)
