"""Event streams of a started group: in threads, in coroutines, snapshots, lags."""

import asyncio
import gc
import threading
import weakref
from collections.abc import Iterator
from functools import partial

import pytest

from actors import Timeout, mailbox
from group import Event, EventStream, Group, Lagged, StoppedError
from tests.group.people import PATIENCE, groups, listeners, settle, together
from tests.waiting import eventually


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False) as group:
        yield group


def take(stream: EventStream, count: int) -> list[Event]:
    items = [stream.get(timeout=PATIENCE) for _ in range(count)]
    assert all(isinstance(item, Event) for item in items)
    return [item for item in items if isinstance(item, Event)]


def test_a_stream_begins_with_its_call_and_ends_with_its_block(g: Group) -> None:
    with mailbox(), listeners() as (one,):
        g.register("before", actor=one)
        with g.events() as stream:
            g.register("k", {"v": 1})
            g.unregister("k")
            g.join("other")

            seen = [(e.type, e.key, e.reason) for e in take(stream, 3)]

        assert seen == [
            ("registered", "k", None),
            ("unregistered", "k", "unregister"),
            ("joined", "other", None),
        ]
        g.register("late")
        assert list(stream) == []
        assert not any(t.subscriptions.any("") for t in g._instance.store.tables)


def test_a_stream_has_one_pattern_of_one_cluster(g: Group) -> None:
    with (
        mailbox(),
        g.connect("red") as red,
        g.events("a/") as stream,
        red.events("a/b") as reds,
    ):
        g.join("a/b")
        g.join("b")
        red.join("a/c")
        red.join("a/b")

        assert take(stream, 1)[0].cluster is None
        (event,) = take(reds, 1)
        assert (event.cluster, event.key) == ("red", "a/b")
        for each in (stream, reds):
            with pytest.raises(Timeout):
                each.get(timeout=0)


def test_a_snapshot_comes_before_what_follows(g: Group) -> None:
    with listeners(20) as refs:
        for number, ref in enumerate(refs):
            g.register(f"k/{number}", {"v": 1}, actor=ref)
            g.join("room", actor=ref)
        with g.events(snapshot=True) as stream:
            g.register("k/0", {"v": 2}, actor=refs[0])

            events = take(stream, 41)

        assert sum(e.type == "joined" for e in events) == 20
        mine = [e for e in events if e.key == "k/0"]
        assert [(e.meta["v"], e.previous_meta) for e in mine] == [
            (1, None),
            (2, {"v": 1}),
        ]


def test_a_snapshot_of_one_key_has_each_row_once(g: Group) -> None:
    with listeners(2) as refs:
        g.register("room", actor=refs[0])
        for ref in refs:
            g.join("room", actor=ref)

        with g.events("room", snapshot=True) as stream:
            g.leave("room", actor=refs[1])

            told = [(event.type, event.ref) for event in take(stream, 4)]

        assert told == [
            ("registered", refs[0]),
            ("joined", refs[0]),
            ("joined", refs[1]),
            ("left", refs[1]),
        ]


def test_a_snapshot_taken_under_load_replays_to_the_view(g: Group) -> None:
    done = threading.Event()
    with listeners(4) as refs:

        def write(index: int) -> None:
            number = 0
            while not done.is_set():
                g.register(f"k/{index}", {"n": number}, actor=refs[index])
                if number % 3 == 0:
                    g.unregister(f"k/{index}")
                number += 1

        def watch() -> None:
            try:
                for _ in range(5):
                    with g.events(snapshot=True) as stream:
                        replay(take(stream, 30), {})
            finally:
                done.set()

        results = together(5, lambda n: write(n) if n < 4 else watch())

        assert results == [None] * 5


def replay(events: list[Event], rows: dict[str, object]) -> None:
    for event in events:
        if event.type == "registered":
            before = event.previous_meta
            assert (None if before is None else dict(before)) == rows.get(event.key)
            rows[event.key] = dict(event.meta)
        else:
            assert rows.pop(event.key) == dict(event.meta)


def test_a_stream_can_be_read_in_a_coroutine(g: Group) -> None:
    async def read() -> list[str]:
        keys = []
        async with g.events("k/") as stream:
            with listeners() as (one,):

                def join_some() -> None:
                    for number in range(3):
                        g.join(f"k/{number}", actor=one)

                thread = threading.Thread(target=join_some)
                thread.start()
                async for event in stream:
                    assert isinstance(event, Event)
                    keys.append(event.key)
                    if len(keys) == 3:
                        break
                thread.join(PATIENCE)
        return keys

    assert sorted(asyncio.run(read())) == ["k/0", "k/1", "k/2"]


def test_the_end_of_the_group_ends_a_coroutine_that_reads() -> None:
    g = Group.start("app", log=False)

    async def read() -> list[object]:
        async with g.events() as stream:
            stopping = asyncio.create_task(asyncio.to_thread(g.stop))
            events: list[object] = [event async for event in stream]
            await stopping
        return events

    assert asyncio.run(read()) == []


def test_a_slow_reader_is_told_what_it_missed_and_begins_again() -> None:
    with (
        Group.start("app", log=False, shards=1, max_events=3) as g,
        listeners() as (one,),
        g.events() as stream,
    ):
        for number in range(10):
            g.register(f"k/{number}", actor=one)

        first = take(stream, 3)
        assert [e.key for e in first] == ["k/0", "k/1", "k/2"]
        assert stream.get(timeout=PATIENCE) == Lagged(7)
        again = take(stream, 10)
        assert {e.key for e in again} == {f"k/{number}" for number in range(10)}
        g.unregister("k/4")
        assert take(stream, 1)[0].reason == "unregister"


def test_streams_of_two_nodes_tell_the_same(g: Group) -> None:
    with (
        groups("a", "b") as (ga, gb),
        listeners() as (one,),
        ga.events() as here,
        gb.events() as there,
    ):
        # From now on each write travels by itself, and not the last in a snapshot.
        settle(ga, gb)
        for number in range(10):
            ga.register("k", {"n": number}, actor=one)
        settle(ga)

        assert [e.meta for e in take(here, 10)] == [e.meta for e in take(there, 10)]


def read_and_stop(g: Group, index: int) -> str | None:
    if index:
        g.stop()
        return None
    try:
        with g.events() as stream:
            list(stream)
    except StoppedError:
        return "refused"
    return "ended"


def test_a_stream_that_comes_too_late_is_refused_or_ends() -> None:
    for _ in range(10):
        g = Group.start("app", log=False, shards=2)

        results = together(2, partial(read_and_stop, g))

        assert results[0] in ("refused", "ended"), results


def test_a_stream_that_the_end_did_not_know_of_ends() -> None:
    g = Group.start("app", log=False)

    class Late(weakref.WeakSet[EventStream]):
        """Gets to know of a stream when all others have been ended."""

        def add(self, item: EventStream) -> None:
            g.stop()
            super().add(item)

    g._instance.streams = Late()

    assert list(g.events()) == []


def test_a_stream_that_nobody_holds_any_more_takes_nothing(g: Group) -> None:
    stream = g.events()
    del stream
    gc.collect()
    with mailbox():
        g.join("k")

    def forgotten() -> bool:
        return not any(t.subscriptions.any("") for t in g._instance.store.tables)

    eventually(forgotten, PATIENCE, what="forgotten at the next heartbeat")
