"""Events as a stream: in order, bounded, and never a silent hole."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import Timeout
from group._core.events import Event, EventType, Lagged
from group._errors import StreamClosedError
from group._events.stream import EventStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actors import AnyRef
    from tests.conftest import Eventually

REF = cast("AnyRef", "ref")
PATIENCE = 10.0

T = TypeVar("T")


def came(key: str, value: int = 0) -> Event:
    return Event(
        type=EventType.REGISTERED,
        group="app",
        cluster=None,
        key=key,
        ref=REF,
        meta={"value": value},
    )


def went(key: str) -> Event:
    return Event(
        type=EventType.UNREGISTERED,
        group="app",
        cluster=None,
        key=key,
        ref=REF,
        meta={},
        reason="unregister",
    )


def keys(items: Iterable[Event | Lagged]) -> list[str | int]:
    return [item.missed if isinstance(item, Lagged) else item.key for item in items]


def rest(stream: EventStream) -> list[str | int]:
    """Read what waits, and end."""
    stream.finish()
    return keys(stream)


def in_thread(work: Callable[[], T]) -> Future[T]:
    pool = ThreadPoolExecutor(1, "reader")
    try:
        return pool.submit(work)
    finally:
        pool.shutdown(wait=False)


def asleep(stream: EventStream) -> Callable[[], bool]:
    """Say whether a coroutine waits for the next event."""
    return lambda: bool(stream._sleepers)


def test_events_come_in_their_order() -> None:
    stream = EventStream()

    stream.put(0, [came("a"), came("b")])
    stream.put(1, [came("c")])

    assert stream.waiting == 3
    assert keys([stream.get(), stream.get(timeout=0)]) == ["a", "b"]
    assert rest(stream) == ["c"]


def test_a_wait_for_the_next_event_ends_in_time() -> None:
    with EventStream() as stream, pytest.raises(Timeout, match=r"no event in 0\.01 s"):
        stream.get(timeout=0.01)


def test_a_thread_reads_until_the_stream_is_closed() -> None:
    stream, seen, read = EventStream(), list[str | int](), threading.Event()

    def reader() -> None:
        for item in stream:
            seen.extend(keys([item]))
            read.set()

    thread = in_thread(reader)
    stream.put(0, [came("a")])
    assert read.wait(PATIENCE)
    stream.close()

    thread.result(PATIENCE)
    assert seen == ["a"]


def test_close_drops_what_waits_and_asks_its_hook_once() -> None:
    calls: list[str] = []
    stream = EventStream(close_hook=lambda: calls.append("closed"))
    stream.put(0, [came("a")])

    with stream:
        pass
    stream.close()
    stream.put(0, [came("b")])
    stream.restart(0, [came("b")])

    assert calls == ["closed"]
    assert list(stream) == []
    with pytest.raises(StreamClosedError):
        stream.get(timeout=0)
    assert repr(stream) == "<EventStream closed>"


def test_the_hook_of_close_may_use_the_stream() -> None:
    stream = EventStream(close_hook=lambda: stream.put(0, [came("late")]))

    stream.close()

    assert list(stream) == []


def test_a_stopped_group_lets_the_reader_finish() -> None:
    stream = EventStream()
    stream.put(0, [came("a"), came("b")])

    stream.finish()
    stream.put(0, [came("c")])

    assert repr(stream) == "<EventStream closed>"
    assert keys(stream) == ["a", "b"]


def test_too_many_events_become_one_word_about_how_many() -> None:
    stream = EventStream(3)

    for number in range(10):
        stream.put(0, [came(str(number))])
    assert keys([stream.get() for _ in range(4)]) == ["0", "1", "2", 7]
    stream.put(0, [came("x")])

    assert rest(stream) == ["x"]


def test_a_full_stream_still_misses_what_comes_while_it_is_read() -> None:
    stream = EventStream(1)
    stream.put(0, [came("a")])
    stream.put(0, [came("b"), came("c")])

    assert keys([stream.get()]) == ["a"]
    stream.put(0, [came("d")])

    assert rest(stream) == [3]


def test_a_batch_is_never_cut() -> None:
    stream = EventStream(2)
    stream.put(0, [came("a")])

    stream.put(0, [came("b"), came("c"), came("d")])

    assert rest(stream) == ["a", "b", "c", "d"]


def test_an_empty_batch_is_nothing_even_when_the_stream_is_full() -> None:
    stream = EventStream(1)
    stream.put(0, [came("a")])

    stream.put(0, [])

    assert keys([stream.get()]) == ["a"]
    stream.put(0, [came("b")])
    assert rest(stream) == ["b"]


def test_a_reader_that_lagged_begins_again_with_what_is_there() -> None:
    asked: list[str] = []
    stream = EventStream(1, on_lag=lambda: asked.append("again"))
    stream.put(0, [came("a")])
    stream.put(0, [came("b")])
    assert asked == []

    assert keys([stream.get(), stream.get()]) == ["a", 1]
    assert asked == ["again"]
    stream.put(0, [came("in the snapshot")])
    stream.put(1, [came("in the other's")])
    stream.restart(0, [came("a"), came("b"), came("c")])
    stream.put(0, [came("d")])
    stream.put(1, [came("in the other's")])
    stream.restart(1, [])
    stream.restart(1, [came("not twice")])
    stream.put(1, [came("e")])

    assert rest(stream) == ["a", "b", "c", "d", 1]


def test_the_rows_of_a_snapshot_come_on_top_of_the_bound() -> None:
    stream = EventStream(2, stale=True)
    stream.put(0, [came("before the snapshot")])
    stream.restart(0, [came(str(number)) for number in range(50)])
    stream.put(0, [came("x")])
    stream.put(0, [came("y")])
    stream.put(0, [came("z")])

    assert keys(stream.get() for _ in range(53)) == [*map(str, range(50)), "x", "y", 1]
    stream.restart(0, [])
    for _ in range(3):
        stream.put(0, [came("w")])
    assert rest(stream) == ["w", "w", 1]


def test_a_snapshot_that_nobody_waits_for_is_ignored() -> None:
    stream = EventStream(1)
    stream.restart(0, [came("unasked")])
    stream.put(0, [came("a")])
    stream.put(0, [came("b")])

    stream.restart(0, [came("too early: the reader does not know that it lagged")])

    assert rest(stream) == ["a", 1]


def fold(view: dict[str, object], item: Event | Lagged) -> None:
    """Do what a reader does who keeps a picture of the rows."""
    match item:
        case Lagged():
            view.clear()
        case Event(type="registered", key=key, meta=meta):
            view[key] = meta["value"]
        case Event(key=key):
            del view[key]


class Keeper:
    """Two shards that write, and a reader who keeps a picture of their rows."""

    def __init__(self, bound: int, *, stale: bool) -> None:
        self.asked = {0, 1} if stale else set[int]()
        self.stream = EventStream(
            bound, stale=stale, on_lag=lambda: self.asked.update((0, 1))
        )
        self.rows: list[dict[str, int]] = [{}, {}]
        self.view: dict[str, object] = {}

    def put(self, shard: int, number: int) -> None:
        key = f"{shard}/{number}"
        value = self.rows[shard][key] = self.rows[shard].get(key, 0) + 1
        self.stream.put(shard, [came(key, value)])

    def drop(self, shard: int, number: int) -> None:
        key = f"{shard}/{number}"
        if self.rows[shard].pop(key, None) is not None:
            self.stream.put(shard, [went(key)])

    def answer(self, shard: int, _number: int) -> None:
        if shard in self.asked:
            self.asked.discard(shard)
            self.stream.restart(shard, [came(*row) for row in self.rows[shard].items()])

    def read(self, *_: int) -> None:
        if self.stream._ready():
            fold(self.view, self.stream.get(timeout=0))

    def read_all(self) -> None:
        while self.asked or self.stream._ready():
            self.read()
            if not self.stream._ready():
                self.answer(0, 0)
                self.answer(1, 0)


steps = st.lists(
    st.tuples(
        st.sampled_from([Keeper.put, Keeper.drop, Keeper.answer, Keeper.read]),
        st.integers(0, 1),
        st.integers(0, 3),
    ),
    max_size=80,
)


keepers = st.builds(Keeper, st.integers(1, 4), stale=st.booleans())


@given(keepers, steps)
def test_folding_the_stream_gives_the_rows_however_slow_the_reader(
    keeper: Keeper, steps: list[tuple[Callable[[Keeper, int, int], None], int, int]]
) -> None:
    for step, shard, number in steps:
        step(keeper, shard, number)
    keeper.read_all()

    assert keeper.view == keeper.rows[0] | keeper.rows[1]


def test_no_reader_holds_the_shards_up() -> None:
    stream = EventStream(100)
    batch = [came("a")] * 10

    for _ in range(10_000):
        stream.put(0, batch)

    assert stream.waiting == 100
    stream.close()


def test_threads_that_share_a_stream_share_its_events() -> None:
    stream = EventStream()
    threads = [in_thread(lambda: len(list(stream))) for _ in range(3)]

    for _ in range(300):
        stream.put(0, [came("a")])
    stream.finish()

    assert sum(thread.result(PATIENCE) for thread in threads) == 300


def test_a_coroutine_reads_what_a_thread_writes(eventually: Eventually) -> None:
    stream, seen = EventStream(), list[str | int]()

    async def read() -> None:
        async with stream:
            async for item in stream:
                seen.extend(keys([item]))
                if seen[-1] == "last":
                    break

    thread = in_thread(lambda: asyncio.run(read()))
    for key in ("first", "last"):
        eventually(asleep(stream), PATIENCE, what="the coroutine sleeps")
        stream.put(0, [came(key)])
    thread.result(PATIENCE)

    assert seen == ["first", "last"]
    assert list(stream) == []


def test_the_loop_runs_while_a_coroutine_waits(eventually: Eventually) -> None:
    stream = EventStream()

    async def read_and_tick() -> tuple[list[str | int], int]:
        ticks, done = 0, asyncio.Event()

        async def tick() -> None:
            nonlocal ticks
            while not done.is_set():
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        seen = keys([await anext(stream)])
        done.set()
        await ticking
        return seen, ticks

    thread = in_thread(lambda: asyncio.run(read_and_tick()))
    eventually(asleep(stream), PATIENCE, what="the coroutine sleeps")
    stream.put(0, [came("a")])

    seen, ticks = thread.result(PATIENCE)
    assert seen == ["a"]
    assert ticks > 1


@pytest.mark.parametrize("end", [EventStream.close, EventStream.finish])
def test_the_end_of_a_stream_ends_coroutines_too(
    end: Callable[[EventStream], None], eventually: Eventually
) -> None:
    stream = EventStream()

    async def read() -> list[Event | Lagged]:
        return [item async for item in stream]

    thread = in_thread(lambda: asyncio.run(read()))
    eventually(asleep(stream), PATIENCE, what="the coroutine sleeps")
    end(stream)

    assert thread.result(PATIENCE) == []


def test_a_cancelled_coroutine_leaves_nothing_behind(eventually: Eventually) -> None:
    stream = EventStream()

    async def give_up() -> None:
        async with asyncio.timeout(0.01):
            await anext(stream)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())

    assert not asleep(stream)()
    stream.put(0, [came("a")])
    assert rest(stream) == ["a"]


def test_an_event_that_meets_a_cancelled_coroutine_is_not_lost() -> None:
    stream, faults = EventStream(), list[object]()

    async def meet() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: faults.append(context))
        reader = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert asleep(stream)()
        stream.put(0, [came("a")])
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await asyncio.sleep(0)

    asyncio.run(meet())

    assert faults == []
    assert rest(stream) == ["a"]


def test_a_loop_that_was_closed_harms_nobody() -> None:
    stream, loop = EventStream(), asyncio.new_event_loop()
    waiting = stream.__anext__()
    loop.call_soon(waiting.send, None)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert asleep(stream)()
    loop.close()

    stream.put(0, [came("a")])

    waiting.close()
    assert rest(stream) == ["a"]


def test_a_coroutine_that_lagged_begins_again() -> None:
    stream = EventStream(1, on_lag=lambda: stream.restart(0, [came("b")]))
    stream.put(0, [came("a")])
    stream.put(0, [came("b")])
    stream_items: list[str | int] = []

    async def read() -> None:
        async for item in stream:
            stream_items.extend(keys([item]))
            if stream_items[-1] == "b":
                stream.close()

    asyncio.run(read())

    assert stream_items == ["a", 1, "b"]
