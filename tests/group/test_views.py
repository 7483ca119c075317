"""What readers see without a lock."""

from group._core.views import Members, PrefixIndex
from tests.group.bench import HERE, THERE, row


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

    assert index.under("a/") == ["a/b/c", "a/d"]
    assert index.under("a/b/") == ["a/b/c"]
    assert index.under("b/") == []


def test_a_key_that_is_discarded_is_found_no_more() -> None:
    index = PrefixIndex()
    index.add("a/b")
    index.add("a/c")

    index.discard("a/b")
    index.discard("x/y")
    assert index.under("a/") == ["a/c"]
    index.discard("a/c")

    assert index.under("a/") == []
    assert index._keys == {}
