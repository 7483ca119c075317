"""Rows, their digests, and who has which."""

from group._core.rows import OwnerIndex, row_digest
from tests.group.bench import HERE, THERE, row


def test_rows_of_one_actor_are_told_by_node_and_number() -> None:
    assert row(HERE, 1, stamp=1).same_actor(row(HERE, 1, stamp=2))
    assert not row(HERE, 1).same_actor(row(THERE, 1))
    assert not row(HERE, 1).same_actor(row(HERE, 2))


def test_a_row_names_its_actor() -> None:
    assert repr(row(HERE, 7, stamp=3)) == "<Row Actor#7@here 3>"


def test_a_digest_is_the_same_in_every_process() -> None:
    assert row_digest("key", row(HERE, 7, 3)) == 832025057252746094


def test_a_digest_tells_registrations_from_memberships() -> None:
    one = row(HERE, 1)

    assert row_digest("key", one) != row_digest(("key", 1), one)


def test_a_digest_covers_actor_stamp_key_and_meta() -> None:
    digests = {
        row_digest("key", row()),
        row_digest("kex", row()),
        row_digest("key", row(n=2)),
        row_digest("key", row(stamp=2)),
        row_digest("key", row(meta=b"\xa11")),
    }

    assert len(digests) == 5


def test_values_that_are_swapped_between_rows_do_not_cancel_out() -> None:
    one = row_digest("a", row(n=1)) ^ row_digest("b", row(n=2))
    swapped = row_digest("a", row(n=2)) ^ row_digest("b", row(n=1))

    assert one != swapped


class TestOwnerIndex:
    def test_it_gives_registrations_before_memberships(self) -> None:
        index = OwnerIndex()
        for row_key in (("group", 1), "key", ("other", 1)):
            index.add(1, row_key)

        assert index.of(1) == ["key", ("group", 1), ("other", 1)]

    def test_a_row_that_is_added_twice_is_there_once(self) -> None:
        index = OwnerIndex()
        index.add(1, "key")
        index.add(1, "key")

        assert index.of(1) == ["key"]

    def test_it_forgets_an_actor_with_its_last_row(self) -> None:
        index = OwnerIndex()
        index.add(1, "a")
        index.add(1, "b")
        index.add(2, "c")

        index.remove(1, "a")
        assert list(index) == [1, 2]
        index.remove(1, "b")
        index.remove(2, "c")

        assert len(index) == 0
        assert 1 not in index

    def test_what_is_not_there_cannot_be_removed(self) -> None:
        index = OwnerIndex()
        index.add(1, "a")

        index.remove(1, "b")
        index.remove(2, "a")

        assert index.of(1) == ["a"]
        assert index.of(2) == []
