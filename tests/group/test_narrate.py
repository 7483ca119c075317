"""Differences of the view become events, and a view becomes a snapshot of them."""

import pytest

from group._core.changes import GROUPS, REGISTRY, Change
from group._core.events import Entry, EventType
from group._core.keys import ALL, Pattern
from group._core.rows import Row
from tests.group.bench import HERE, THERE, Bench, entry, narrator, row, told


def changed(old: Row | None, new: Row | None, kind: str = REGISTRY) -> Change:
    return Change(kind, "", "key", old, new, None if old is None else "why")


def tell(change: Change) -> list[tuple[str, str, str, object]]:
    return [told(event) for event in narrator().tell(change)]


def test_a_row_that_comes_is_registered_or_joined() -> None:
    assert tell(changed(None, row())) == [("registered", "key", "here#1", None)]
    assert tell(changed(None, row(), GROUPS)) == [("joined", "key", "here#1", None)]


def test_a_row_that_goes_is_unregistered_or_left() -> None:
    assert tell(changed(row(), None)) == [("unregistered", "key", "here#1", "why")]
    assert tell(changed(row(), None, GROUPS)) == [("left", "key", "here#1", "why")]


def test_a_new_owner_is_two_events() -> None:
    assert tell(changed(row(HERE), row(THERE))) == [
        ("unregistered", "key", "here#1", "why"),
        ("registered", "key", "there#1", None),
    ]


def test_a_new_meta_is_one_event_that_tells_the_last_one() -> None:
    (event,) = narrator().tell(changed(row(), row(meta=b"\xa11")))

    assert event.type is EventType.REGISTERED
    assert event.meta == {"meta": b"\xa11"}
    assert event.previous_meta == {"meta": b"\x80"}


def test_no_row_at_all_is_no_event() -> None:
    assert tell(changed(None, None)) == []


def test_the_default_cluster_has_no_name_in_events() -> None:
    here = narrator().tell(Change(REGISTRY, "", "key", None, row(), None))
    there = narrator().tell(Change(REGISTRY, "red", "key", None, row(), None))

    assert (here[0].cluster, there[0].cluster) == (None, "red")
    assert here[0].group == "demo"


def test_an_entry_is_made_once() -> None:
    made: list[Row] = []

    def realise(row: Row) -> Entry:
        made.append(row)
        return entry(row)

    teller, one = narrator(), row()
    teller.realise = realise

    assert teller.entry(one) is teller.entry(one)
    assert made == [one]


class TestSnapshots:
    def bench(self) -> Bench:
        bench = Bench()
        bench.register("a/x", 1)
        bench.join("a/x", 2)
        bench.register("b", 3)
        return bench

    def test_all_keys(self) -> None:
        bench = self.bench()

        events = narrator().describe(bench.tables, "", ALL)

        assert [told(event)[:3] for event in events] == [
            ("registered", "a/x", "here#1"),
            ("registered", "b", "here#3"),
            ("joined", "a/x", "here#2"),
        ]

    def test_one_key(self) -> None:
        events = narrator().describe(self.bench().tables, "", "b")

        assert [told(event)[1] for event in events] == ["b"]

    def test_a_key_that_nobody_has(self) -> None:
        assert narrator().describe(self.bench().tables, "", "none") == ()

    def test_a_prefix(self) -> None:
        events = narrator().describe(self.bench().tables, "", "a/")

        assert [told(event)[1] for event in events] == ["a/x", "a/x"]

    def test_a_prefix_where_there_is_nothing(self) -> None:
        assert narrator().describe(Bench().tables, "", "a/") == ()

    def test_a_cluster_that_this_node_is_not_in(self) -> None:
        assert narrator().describe(self.bench().tables, "red", ALL) == ()

    @pytest.mark.parametrize("by_name", [False, True], ids=["all", "one key"])
    def test_keys_of_another_shard_are_not_told(self, *, by_name: bool) -> None:
        bench = Bench(place=(0, 2))
        mine = next(key for key in "abcdef" if bench.tables.owns("", key))
        other = next(key for key in "abcdef" if not bench.tables.owns("", key))
        bench.register(mine, 1)
        bench.views[""].registry[other] = row()

        patterns: list[Pattern] = [mine, other] if by_name else [ALL]
        events = [
            event
            for pattern in patterns
            for event in narrator().describe(bench.tables, "", pattern)
        ]

        assert [event.key for event in events] == [mine]
