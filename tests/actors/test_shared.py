"""A dict that changes while it is read."""

import pytest

from actors._shared import items_of
from tests.collecting import at_each_collection

Shared = dict[int, str]
# More than the interpreter keeps tuples to give out again: new ones count for the
# collector, those do not.
MANY = 10_000


def add(shared: Shared) -> None:
    shared[len(shared)] = "new"


def drop(shared: Shared) -> None:
    if shared:
        shared.popitem()


def test_items_are_read_while_items_come() -> None:
    shared: Shared = dict.fromkeys(range(MANY), "old")

    with at_each_collection(lambda: add(shared)):
        items = items_of(shared)

    assert items[:MANY] == [(n, "old") for n in range(MANY)]
    assert len(shared) > MANY


def test_items_are_read_while_items_go() -> None:
    shared: Shared = dict.fromkeys(range(MANY), "old")

    with at_each_collection(lambda: drop(shared)):
        items = items_of(shared)

    assert len(shared) < MANY
    assert items == [(n, "old") for n in range(len(items))]


def test_the_plain_way_fails_here() -> None:
    shared: Shared = dict.fromkeys(range(MANY), "old")

    with pytest.raises(RuntimeError), at_each_collection(lambda: add(shared)):
        list(shared.items())
