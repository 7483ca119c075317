"""Futures: one answer, many readers, awaited without stopping the event loop."""

import asyncio
import logging
import threading
import time
from queue import Full
from typing import Any

import pykka
import pytest

from actors import Actor, Future, Timeout


class Slow(Actor):
    """Answers when it is let."""

    def __init__(self, go: threading.Event) -> None:
        super().__init__()
        self.go = go

    def on_receive(self, message: object) -> object:
        self.go.wait(5)
        if isinstance(message, Exception):
            raise message
        return message


@pytest.fixture
def future() -> Future[Any]:
    return Future()


def answer_by_raising(future: Future[Any], error: Exception) -> None:
    """Raise it, and give the exception being handled as the answer."""

    def fail() -> None:
        raise error

    try:
        fail()
    except type(error):
        future.set_exception()


def test_the_first_answer_wins_in_silence(future: Future[Any]) -> None:
    future.set(1)
    future.set(2)
    future.set_exception((ValueError, ValueError("late"), None))

    assert future.get(timeout=0) == 1
    assert future.get(timeout=0) == 1


def test_the_first_exception_wins_in_silence(future: Future[Any]) -> None:
    future.set_exception((ValueError, ValueError("first"), None))
    future.set(2)

    with pytest.raises(ValueError, match="first"):
        future.get(timeout=0)


def test_the_exception_being_handled_is_taken(future: Future[Any]) -> None:
    answer_by_raising(future, KeyError("k"))

    with pytest.raises(KeyError, match="k"):
        future.get(timeout=0)


def test_a_late_answer_is_a_timeout_of_all_three_kinds(future: Future[Any]) -> None:
    with pytest.raises(Timeout, match=r"no answer within 0.01 seconds") as caught:
        future.get(timeout=0.01)

    assert isinstance(caught.value, pykka.Timeout)
    assert isinstance(caught.value, TimeoutError)
    future.set("here")
    assert future.get(timeout=0) == "here"


def test_many_threads_can_wait_for_one_answer(future: Future[Any]) -> None:
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.append(future.get(timeout=5)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()

    future.set("x")

    for thread in threads:
        thread.join(5)
    assert answers == ["x"] * 5


def test_readers_do_not_share_one_exception(future: Future[Any]) -> None:
    original = ValueError("x")
    original.__cause__ = KeyError("k")
    future.set_exception((ValueError, original, None))
    seen: list[BaseException] = []

    for _ in range(3):
        with pytest.raises(ValueError, match="x") as caught:
            future.get(timeout=0)
        seen.append(caught.value)

    assert seen[0] is original
    assert len({id(error) for error in seen}) == 3
    assert {str(error.__cause__) for error in seen} == {"'k'"}


def test_tracebacks_do_not_grow_with_readers(future: Future[Any]) -> None:
    answer_by_raising(future, ValueError("x"))

    def length() -> int:
        with pytest.raises(ValueError, match="x") as caught:
            future.get(timeout=0)
        return len(caught.traceback)

    assert len({length() for _ in range(4)}) == 1


def test_an_exception_that_cannot_be_copied_is_raised_as_it_is(
    future: Future[Any],
) -> None:
    class OddError(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one}{two}")

    odd = OddError(1, 2)
    future.set_exception((OddError, odd, None))

    for _ in range(2):
        with pytest.raises(OddError) as caught:
            future.get(timeout=0)
        assert caught.value is odd


def test_an_exception_that_copies_to_something_else_is_raised_as_it_is(
    future: Future[Any],
) -> None:
    class StrangeError(Exception):
        def __reduce__(self) -> tuple[Any, ...]:
            return (ValueError, ("another exception",))

    strange = StrangeError()
    future.set_exception((StrangeError, strange, None))

    for _ in range(2):
        with pytest.raises(StrangeError):
            future.get(timeout=0)


def test_callbacks_are_called_once_even_if_one_fails(future: Future[Any]) -> None:
    calls: list[object] = []

    def fail(_future: Future[Any]) -> None:
        raise SystemExit

    future.add_done_callback(fail)
    future.add_done_callback(lambda f: calls.append(f.get(timeout=0)))
    gone = calls.append
    future.add_done_callback(gone)
    future.remove_done_callback(gone)
    future.remove_done_callback(gone)

    assert not future.done()
    future.set(1)
    future.set(2)

    assert future.done()
    assert calls == [1]
    future.add_done_callback(lambda f: calls.append("late"))
    assert calls == [1, "late"]


def test_a_hook_answers_once(future: Future[Any]) -> None:
    calls: list[float | None] = []

    def hook(timeout: float | None) -> str:
        calls.append(timeout)
        return "hooked"

    future.set_get_hook(hook)
    future.set("not this")

    assert [future.get(timeout=3), future.get()] == ["hooked", "hooked"]
    assert len(calls) == 1
    assert calls[0] == pytest.approx(3, abs=0.5)


def test_a_hook_comes_too_late_after_the_answer(future: Future[Any]) -> None:
    future.set(1)

    with pytest.raises(Full):
        future.set_get_hook(lambda _: 2)


def test_a_hook_that_takes_long_is_waited_for_no_longer_than_said(
    future: Future[Any],
) -> None:
    go, busy = threading.Event(), threading.Event()

    calls: list[float | None] = []

    def hook(timeout: float | None) -> bool:
        calls.append(timeout)
        busy.set()
        return go.wait(5)

    future.set_get_hook(hook)
    readers = [threading.Thread(target=future.get) for _ in range(3)]
    for reader in readers:
        reader.start()
    busy.wait(5)

    with pytest.raises(Timeout):
        future.get(timeout=0.01)
    go.set()
    for reader in readers:
        reader.join(5)
    assert future.get(timeout=5) is True
    assert calls == [None]


def test_map_filter_join_and_reduce_work_as_in_pykka(future: Future[Any]) -> None:
    other: Future[Any] = Future()
    future.set(range(5))
    other.set("x")

    assert future.map(list).get() == [0, 1, 2, 3, 4]
    assert future.filter(lambda n: n > 2).get() == [3, 4]
    assert list(future.join(other).get()) == [range(5), "x"]
    assert future.reduce(lambda a, b: a + b).get() == 10
    assert future.reduce(lambda a, b: a + b, 5).get() == 15


def test_derived_futures_call_back_when_all_they_need_is_here() -> None:
    one, two = Future[Any](), Future[Any]()
    both = one.join(two).map(list)
    calls: list[object] = []
    both.add_done_callback(lambda f: calls.append(f.get(timeout=0)))

    two.set(2)
    assert (calls, both.done()) == ([], False)
    one.set(1)

    assert (calls, both.done()) == ([[1, 2]], True)


def test_await_leaves_the_event_loop_running() -> None:
    go = threading.Event()
    ref = Slow.start(go)
    ticks: list[int] = []

    async def ticking() -> None:
        while not go.is_set():
            ticks.append(1)
            if len(ticks) == 20:
                go.set()
            await asyncio.sleep(0.001)

    async def main() -> object:
        tick = asyncio.create_task(ticking())
        answer = await ref.ask("x", block=False)
        await tick
        return answer

    assert asyncio.run(asyncio.wait_for(main(), 5)) == "x"
    assert len(ticks) == 20
    ref.stop()


def test_gather_waits_for_all_at_once() -> None:
    gate = threading.Barrier(3)

    class Meeting(Actor):
        def on_receive(self, message: object) -> object:
            gate.wait(5)
            return message

    refs = [Meeting.start() for _ in range(3)]

    async def main() -> list[object]:
        return await asyncio.gather(
            *(r.ask(n, block=False) for n, r in enumerate(refs))
        )

    assert asyncio.run(main()) == [0, 1, 2]
    for ref in refs:
        ref.stop()


def test_an_exception_arrives_in_the_coroutine() -> None:
    go = threading.Event()
    go.set()
    ref = Slow.start(go)

    async def main() -> None:
        await ref.ask(ValueError("x"), block=False)

    with pytest.raises(ValueError, match="x"):
        asyncio.run(main())


def test_a_derived_future_and_a_stop_can_be_awaited() -> None:
    go = threading.Event()
    ref = Slow.start(go)
    threading.Timer(0.02, go.set).start()

    async def main() -> tuple[object, object, object]:
        mapped = await ref.ask("x", block=False).map(str.upper)
        hooked: Future[str] = Future()
        hooked.set_get_hook(lambda _: "hooked")
        return mapped, await hooked, await ref.stop(block=False)

    assert asyncio.run(main()) == ("X", "hooked", True)


def test_a_cancelled_wait_leaves_no_callback_behind() -> None:
    future: Future[Any] = Future()

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(asyncio.ensure_future(waiting()), 0.01)

    async def waiting() -> object:
        return await future

    asyncio.run(main())

    assert future.callbacks == []
    future.set(1)


def test_an_answer_after_the_loop_is_closed_harms_nobody() -> None:
    future: Future[Any] = Future()
    loop = asyncio.new_event_loop()

    async def waiting() -> object:
        return await future

    task = loop.create_task(waiting())
    loop.run_until_complete(asyncio.sleep(0))
    callbacks = list(future.callbacks)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()

    future.set(1)
    for callback in callbacks:
        callback(future)

    assert future.get(timeout=0) == 1


def test_without_an_event_loop_an_await_waits() -> None:
    future: Future[Any] = Future()
    steps = future.__await__()
    next(steps)
    future.set(1)

    with pytest.raises(StopIteration) as end:
        next(steps)

    assert end.value.value == 1


def test_blocking_in_an_event_loop_is_warned_of_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = threading.Event()
    ref = Slow.start(go)

    async def main() -> None:
        for _ in range(2):
            go.clear()
            threading.Timer(0.01, go.set).start()
            ref.ask("x", timeout=5)

    monkeypatch.setattr("actors._future._Once.warned", False)
    with caplog.at_level(logging.WARNING, "actors"):
        asyncio.run(main())

    warnings = [r for r in caplog.records if "blocks the event loop" in r.getMessage()]
    assert len(warnings) == 1
    ref.stop()


def test_a_wait_ends_by_its_time() -> None:
    go = threading.Event()
    ref = Slow.start(go)
    began = time.monotonic()

    with pytest.raises(Timeout):
        ref.ask("x", timeout=0.05)

    assert 0.05 <= time.monotonic() - began < 2
    go.set()
    ref.stop()
