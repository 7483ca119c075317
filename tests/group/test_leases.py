"""Which leases are over, and when the next one is."""

from itertools import count

from group._core.leases import Leases
from tests.collecting import MANY, at_each_collection


def test_leases_end_in_the_order_of_their_ends() -> None:
    leases = Leases()
    leases.add("late", 30.0, 0.0)
    leases.add("early", 10.0, 0.0)

    assert leases.due(9.0) == []
    assert leases.next_end() == 10.0
    assert leases.next_end(but=["early"]) == 30.0
    assert leases.due(30.0) == ["early", "late"]


def test_leases_may_begin_while_they_are_looked_at() -> None:
    leases = Leases()
    names = (f"c/{number}" for number in count())

    def begin() -> None:
        leases.add(next(names), 60.0, 0.0)

    for _ in range(MANY):
        begin()
    leases.add("first", 10.0, 0.0)
    with at_each_collection(begin):
        due, next_end = leases.due(20.0), leases.next_end(but=["first"])

    assert (due, next_end) == (["first"], 60.0)
