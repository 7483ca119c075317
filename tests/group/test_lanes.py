"""Lanes: rows with a hash, a log, and copies that must hash alike."""

from hypothesis import given
from hypothesis import strategies as st

from group._core.lanes import Inbound, Lane, Rows, lane_digest
from group._core.messages import DelReg, Reason
from group._core.rows import RowKey, row_digest
from tests.group.bench import THERE, row

row_keys: st.SearchStrategy[RowKey] = st.sampled_from(["a", "b", ("a", 1), ("b", 2)])
steps = st.lists(st.tuples(row_keys, st.integers(0, 3)), max_size=20)


def gone(key: str) -> DelReg:
    return DelReg(key, Reason("word", "leave"))


class TestRows:
    def test_a_row_replaces_the_one_of_its_key(self) -> None:
        rows = Rows()
        one, two = row(n=1), row(n=2)

        assert rows.put("key", one) is None
        assert rows.put("key", two) is one

        assert rows.by_owner.of(1) == []
        assert rows.by_owner.of(2) == ["key"]

    def test_what_is_not_there_cannot_be_taken_out(self) -> None:
        assert Rows().pop("key") is None

    def test_the_hash_is_the_xor_of_all_rows(self) -> None:
        rows = Rows()
        rows.put("key", row(n=1))
        rows.put(("key", 2), row(n=2))

        wanted = row_digest("key", row(n=1)) ^ row_digest(("key", 2), row(n=2))
        assert rows.hash() == wanted
        assert rows.hash() == wanted

    def test_a_row_that_comes_and_goes_leaves_the_hash_alone(self) -> None:
        rows = Rows()
        rows.put("key", row(n=1))
        before = rows.hash()

        rows.put("other", row(n=2))
        rows.pop("other")

        assert rows.hash() == before

    @given(steps)
    def test_the_hash_depends_on_the_rows_alone(
        self, changes: list[tuple[RowKey, int]]
    ) -> None:
        rows = Rows()
        for index, (row_key, n) in enumerate(changes):
            if n:
                rows.put(row_key, row(n=n))
            else:
                rows.pop(row_key)
            if index % 3 == 0:
                rows.hash()

        fresh = Rows()
        for row_key, each in rows.rows.items():
            fresh.put(row_key, each)

        assert rows.hash() == fresh.hash()

    def test_rehashing_makes_hash_and_index_from_the_rows(self) -> None:
        rows = Rows()
        rows.put("key", row(n=1))
        before = rows.hash()
        rows.by_owner.remove(1, "key")
        rows._hash = 7

        rows.rehash()

        assert rows.hash() == before
        assert rows.by_owner.of(1) == ["key"]

    def test_registrations_are_listed_first(self) -> None:
        rows = Rows()
        for row_key in (("a", 1), "key"):
            rows.put(row_key, row())

        assert rows.ordered() == ["key", ("a", 1)]


class TestLane:
    def test_the_log_keeps_the_last_operations(self) -> None:
        lane = Lane(0, "", log_size=2)
        for key in "abc":
            lane.log(gone(key))

        assert (lane.head, lane.floor) == (3, 2)
        assert lane.since(1) == [gone("b"), gone("c")]
        assert lane.since(2) == [gone("c")]

    def test_an_empty_lane_begins_at_one(self) -> None:
        lane = Lane(0, "", log_size=2)

        assert (lane.head, lane.floor) == (0, 1)
        assert lane.digest() == 0

    def test_a_restart_burns_a_position_and_empties_the_log(self) -> None:
        lane = Lane(0, "", log_size=4)
        lane.put("a", row())
        lane.log(gone("a"))
        before = lane.hash()

        lane.restart()

        assert (lane.head, lane.floor) == (2, 3)
        assert lane.hash() == before


class TestInbound:
    def test_a_copy_in_step_has_the_digest_of_its_lane(self) -> None:
        lane, copy = Lane(3, "red", 4), Inbound(3, "red")
        for rows in (lane, copy):
            rows.put("a", row(THERE))
        lane.log(gone("b"))
        copy.cursor = 1

        assert copy.digest() == lane.digest() != 0

    def test_a_copy_at_no_known_position_has_none(self) -> None:
        copy = Inbound(3, "red")
        copy.put("a", row(THERE))

        assert copy.digest() == 0


def test_a_digest_covers_lane_position_and_rows() -> None:
    digests = {
        lane_digest(0, 1, 1),
        lane_digest(1, 1, 1),
        lane_digest(0, 2, 1),
        lane_digest(0, 1, 2),
    }

    assert len(digests) == 4
