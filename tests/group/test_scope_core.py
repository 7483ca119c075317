"""The pure core of scopes: occurrences, batches that are carried out as a whole."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from group._core import messages as wire
from group._core import occurrences
from group._core import requests as ask
from group._core.changes import GROUPS
from group._core.conflict import constant_rank
from group._core.events import EventType
from group._core.keys import DEFAULT
from group._core.lanes import Lane
from group._core.occurrences import MAX_COUNT, MAX_RUNS, OCCURRENCES, Run, Runs
from group._core.rows import Row
from group._core.scoped import (
    Freeze,
    Frozen,
    JoinCounts,
    LeaveCounts,
    NotIn,
    PatternIndex,
    ScopeLocal,
    ScopeShard,
    ScopeTables,
    TooMany,
)
from tests.group.bench import FOREVER, HERE, THERE, Bench, narrator
from transport import NodeId


class ScopeBench(Bench):
    """A scope's shard in no thread."""

    tables: ScopeTables

    def __init__(self, node: NodeId = HERE) -> None:
        self.node = node
        self.log_size = 8
        self.views = {}
        self.condemned = set()
        self.tables = ScopeTables(node, (0, 1), self.views, constant_rank)
        self.shard = self.new_shard()
        self.now, self.wall = 0.0, 1_000
        self.effects = []
        self.next = 0
        self.do(ask.OpenCluster(DEFAULT, 0, 1))

    def new_shard(self) -> ScopeShard:
        return ScopeShard(self.tables, narrator(), self.condemned, self.log_size)

    def joins(self, n: int, counts: dict[str, int]) -> object:
        self.next += 1
        request = JoinCounts(self.next, n, "Actor", tuple(counts.items()), FOREVER)
        return self.do(request)

    def leaves(self, n: int, counts: dict[str, int] | None) -> object:
        self.next += 1
        some = None if counts is None else tuple(counts.items())
        return self.do(LeaveCounts(self.next, n, some, FOREVER))

    def counts(self, n: int, node: NodeId = HERE) -> dict[str, int]:
        return {
            key: occurrences.count(occurrences.read(members.rows[(node, n)]))
            for key, members in self.views[DEFAULT].groups.items()
            if (node, n) in members.rows
        }

    def runs(self, key: str, n: int) -> Runs:
        return occurrences.read(self.views[DEFAULT].groups[key].rows[(HERE, n)])

    def crash_and_rebuild(self) -> None:
        """Let a new shard take the tables up, as the shell does after a crash."""
        self.shard = self.new_shard()
        self.do(ask.Rebuild(1, ((DEFAULT, 0),), ()))


# Occurrences

runs = st.lists(st.tuples(st.integers(1, 99), st.integers(1, 9)), max_size=6).map(
    lambda pairs: tuple(Run(stamp, number) for stamp, number in sorted(pairs))
)


def row_of(some: Runs, n: int = 1, node: NodeId = HERE) -> Row:
    return Row(node, n, "Actor", 1, occurrences.write(some))


@given(runs.filter(bool))
def test_occurrences_are_read_as_they_were_written(some: Runs) -> None:
    assert occurrences.read(row_of(some)) == some


@given(st.binary(max_size=60))
def test_any_bytes_are_some_occurrences(meta: bytes) -> None:
    read = occurrences.read(Row(HERE, 1, "Actor", 7, meta))

    assert read
    assert all(1 <= run.number <= MAX_COUNT for run in read)


@given(st.binary(max_size=60) | runs.map(occurrences.write))
def test_ages_are_those_of_the_first_and_the_last_run(meta: bytes) -> None:
    row = Row(HERE, 1, "Actor", 7, meta)
    read = occurrences.read(row)

    assert OCCURRENCES.oldest(row) == (read[0].stamp, HERE, 1)
    assert OCCURRENCES.newest(row) == (read[-1].stamp, HERE, 1)


@given(runs, st.integers(0, 60))
def test_the_oldest_go_first(some: Runs, number: int) -> None:
    single = [run.stamp for run in some for _ in range(run.number)]

    left = occurrences.without_oldest(some, number)

    assert [run.stamp for run in left for _ in range(run.number)] == single[number:]


@given(runs, runs)
def test_a_difference_leads_from_one_to_the_other(one: Runs, other: Runs) -> None:
    came, went = occurrences.difference(one, other)

    assert occurrences.count(one) + came - went == occurrences.count(other)
    assert occurrences.difference(other, one) == (went, came)
    assert occurrences.difference(one, one) == (0, 0)


def test_occurrences_of_many_are_ordered_by_age_on_all_nodes_alike() -> None:
    one = row_of((Run(1, 1), Run(4, 2)), 1)
    two = row_of((Run(2, 1), Run(4, 1)), 2)
    far = row_of((Run(4, 1),), 1, THERE)

    newest = occurrences.newest_first([one, two, far])

    assert newest == [far, two, one, one, two, one]
    assert newest == occurrences.newest_first([far, two, one])


# Requests


def test_each_join_adds_and_each_leave_takes_the_oldest() -> None:
    bench = ScopeBench()

    bench.joins(1, {"g": 2})
    bench.joins(1, {"g": 1})
    first, second = bench.runs("g", 1)
    bench.leaves(1, {"g": 1})

    assert (first.number, second.number) == (2, 1)
    assert bench.runs("g", 1) == (Run(first.stamp, 1), second)
    bench.leaves(1, {"g": 1})
    assert bench.runs("g", 1) == (second,)
    assert bench.leaves(1, {"g": 1}) == ask.DONE
    assert bench.views[DEFAULT].groups == {}


def test_leaving_more_than_there_is_takes_what_there_is() -> None:
    bench = ScopeBench()
    bench.joins(1, {"g": 2, "h": 3})

    assert bench.leaves(1, {"g": 9, "h": 1}) == ask.DONE

    assert bench.counts(1) == {"h": 2}


def test_leaving_without_names_leaves_everything() -> None:
    bench = ScopeBench()
    bench.joins(1, {"g": 2, "h": 3})
    bench.joins(2, {"g": 1})

    assert bench.leaves(1, None) == ask.DONE

    assert (bench.counts(1), bench.counts(2)) == ({}, {"g": 1})
    assert bench.leaves(1, None) == NotIn(None)


def test_a_batch_that_cannot_be_done_does_nothing() -> None:
    bench = ScopeBench()
    bench.joins(1, {"g": 2})

    assert bench.leaves(1, {"g": 1, "h": 1}) == NotIn("h")
    assert bench.joins(1, {"h": 1, "g": MAX_COUNT}) == TooMany("g")
    assert bench.counts(1) == {"g": 2}


def test_a_row_says_no_more_than_fits_into_it() -> None:
    bench = ScopeBench()
    full = tuple(Run(stamp, 1) for stamp in range(1, MAX_RUNS + 1))
    lane = bench.tables.lanes[DEFAULT]
    bench.tables.put_own(lane, ("g", 1), row_of(full))

    assert bench.joins(1, {"g": 1}) == TooMany("g")
    body = wire.PutGrp("g", 1, "Actor", 1, occurrences.write(full))
    ops = wire.Ops(0, 0, 1, [body])
    assert wire.decode(wire.encode(ops)) == ops


def test_events_tell_of_occurrences() -> None:
    bench = ScopeBench()
    bench.watch_all()

    bench.joins(1, {"g": 2, "h": 1})
    assert [event[:2] for event in bench.events()] == [
        (EventType.JOINED, "g"),
        (EventType.JOINED, "h"),
    ]
    bench.leaves(1, {"g": 1})
    assert [event[:2] for event in bench.events()] == [(EventType.JOINED, "g")]
    bench.do(ask.ActorDown(1, "normal"))
    assert {event[:2] for event in bench.events()} == {
        (EventType.LEFT, "g"),
        (EventType.LEFT, "h"),
    }


def test_a_peer_has_the_same_occurrences() -> None:
    here, there = ScopeBench(HERE), ScopeBench(THERE)
    here.joins(1, {"g": 2})
    sent = [message for message in here.link(1, THERE) if not is_catalogue(message)]
    there.link(1, HERE)

    deliver(there, sent)
    here.joins(1, {"g": 1, "h": 5})
    deliver(there, here.sent(1))

    assert there.counts(1, HERE) == {"g": 3, "h": 5}


def is_catalogue(message: wire.Message) -> bool:
    return isinstance(message, wire.Catalogue | wire.Hello)


def deliver(bench: Bench, sent: Iterable[wire.Message]) -> None:
    for message in sent:
        bench.hear(1, wire.decode(wire.encode(message)))


def test_patterns_come_and_go_with_their_groups() -> None:
    bench = ScopeBench()
    bench.joins(1, {"a*": 1, "abc": 1})
    bench.joins(2, {"a*": 1})

    def found(name: str) -> str | None:
        index = bench.tables.prefixes[(GROUPS, DEFAULT)]
        assert isinstance(index, PatternIndex)
        return index.patterns.match(name)

    assert found("ax") == "a*"
    bench.leaves(1, None)
    assert found("ax") == "a*"
    bench.crash_and_rebuild()
    assert found("ax") == "a*"
    bench.do(ask.ActorDown(2, "normal"))
    assert found("ax") is None


def test_a_copy_does_not_change() -> None:
    bench = ScopeBench()
    bench.joins(1, {"g": 2})

    copied = bench.do(Freeze())
    bench.joins(2, {"g": 1})

    assert isinstance(copied, Frozen)
    assert len(copied.groups["g"].rows) == 1


# Crashes


class PlannedError(Exception):
    pass


class Fuse:
    """Fails at the n-th call of any of some methods."""

    def __init__(self, patch: pytest.MonkeyPatch, steps: int) -> None:
        self.left = steps
        for owner, name in (
            (Lane, "put"),
            (Lane, "pop"),
            (ScopeTables, "project"),
            (ScopeTables, "_changed"),
            (ScopeLocal, "_log"),
        ):
            patch.setattr(owner, name, self.fused(getattr(owner, name)))

    def fused(self, method: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            self.left -= 1
            if self.left < 0:
                raise PlannedError
            return method(*args)

        return call


@pytest.mark.parametrize("steps", range(12))
def test_a_batch_that_a_crash_breaks_off_is_carried_out_once(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = ScopeBench()
    bench.joins(1, {"g": 2, "h": 2, "i": 1})
    bench.watch_all()
    request = LeaveCounts(77, 1, (("g", 1), ("h", 2), ("i", 1)), FOREVER)

    with monkeypatch.context() as patch:
        Fuse(patch, steps)
        with pytest.raises(PlannedError):
            bench.do(request)
    bench.crash_and_rebuild()

    # The caller, who has had no answer, hands it in again.
    assert bench.counts(1) == {"g": 1}
    assert bench.do(request) == ask.DONE
    assert bench.counts(1) == {"g": 1}
    assert bench.tables.lanes[DEFAULT].by_owner.of(1) == [("g", 1)]


def test_a_batch_is_not_carried_out_for_an_actor_that_died_since() -> None:
    bench = ScopeBench()
    bench.joins(1, {"g": 2})
    bench.do(ask.ActorDown(1, "normal"))

    bench.crash_and_rebuild()

    assert bench.counts(1) == {}
