"""Reads: prefixes, counts, limits, extractors; and that they wait for nobody."""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from actors import mailbox
from group import Group, InvalidArgumentError, Record
from group._core.keys import DEFAULT
from group._core.lanes import Lane
from tests.collecting import MANY, at_each_collection
from tests.group.people import (
    PATIENCE,
    AnyRef,
    event_of,
    groups,
    listeners,
    settle,
    together,
)


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


@pytest.fixture
def crowd(g: Group) -> Iterator[list[AnyRef]]:
    """Three actors: each has a key of its own, and all are in rooms."""
    with listeners(3) as refs:
        for index, ref in enumerate(refs):
            g.register(f"user/{index}", {"n": index}, actor=ref)
            g.join("room/1", {"n": index}, actor=ref)
            g.join(f"room/deep/{index}", {"n": index}, actor=ref)
            g.join("rooms", {"n": index}, actor=ref)
        yield list(refs)


def test_a_prefix_finds_all_groups_under_it(g: Group, crowd: list[AnyRef]) -> None:
    assert len(g.members("room/")) == 6
    assert len(g.members("room/deep/")) == 3
    assert {e.ref for e in g.members("room/")} == set(crowd)
    assert len(g.members("room/1")) == 3
    assert g.members("room") == g.members("oom/") == g.members("room/d") == []
    assert g.members("user/") == []
    assert (g.member_count("room/"), g.local_member_count("room/")) == (6, 6)
    assert (g.member_count("rooms"), g.member_count("user/")) == (3, 0)
    assert g.local_members("room/deep/") == g.members("room/deep/")


def test_empty_steps_of_a_key_are_steps(g: Group) -> None:
    with mailbox():
        g.join("a//b")
        g.join("/x")
        assert [len(g.members(p)) for p in ("a/", "a//", "/", "a//b")] == [1, 1, 1, 1]


def test_a_limit_is_one_for_all_shards(g: Group, crowd: list[AnyRef]) -> None:
    everybody = g.members("room/")
    for limit in (0, 1, 2, 5, 6, 7):
        for some in (
            g.members("room/", limit=limit),
            g.local_members("room/", limit=limit),
        ):
            assert len(some) == min(limit, 6)
            assert all(entry in everybody for entry in some)


@pytest.mark.parametrize("limit", [-1, True, 1.0, "1"])
def test_a_wrong_limit_is_refused(g: Group, limit: object) -> None:
    loose: Any = g
    for call in (loose.members, loose.local_members):
        with pytest.raises(InvalidArgumentError, match="limit must be an integer"):
            call("room/", limit=limit)


def test_entries_and_keys(g: Group, crowd: list[AnyRef]) -> None:
    with g.connect("red") as red:
        red.register("user/9", {"n": 9}, actor=crowd[0])

        assert g.keys() == [
            *("room/1", "room/deep/0", "room/deep/1", "room/deep/2", "rooms"),
            *("user/0", "user/1", "user/2"),
        ]
        assert g.keys("room/deep/") == ["room/deep/0", "room/deep/1", "room/deep/2"]
        assert g.keys(kind="registered") == ["user/0", "user/1", "user/2"]
        assert g.keys("user/", kind="member") == []
        assert red.keys() == ["user/9"]
        entries = list(g.entries())
        assert entries[0] == Record("registered", None, "user/0", crowd[0], {"n": 0})
        assert [entry.key for entry in entries] == sorted(
            [entry.key for entry in entries], key=lambda key: (key < "user/", key)
        )
        assert len(entries) == 12
        assert list(g.entries("user/1")) == [
            Record("registered", None, "user/1", crowd[1], {"n": 1})
        ]
        assert len(list(g.entries("room/", kind="member", local=True))) == 6
        mine = g.local_entries()
        assert len(mine) == 13
        assert Record("registered", "red", "user/9", crowd[0], {"n": 9}) in mine
    loose: Any = g
    for call in (loose.keys, loose.entries):
        with pytest.raises(InvalidArgumentError, match="kind must be 'registered'"):
            call(kind="joined")


def shouted(meta: Mapping[str, object]) -> dict[str, object]:
    return {key: str(value).upper() for key, value in meta.items()}


def test_the_extractor_of_the_group_makes_what_is_read_and_told() -> None:
    with (
        Group.start("app", log=False, extract_meta=shouted) as g,
        mailbox() as me,
    ):
        g.monitor("k")
        g.register("k", {"a": "b"})
        g.register("k", {"a": "c"})
        g.join("k", {"a": "d"})

        found = g.lookup("k")
        assert found is not None
        assert found.meta == {"a": "C"}
        assert [e.meta for e in g.members("k")] == [{"a": "D"}]
        assert [r.meta for r in g.local_entries()] == [{"a": "C"}, {"a": "D"}]
        assert event_of(me).meta == {"a": "B"}
        again = event_of(me)
        assert (again.meta, again.previous_meta) == ({"a": "C"}, {"a": "B"})
        assert event_of(me).meta == {"a": "D"}


def test_an_extractor_of_one_call_takes_its_place_and_gets_the_raw_meta() -> None:
    with Group.start("app", log=False, extract_meta=shouted) as g, mailbox():
        g.register("k", {"a": "b"})
        g.join("k", {"a": "b"})

        def backwards(meta: Mapping[str, object]) -> object:
            return [meta["a"], len(meta)]

        one = g.lookup("k", extract_meta=backwards)
        assert one is not None
        assert list(one.meta) == ["b", 1]
        assert [[*e.meta] for e in g.members("k", extract_meta=backwards)] == [["b", 1]]
        (entry,) = g.local_members("k", extract_meta=backwards)
        assert list(entry.meta) == ["b", 1]
        for call in (g.lookup, g.members, g.local_members):
            with pytest.raises(KeyError, match="no such field"):
                call("k", extract_meta=_picky)
        # Nobody is there whose meta could be extracted.
        assert g.lookup("other", extract_meta=_picky) is None


def _picky(_meta: Mapping[str, object]) -> object:
    raise KeyError("no such field")


def test_an_extractor_that_fails_leaves_the_raw_meta(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Group.start("app", log=False, extract_meta=_picky) as g, mailbox() as me:
        g.monitor("k")

        g.register("k", {"a": "b"})

        found = g.lookup("k")
        assert found is not None
        assert found.meta == {"a": "b"}
        assert event_of(me).meta == {"a": "b"}
        assert "callback_failed" in caplog.text
        assert "no such field" in caplog.text
        assert [runner.begun for runner in g._instance.runners] == [1] * 8


def test_the_extractor_is_applied_to_rows_of_other_nodes() -> None:
    with groups("a", "b", extract_meta=shouted) as (ga, gb), listeners() as (one,):
        ga.register("k", {"a": "b"}, actor=one)
        settle(ga)

        found = gb.lookup("k")
        assert found is not None
        assert found.meta == {"a": "B"}
        raw = gb.lookup("k", extract_meta=dict)
        assert raw is not None
        assert raw.meta == {"a": "b"}


def test_reads_wait_for_no_shard_and_no_directory(
    g: Group, crowd: list[AnyRef]
) -> None:
    instance = g._instance
    locks = [runner._turn for runner in instance.runners]
    for lock in locks:
        lock.acquire()
    try:
        with instance.directory._lock, instance.decided:
            done = threading.Event()

            def read() -> None:
                g.lookup("user/1")
                g.lookup("nobody")
                g.whereis("user/1")
                g.members("room/")
                g.members("room/1", limit=1)
                g.local_members("room/")
                g.member_count("room/")
                g.local_member_count("room/")
                g.registry_count()
                g.local_registry_count()
                g.local_entries()
                g.keys()
                list(g.entries())
                g.dispatch("room/1", "hello")
                done.set()

            reader = threading.Thread(target=read)
            reader.start()
            assert done.wait(PATIENCE)
            reader.join(PATIENCE)
    finally:
        for lock in locks:
            lock.release()


def test_readers_and_a_writer_do_not_disturb_each_other(g: Group) -> None:
    done = threading.Event()

    def read() -> int:
        wrong = 0
        while not done.is_set():
            wrong += sum("n" not in entry.meta for entry in g.members("r/"))
            wrong += sum(record.meta["n"] is None for record in g.entries())
            wrong += sum(not key.startswith("r/") for key in g.keys("r/"))
            g.local_entries()
        return wrong

    def write(refs: Sequence[AnyRef]) -> int:
        for number in range(300):
            key = f"r/{number % 7}"
            for ref in refs:
                g.join(key, {"n": number}, actor=ref)
            g.register(key, {"n": number}, actor=refs[0])
            if number % 3 == 0:
                g.leave(key, actor=refs[1])
                g.unregister(key)
        done.set()
        return 0

    with listeners(2) as refs:
        assert together(4, lambda n: read() if n else write(refs)) == [0] * 4


def adding(table: dict[str, Any], make: Callable[[], object]) -> Callable[[], None]:
    """Return a function that puts something new into a table; it holds many by now."""
    names = (f"new/{number}" for number in itertools.count())

    def add() -> None:
        table[next(names)] = make()

    for _ in range(MANY):
        add()
    return add


def test_rows_may_come_while_local_entries_are_listed(g: Group) -> None:
    with listeners(1) as (ref,):
        g.register("user/1", {"n": 1}, actor=ref)
        shard = g.explain("user/1").shard
        rows: dict[Any, Any] = g._instance.store.tables[shard].lanes[DEFAULT].rows
        row = rows["user/1"]

        with at_each_collection(adding(rows, lambda: row)):
            found = g.local_entries()

        assert Record("registered", None, "user/1", ref, row.entry.meta) in found
        assert MANY < len(found) < len(rows)


def test_clusters_may_come_while_local_entries_are_listed(
    g: Group, crowd: list[AnyRef]
) -> None:
    expected = g.local_entries()
    lanes = g._instance.store.tables[0].lanes

    with at_each_collection(adding(lanes, lambda: Lane(1, "new", 1))):
        found = g.local_entries()

    assert found == expected
    assert len(lanes) > MANY + 1


def test_clusters_may_come_while_a_shard_is_described(
    g: Group, crowd: list[AnyRef]
) -> None:
    expected = g._shard_row(0)
    lanes = g._instance.store.tables[0].lanes

    with at_each_collection(adding(lanes, lambda: Lane(1, "new", 1))):
        found = g._shard_row(0)

    assert found == expected
    assert len(lanes) > MANY + 1


def test_rows_may_come_while_a_shard_is_described(g: Group) -> None:
    with listeners(1) as (ref,):
        g.register("user/1", {"n": 1}, actor=ref)
        shard = g.explain("user/1").shard
        rows: dict[Any, Any] = g._instance.store.tables[shard].lanes[DEFAULT].rows
        row = rows["user/1"]

        with at_each_collection(adding(rows, lambda: row)):
            found = g._shard_row(shard)

        assert MANY < found.keys < len(rows)
