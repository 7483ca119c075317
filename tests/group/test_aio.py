"""Coroutines use a group, and their event loop never stands still."""

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from actors import Actor, NoCurrentActorError, Timeout, mailbox
from group import (
    Aio,
    Cluster,
    ClusterAio,
    Entry,
    Event,
    EventStream,
    Group,
    InvalidArgumentError,
    KeyTakenError,
    ShardTimeoutError,
    StoppedError,
)
from group._coroutines.helpers import LIMIT, Helpers
from tests.group.people import PATIENCE, AnyRef, Listener, groups, listeners, settle
from tests.waiting import eventually

NAP = 0.5
"""Seconds that a slow actor takes to answer."""
SHORT_NAP = 0.2
TICK = 0.01
ENOUGH_TICKS = 80
"""In a second; a loop that stands still makes one."""
FEW_TICKS = 4
TRIES = 20
"""A busy machine may keep a loop that is free from ticking; not so often in a row."""

Main = Coroutine[Any, Any, object]


class Sleeper(Actor):
    """Answers late."""

    def nap(self) -> str:
        threading.Event().wait(NAP)
        return "slept"


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("app", log=False, shards=2) as group:
        yield group


@contextmanager
def busy(g: Group) -> Iterator[None]:
    """Let all shards be in a turn that does not end."""
    with ExitStack() as stack:
        for runner in g._instance.runners:
            stack.enter_context(runner._turn)
        yield


async def ticks_during(work: Awaitable[object]) -> int:
    """Count the ticks of the loop while it awaits something."""
    count = 0

    async def tick() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(TICK)
            count += 1

    ticking = asyncio.ensure_future(tick())
    await work
    ticking.cancel()
    return count


def assert_loop_runs(
    work: Callable[[], Awaitable[object]], seconds: float = NAP
) -> None:
    """Try some times, for the machine's sake: a loop that is blocked never ticks.

    Where even a loop that has nothing to do cannot tick as often, half of that is it.
    """
    enough: float = int(ENOUGH_TICKS * seconds)
    counts: list[int] = []
    for _ in range(TRIES):
        counts.append(asyncio.run(ticks_during(work())))
        if counts[-1] >= enough:
            break
        free = asyncio.run(ticks_during(asyncio.sleep(seconds)))
        enough = max(FEW_TICKS, min(enough, free / 2))
    print(f"ticks in {seconds} s, one number for each try: {counts}, want {enough:g}")
    assert max(counts) >= enough


# Signatures


@pytest.mark.parametrize(("there", "here"), [(Aio, Group), (ClusterAio, Cluster)])
def test_a_verb_takes_what_the_blocking_one_takes(there: type, here: type) -> None:
    verbs = [name for name in vars(there) if not name.startswith("_")]

    for name in verbs:
        assert taken_by(getattr(there, name)) == taken_by(getattr(here, name)), name
        assert inspect.iscoroutinefunction(getattr(there, name)), name


def taken_by(verb: Callable[..., object]) -> list[tuple[str, object, object]]:
    parameters = inspect.signature(verb).parameters.values()
    return [(each.name, each.kind, each.default) for each in parameters]


def test_every_verb_that_takes_a_timeout_can_be_awaited() -> None:
    for there, here in ((Aio, Group), (ClusterAio, Cluster)):
        waits = [
            name
            for name, verb in inspect.getmembers(here, inspect.isfunction)
            if not name.startswith("_")
            and "timeout" in inspect.signature(verb).parameters
        ]
        assert waits
        assert [name for name in waits if not hasattr(there, name)] == []


# The loop goes on


@pytest.mark.slow
def test_the_loop_ticks_while_a_slow_actor_of_this_node_is_asked() -> None:
    slow = Sleeper.start()
    proxy: Any = slow.proxy()

    assert_loop_runs(proxy.nap)

    slow.stop()


@pytest.mark.slow
def test_the_loop_ticks_while_a_slow_actor_of_another_node_is_asked() -> None:
    with groups("a", "b") as (ga, gb):
        slow = Sleeper.start()
        ga.register("slow", actor=slow)
        far: Any = gb.wait_for("slow", timeout=PATIENCE).ref.proxy()

        assert_loop_runs(far.nap)

        slow.stop()


@pytest.mark.slow
def test_ten_gathered_calls_overlap() -> None:
    with groups("a", "b") as (ga, gb), ExitStack() as stack:
        refs: list[AnyRef] = [Sleeper.start() for _ in range(10)]
        for number, ref in enumerate(refs):
            stack.callback(ref.stop)
            ga.register(f"slow/{number}", actor=ref)
        settle(ga)
        far = [gb.wait_for(f"slow/{n}", timeout=PATIENCE).ref for n in range(10)]

        async def ask(refs: list[AnyRef]) -> float:
            began = time.monotonic()
            answers = await asyncio.gather(*(ref.proxy().nap() for ref in refs))
            assert answers == ["slept"] * 10
            return time.monotonic() - began

        for what in (refs, far):
            took = asyncio.run(ask(what))
            print(f"ten calls of {NAP} s each took {took:.2f} s")
            assert took < 5 * NAP


async def left(g: Group) -> None:
    async with await g.aio.connect("blue"):
        pass


async def appears(g: Group, ref: AnyRef) -> None:
    waiting = asyncio.ensure_future(g.aio.wait_for("k", timeout=PATIENCE))
    await asyncio.sleep(0)
    await g.aio.register("k", actor=ref)
    await waiting


async def opened(g: Group) -> None:
    async with g.events(snapshot=True) as events:
        assert isinstance(events, EventStream)
        await anext(events)


BLOCKING: dict[str, Callable[[Group, Any], Awaitable[object]]] = {
    "register": lambda g, ref: g.aio.register("k", actor=ref),
    "join": lambda g, ref: g.aio.join("room", actor=ref),
    "unregister": lambda g, ref: g.aio.unregister("held"),
    "leave": lambda g, ref: g.aio.leave("hall", actor=ref),
    "get_or_start": lambda g, ref: g.aio.get_or_start("k", lambda: ref),
    "monitor": lambda g, ref: g.aio.monitor("k", actor=ref),
    "demonitor": lambda g, ref: g.aio.demonitor("k", actor=ref),
    "settle": lambda g, ref: g.aio.settle(),
    "disconnect": lambda g, ref: g.aio.disconnect("red"),
    "leaving a cluster": lambda g, ref: left(g),
    "wait_for": appears,
    "events": lambda g, ref: opened(g),
}


@pytest.mark.parametrize("what", BLOCKING)
def test_the_loop_ticks_while_the_shards_are_busy(g: Group, what: str) -> None:
    async def work(ref: AnyRef) -> None:
        with busy(g):
            doing = asyncio.ensure_future(BLOCKING[what](g, ref))
            done, _ = await asyncio.wait({doing}, timeout=SHORT_NAP)
            assert not done, "the shards were not busy"
        await asyncio.wait_for(doing, PATIENCE)

    with listeners() as (one,):

        async def anew() -> None:
            for key in ("held", "k"):
                if g.lookup(key):
                    g.unregister(key)
            g.register("held", actor=one)
            g.join("hall", actor=one)
            g.connect("red")
            await work(one)

        assert_loop_runs(anew, SHORT_NAP)


@pytest.mark.slow
def test_debug_mode_finds_no_slow_callback(
    g: Group, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        # The least that a blocked loop could not hide; a tenth is asyncio's own.
        asyncio.get_running_loop().slow_callback_duration = 0.2
        waiting = asyncio.ensure_future(g.aio.wait_for("k", timeout=PATIENCE))
        with busy(g):
            writing = asyncio.ensure_future(g.aio.register("k", actor=one))
            async with g.events() as events:
                await asyncio.sleep(0.3)
        await writing
        assert (await waiting).ref == one
        assert isinstance(await anext(events, None), Event | None)
        await g.aio.join("room", actor=one)
        await g.aio.settle()
        async with await g.aio.connect("red") as red:
            await red.aio.join("room", actor=one)
        await g.aio.stop()

    with listeners() as (one,), caplog.at_level(logging.WARNING, "asyncio"):
        asyncio.run(work(), debug=True)

    assert [each.getMessage() for each in caplog.records] == []


# Whose actor


def test_in_a_plain_loop_no_actor_is_current(g: Group) -> None:
    async def main() -> None:
        for verb in (g.aio.register, g.aio.join, g.aio.leave, g.aio.monitor):
            with pytest.raises(NoCurrentActorError, match="pass actor=ref"):
                await verb("k")

    asyncio.run(main())
    assert g.keys() == []


def test_the_mailbox_of_the_loops_thread_is_the_current_actor(g: Group) -> None:
    async def main() -> None:
        await g.aio.register("k")
        await g.aio.join("room")
        await g.aio.monitor("k")

    with mailbox() as me, listeners() as (one,):
        asyncio.run(main())
        assert g.whereis("k") == me.ref
        assert [each.ref for each in g.members("room")] == [me.ref]

        asyncio.run(g.aio.join("room", actor=one))
        assert {each.ref for each in g.members("room")} == {me.ref, one}


def test_an_actor_that_runs_a_loop_is_the_current_one(g: Group) -> None:
    class Server(Actor):
        def serve(self) -> None:
            asyncio.run(g.aio.register("server"))

    ref = Server.start()
    server: Any = ref.proxy()
    server.serve().get(timeout=PATIENCE)

    assert g.whereis("server") == ref
    ref.stop()


# Writes


def test_errors_are_those_of_the_blocking_verbs(g: Group) -> None:
    async def main(one: AnyRef, two: AnyRef) -> None:
        await g.aio.register("k", {"v": 1}, actor=one)
        with pytest.raises(KeyTakenError) as taken:
            await g.aio.register("k", actor=two)
        assert (taken.value.key, taken.value.ref) == ("k", one)
        with pytest.raises(InvalidArgumentError, match="timeout must be"):
            await g.aio.register("x", actor=two, timeout=-1)
        with pytest.raises(TypeError, match="is no actor ref"):
            await g.aio.get_or_start("x", no_factory)

    no_factory: Any = object
    with listeners(2) as (one, two):
        asyncio.run(main(one, two))


def test_a_factory_that_stops_an_iteration_is_an_error_and_no_hang(g: Group) -> None:
    def factory() -> AnyRef:
        raise StopIteration

    async def main() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(g.aio.get_or_start("x", factory), PATIENCE)

    asyncio.run(main())


def test_coroutines_that_race_to_start_an_actor_get_the_same(g: Group) -> None:
    started: list[AnyRef] = []

    def factory() -> AnyRef:
        started.append(Listener.start())
        return started[-1]

    async def main() -> list[Entry]:
        calls = (g.aio.get_or_start("one", factory) for _ in range(3 * LIMIT))
        return await asyncio.gather(*calls)

    found = asyncio.run(main())

    assert {entry.ref for entry in found} == {g.whereis("one")}
    eventually(lambda: sum(ref.is_alive() for ref in started) == 1, what="losers end")
    g.wait_for("one", timeout=0).ref.stop()


# Waiting


def test_any_number_may_wait_and_writes_go_on(g: Group) -> None:
    async def main(one: AnyRef) -> None:
        waiting = [
            asyncio.ensure_future(g.aio.wait_for(f"k/{n}", timeout=PATIENCE))
            for n in range(5 * LIMIT)
        ]
        room = asyncio.ensure_future(
            g.aio.wait_for_member("room/", count=2, timeout=PATIENCE)
        )
        await asyncio.sleep(0)
        for n in range(5 * LIMIT):
            await g.aio.register(f"k/{n}", {"n": n}, actor=one)
        assert [e.meta["n"] for e in await asyncio.gather(*waiting)] == list(
            range(5 * LIMIT)
        )
        assert not room.done()
        await g.aio.join("room/1", actor=one)
        await g.aio.join("room/2", actor=one)
        assert len(await room) == 2

    with listeners() as (one,):
        asyncio.run(main(one))
    eventually(lambda: nobody_waits(g), what="nobody waits")


def nobody_waits(g: Group) -> bool:
    tables = g._instance.store.tables
    return not g._instance.waiting and not any(t.subscriptions.any("") for t in tables)


def test_waiting_in_vain_says_for_what(g: Group) -> None:
    async def main() -> None:
        with pytest.raises(Timeout, match=r"nobody has registered 'k' in 0.01 s"):
            await g.aio.wait_for("k", timeout=0.01)
        with pytest.raises(Timeout, match="group 'room' has 0 members after 0 s"):
            await g.aio.wait_for_member("room", timeout=0)

    asyncio.run(main())
    assert nobody_waits(g)


def test_a_cancelled_wait_leaves_nothing(g: Group) -> None:
    async def main() -> None:
        for waits in (
            g.aio.wait_for("k", timeout=60),
            g.aio.wait_for_member("room/", timeout=60),
        ):
            waiting = asyncio.ensure_future(waits)
            await asyncio.sleep(0)
            assert not nobody_waits(g)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert nobody_waits(g)

    asyncio.run(main())


def test_settle_waits_for_peers(g: Group) -> None:
    async def main(gb: Group) -> None:
        with busy(gb), pytest.raises(ShardTimeoutError):
            await ga.aio.settle(timeout=0.1)
        assert ga._instance.fences._waiting == {}
        await ga.aio.settle(PATIENCE)
        assert gb.lookup("k") is not None

    with groups("a", "b", shards=2) as (ga, gb), listeners() as (one,):
        ga.register("k", actor=one)
        asyncio.run(main(gb))


def test_a_monitor_of_events_in_a_coroutine_hears_all(g: Group) -> None:
    async def main(one: AnyRef) -> list[str]:
        heard = []
        async with g.events("k/", snapshot=True) as events:
            for n in range(20):
                await g.aio.register(f"k/{n}", actor=one)
            async for event in events:
                assert isinstance(event, Event)
                heard.append(event.key)
                if len(heard) == 20:
                    break
        return heard

    with listeners() as (one,):
        assert sorted(asyncio.run(main(one))) == sorted(f"k/{n}" for n in range(20))


# Cancelling, time and the end


@contextmanager
def stuck(g: Group, count: int = LIMIT) -> Iterator[threading.Event]:
    """Let helpers be at work until the event is set, or the block ends."""
    released = threading.Event()

    def factory() -> AnyRef:
        released.wait(PATIENCE)
        return Listener.start()

    async def hold() -> None:
        await asyncio.gather(
            *(g.aio.get_or_start(f"stuck/{n}", factory) for n in range(count))
        )

    def held() -> bool:
        with g._instance.helpers._changed:
            here = g._instance.helpers
            return here._threads - here._idle == count

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(lambda: asyncio.run(hold()))
        eventually(held, what="helpers are at work")
        try:
            yield released
        finally:
            released.set()
            holding.exception(PATIENCE)
            for entry in list(g.entries("stuck/")):
                entry.ref.stop()


def test_a_write_that_no_helper_has_begun_is_not_made_when_cancelled(g: Group) -> None:
    async def main(one: AnyRef, released: threading.Event) -> None:
        writing = asyncio.ensure_future(g.aio.register("k", actor=one))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        released.set()
        # Behind it in the queue.
        await g.aio.register("next", actor=one)
        assert g.lookup("k") is None

    with listeners() as (one,), stuck(g) as released:
        asyncio.run(main(one, released))


def test_a_write_that_a_helper_has_begun_is_made_when_cancelled(g: Group) -> None:
    async def main(released: threading.Event) -> None:
        began = threading.Event()

        def factory() -> AnyRef:
            began.set()
            released.wait(PATIENCE)
            return Listener.start()

        writing = asyncio.ensure_future(g.aio.get_or_start("k", factory))
        await asyncio.to_thread(began.wait, PATIENCE)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        released.set()
        (await g.aio.wait_for("k", timeout=PATIENCE)).ref.stop()

    asyncio.run(main(threading.Event()))


def test_a_write_that_no_helper_is_free_for_runs_out_of_time(g: Group) -> None:
    async def main(one: AnyRef) -> None:
        with pytest.raises(Timeout, match=r"busy for 0.1 s; nothing was done"):
            await g.aio.register("k", actor=one, timeout=0.1)
        assert g._instance.helpers._queue == type(g._instance.helpers._queue)()

    with listeners() as (one,), stuck(g):
        asyncio.run(main(one))
    assert g.lookup("k") is None


def test_the_time_in_the_queue_counts() -> None:
    async def main(helpers: Helpers) -> tuple[float, float]:
        held = [
            asyncio.ensure_future(helpers.run(gate.wait, PATIENCE))
            for _ in range(LIMIT)
        ]
        waiting = asyncio.ensure_future(helpers.run(lambda left: left, PATIENCE))
        # Once around the loop: all have begun, the last one is in the queue.
        await asyncio.sleep(0)
        queued_at = time.monotonic()
        await asyncio.sleep(0.05)
        waited = time.monotonic() - queued_at
        gate.set()
        await asyncio.gather(*held)
        return await waiting, waited

    gate = threading.Event()
    helpers = Helpers("test", lambda: StoppedError("app"))
    left, waited = asyncio.run(main(helpers))
    helpers.close()

    assert waited > 0.04
    assert left <= PATIENCE - waited


def test_the_group_can_be_stopped_while_all_helpers_are_busy(g: Group) -> None:
    async def main(one: AnyRef) -> None:
        queued = asyncio.ensure_future(g.aio.register("k", actor=one))
        waiting = asyncio.ensure_future(g.aio.wait_for("k", timeout=60))
        await asyncio.sleep(0)
        await asyncio.wait_for(g.aio.stop(), PATIENCE)
        for each in (queued, waiting):
            with pytest.raises(StoppedError):
                await each
        with pytest.raises(StoppedError):
            await g.aio.join("k", actor=one)
        await g.aio.stop()

    with listeners() as (one,), ThreadPoolExecutor(1) as pool:
        released = threading.Event()

        def factory() -> AnyRef:
            released.wait(PATIENCE)
            raise LookupError

        async def hold() -> None:
            await asyncio.gather(
                *(g.aio.get_or_start(f"s/{n}", factory) for n in range(LIMIT)),
                return_exceptions=True,
            )

        holding = pool.submit(lambda: asyncio.run(hold()))
        eventually(lambda: g._instance.helpers._threads == LIMIT, what="all are busy")
        asyncio.run(main(one))
        released.set()
        holding.result(PATIENCE)


def test_a_group_is_left_by_async_with() -> None:
    async def main() -> Group:
        async with await asyncio.to_thread(Group.start, "app", log=False) as g:
            assert g.keys() == []
            async with await g.aio.connect(["red", "blue"]) as clusters:
                assert [each.connected for each in clusters] == [True, True]
            assert not g.connected("red")
        return g

    g = asyncio.run(main())

    with pytest.raises(StoppedError):
        g.keys()


def test_helpers_end_with_their_group() -> None:
    with Group.start("app", log=False) as g, listeners() as (one,):
        asyncio.run(g.aio.register("k", actor=one))
        names = {thread.name for thread in threading.enumerate()}
        assert any(name.startswith("group-aio-app") for name in names)

    def gone() -> bool:
        names = {thread.name for thread in threading.enumerate()}
        return not any(name.startswith("group-aio-app") for name in names)

    eventually(gone, what="helpers end")
