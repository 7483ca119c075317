"""Every node picks the same winner, in whatever order the claims arrive."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from group._core.conflict import Rank, constant_rank, winner
from group._core.rows import Row
from tests.group.bench import HERE, THERE, YONDER, row

claims = st.builds(
    row,
    origin=st.sampled_from([HERE, THERE, YONDER]),
    n=st.integers(1, 3),
    stamp=st.integers(1, 3),
    meta=st.sampled_from([b"\xa11", b"\xa12"]),
)
# At most one claim of each node, as in a table.
contests = st.lists(claims, min_size=1, max_size=3, unique_by=lambda row: row.origin)


def by_meta(key: str, row: Row) -> object:
    return row.meta


ranks: st.SearchStrategy[Rank] = st.sampled_from([constant_rank, by_meta])


def test_the_newest_claim_wins() -> None:
    old, new = row(THERE, stamp=1), row(HERE, stamp=2)

    assert winner("key", [old, new], constant_rank) is new


def test_a_rank_comes_before_age() -> None:
    high, new = row(THERE, stamp=1, meta=b"\xa12"), row(HERE, stamp=2, meta=b"\xa11")

    assert winner("key", [high, new], by_meta) is high


def test_equal_stamps_are_settled_by_node_then_actor() -> None:
    assert winner("key", [row(THERE), row(HERE)], constant_rank).origin == THERE
    assert winner("key", [row(n=1), row(n=2)], constant_rank).n == 2


@given(contests, ranks, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(
    rows: list[Row], rank: Rank, random: Random
) -> None:
    shuffled = rows[:]
    random.shuffle(shuffled)

    assert winner("key", rows, rank) is winner("key", shuffled, rank)


@given(contests)
def test_settling_twice_changes_nothing(rows: list[Row]) -> None:
    best = winner("key", rows, constant_rank)

    assert winner("key", [best, best], constant_rank) is best
    assert winner("key", [best, *rows], constant_rank) is best


@given(st.lists(st.integers(1, 2), min_size=3, max_size=3), ranks)
def test_it_does_not_matter_which_two_are_settled_first(
    stamps: list[int], rank: Rank
) -> None:
    nodes = (HERE, THERE, YONDER)
    one, two, three = (row(nodes[i], stamp=stamps[i]) for i in range(3))

    def settle(left: Row, right: Row) -> Row:
        return winner("key", [left, right], rank)

    assert settle(settle(one, two), three) is settle(one, settle(two, three))
    assert settle(one, two) is settle(two, one)
