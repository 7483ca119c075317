"""What readers see without a lock."""

import random
from collections.abc import Iterable
from typing import cast

from group._core.events import Entry
from group._core.keys import prefixes_of
from group._core.rows import Row
from group._core.views import Members, PrefixIndex
from tests.group.bench import HERE, THERE, entry, row


def test_members_are_given_in_the_order_they_came() -> None:
    members = Members(row(HERE, 2))
    members.put(row(THERE, 1))

    assert [each.n for each in members.snapshot()] == [2, 1]


def test_a_copy_is_kept_until_the_members_change() -> None:
    members = Members(row(HERE, 1))
    first = members.snapshot()

    assert members.snapshot() is first
    members.put(row(HERE, 2))

    assert len(members.snapshot()) == 2
    assert len(first) == 1


def test_a_member_is_gone_from_the_next_copy() -> None:
    one, two = row(HERE, 1), row(HERE, 2)
    members = Members(one)
    members.put(two)

    members.pop(one)
    members.pop(row(HERE, 3))

    assert members.snapshot() == (two,)


def test_a_key_is_found_under_each_of_its_prefixes() -> None:
    index = PrefixIndex()
    index.add("a/b/c")
    index.add("a/d")

    assert sorted(index.under("a/")) == ["a/b/c", "a/d"]
    assert index.under("a/b/") == ["a/b/c"]
    assert index.under("b/") == []
    assert index.under("a/b/c/") == []


def test_a_prefix_leads_to_all_below_it_and_is_forgotten_with_the_last() -> None:
    chance = random.Random(7)
    index, keys = PrefixIndex(), set[str]()

    for _ in range(2_000):
        key = "".join(chance.choices("ab//", k=chance.randrange(1, 7)))
        if chance.random() < 0.5:
            index.add(key)
            keys.add(key)
        else:
            index.discard(key)
            keys.discard(key)
        for prefix in ("/", "a/", "a/b/", "a//", *prefixes_of(key)):
            wanted = sorted(each for each in keys if each.startswith(prefix))
            assert sorted(index.under(prefix)) == wanted

    for key in keys:
        index.discard(key)
    assert (index._keys, index._below) == ({}, {})


def test_a_key_that_is_discarded_is_found_no_more() -> None:
    index = PrefixIndex()
    index.add("a/b")
    index.add("a/c")

    index.discard("a/b")
    index.discard("x/y")
    assert index.under("a/") == ["a/c"]
    index.discard("a/c")

    assert index.under("a/") == []
    assert (index._keys, index._below) == ({}, {})


def numbers(entries: Iterable[Entry]) -> list[object]:
    return [cast("tuple[str, int]", each.ref)[1] for each in entries]


def test_entries_are_kept_until_the_members_change() -> None:
    members = Members(row(HERE, 1))
    first = members.entries(entry)

    assert members.entries(entry) is first
    members.put(row(HERE, 2))
    second = members.entries(entry)
    members.pop(row(HERE, 1))
    third = members.entries(entry)

    assert [numbers(each) for each in (first, second, third)] == [[1], [1, 2], [2]]


def test_entries_that_a_change_has_overtaken_are_made_again() -> None:
    members = Members(row(HERE, 1))

    def disturbed(of: Row) -> Entry:
        # A member joins while a reader is in the middle of it.
        members.put(row(HERE, 2))
        return entry(of)

    assert numbers(members.entries(disturbed)) == [1]
    assert numbers(members.entries(entry)) == [1, 2]


def test_an_entry_that_was_read_before_is_not_made_again() -> None:
    one = row(HERE, 1)
    one.entry = entry(one)

    assert Members(one).entries(entry)[0] is one.entry
