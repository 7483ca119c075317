"""Delayed messages: in time, in order, and never after a cancel."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pykka
import pytest

from actors import Actor, Timeout, after, mailbox, tell_after
from actors._timers import _clock, waiting
from tests.conftest import Eventually


def timer_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("actors-timer")]


@contextmanager
def no_time_passing() -> Iterator[float]:
    """Stop the timers' clock; what is done meanwhile is done in no time."""
    now = time.monotonic()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("actors._timers.monotonic", lambda: now)
        yield now


def test_a_message_comes_after_its_time_and_not_before() -> None:
    with mailbox() as me:
        with no_time_passing() as now:
            timer = tell_after(me.ref, 0.05, "late")
            assert timer.pending

        assert me.receive(timeout=5) == "late"

        assert 0.05 <= time.monotonic() - now < 5
        assert not timer.pending
        assert not timer.cancel()


def test_messages_come_in_the_order_of_their_times() -> None:
    with mailbox() as me:
        with no_time_passing():
            for seconds in (0.04, 0.02, 0.06, 0.0):
                tell_after(me.ref, seconds, seconds)

        heard = [me.receive(timeout=5) for _ in range(4)]

        assert heard == [0.0, 0.02, 0.04, 0.06]


def asleep() -> bool:
    """Say whether the clock's thread waits for its next time."""
    return bool(vars(_clock._changed)["_waiters"])


def test_a_short_time_is_kept_beside_a_long_one(eventually: Eventually) -> None:
    with mailbox() as me:
        long = tell_after(me.ref, 600, "long")
        eventually(asleep)
        tell_after(me.ref, 0.01, "short")

        assert me.receive(timeout=5) == "short"
        assert long.cancel()


def test_equal_times_keep_the_order_of_the_calls() -> None:
    with mailbox() as me:
        for number in range(20):
            tell_after(me.ref, 0.0, number)

        assert [me.receive(timeout=5) for _ in range(20)] == list(range(20))


def test_a_cancelled_message_never_comes() -> None:
    with mailbox() as me:
        with no_time_passing():
            timer = tell_after(me.ref, 0.02, "never")

            assert timer.cancel()
            assert not timer.cancel()

        with pytest.raises(Timeout):
            me.receive(timeout=0.1)


def test_a_cancelled_message_is_not_even_put_in_the_inbox() -> None:
    done = threading.Event()
    with mailbox() as me:
        with no_time_passing():
            tell_after(me.ref, 0.01, "never").cancel()
            after(0.02, done.set)

        assert done.wait(5)
        assert len(me.actor_inbox) == 0


def test_an_action_that_ran_cannot_be_called_off() -> None:
    done = threading.Event()
    timer = after(0.0, done.set)

    assert done.wait(5)

    assert not timer.cancel()


@pytest.mark.parametrize("base", [Actor, pykka.ThreadingActor])
def test_a_cancel_beats_a_message_that_waits_in_the_inbox(
    base: type[Any], eventually: Eventually
) -> None:
    go, heard = threading.Event(), []

    def receive(_self: object, message: object) -> object:
        if callable(message):
            return message()
        heard.append(message)
        return None

    busy: type[Any] = type("Busy", (base,), {"on_receive": receive})
    ref = busy.start()
    ref.tell(lambda: go.wait(5))
    timer = tell_after(ref, 0.0, "never")
    eventually(lambda: not ref.actor_inbox.empty())

    assert timer.cancel()
    go.set()
    ref.ask("last", timeout=5)

    assert heard == ["last"]
    ref.stop()


def test_the_dead_are_told_nothing() -> None:
    with mailbox() as me:
        pass
    done = threading.Event()
    tell_after(me.ref, 0.0, "too late")
    after(0.0, done.set)

    assert done.wait(5)


def test_all_timers_share_one_thread_which_ends_when_idle(
    eventually: Eventually,
) -> None:
    with mailbox() as me:
        for _ in range(20):
            tell_after(me.ref, 0.01, "x")
        assert len(timer_threads()) == 1
        for _ in range(20):
            me.receive(timeout=5)

    eventually(lambda: not timer_threads(), timeout=5)
    done = threading.Event()
    after(0.0, done.set)
    assert done.wait(5)


def test_the_thread_ends_when_the_last_timer_is_called_off(
    eventually: Eventually,
) -> None:
    timer = after(600, print)
    eventually(asleep)

    assert timer.cancel()

    eventually(lambda: not timer_threads(), timeout=5)


@pytest.mark.crashes("timer_action_failed")
def test_a_failing_action_does_not_stop_the_clock() -> None:
    done = threading.Event()

    def fail() -> None:
        raise SystemExit

    after(0.0, fail)
    after(0.0, done.set)

    assert done.wait(5)


def test_a_cancelled_action_does_not_run() -> None:
    ran, done = threading.Event(), threading.Event()
    with no_time_passing():
        timer = after(0.02, ran.set)
        assert timer.cancel()
        after(0.04, done.set)

    assert done.wait(5)
    assert not ran.is_set()


def test_cancelled_timers_do_not_pile_up() -> None:
    with mailbox() as me:
        kept = tell_after(me.ref, 60, "later")
        for _ in range(1000):
            tell_after(me.ref, 60, "never").cancel()

        assert waiting() < 200
        assert kept.cancel()


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_times_that_cannot_be_waited_for_are_refused(seconds: float) -> None:
    with mailbox() as me, pytest.raises(ValueError, match="finite and not negative"):
        tell_after(me.ref, seconds, "x")
