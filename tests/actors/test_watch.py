"""Watching a death: exactly once, with the reason, after all that was said before."""

import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest

from actors import (
    Actor,
    ActorDeadError,
    Crash,
    Down,
    Mailbox,
    NoCurrentActorError,
    Timeout,
    deliver,
    demonitor,
    mailbox,
    monitor,
    on_down,
)


class Worker(Actor):
    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        return message


class Chatty(Actor):
    """Tells somebody something before it ends."""

    def on_receive(self, message: object) -> None:
        assert isinstance(message, Mailbox)
        for number in range(5):
            message.ref.tell(number)
        self.exit("done")


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Let threads meet at every point of the code, not only at some."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def nothing_more(me: Mailbox) -> bool:
    """Say whether the mailbox is empty, its mail being in order."""
    me.ref.tell("end of mail")
    return bool(me.receive(timeout=5) == "end of mail")


def test_a_monitor_gives_one_message_with_the_reason() -> None:
    with mailbox() as me:
        ref = Worker.start()
        watch = monitor(ref)

        ref.tell(ValueError("x"))

        down = me.receive(timeout=5)
        assert isinstance(down, Down)
        assert (down.monitor, down.ref) == (watch, ref)
        assert str(down.reason) == "ValueError: x"
        assert nothing_more(me)


def test_each_monitor_of_one_actor_gives_its_own_message() -> None:
    with mailbox() as me:
        ref = Worker.start()
        watches = {monitor(ref) for _ in range(3)}

        ref.stop()

        downs = [me.receive(timeout=5) for _ in range(3)]
        assert {down.monitor for down in downs} == watches
        assert nothing_more(me)


def test_who_asks_late_gets_the_true_reason() -> None:
    with mailbox() as me:
        ref = Worker.start()
        ref.tell(ValueError("x"))
        monitor(ref)
        me.receive(timeout=5)

        monitor(ref)

        reason = me.receive(timeout=5).reason
        assert isinstance(reason, Crash)


def test_a_monitor_needs_somebody_to_tell() -> None:
    ref = Worker.start()

    with pytest.raises(NoCurrentActorError):
        monitor(ref)
    ref.stop()


def test_a_watcher_can_be_named() -> None:
    with mailbox() as me:
        other = Worker.start()
        ref = Worker.start()
        seen: SimpleQueue[object] = SimpleQueue()

        class Witness(Actor):
            def on_receive(self, message: object) -> None:
                seen.put(message)

        witness = Witness.start()
        watch = monitor(ref, watcher=witness)
        ref.stop()

        assert seen.get(timeout=5) == Down(watch, ref, "normal")
        assert nothing_more(me)
        other.stop()
        witness.stop()


def test_after_demonitor_nothing_comes() -> None:
    with mailbox() as me:
        ref = Worker.start()
        demonitor(monitor(ref))

        ref.stop()

        assert nothing_more(me)


def test_demonitor_takes_back_a_message_that_waits() -> None:
    with mailbox() as me:
        ref = Worker.start()
        watch = monitor(ref)
        ref.stop()
        assert len(me.actor_inbox) == 1

        demonitor(watch)

        assert nothing_more(me)


def test_demonitor_leaves_the_other_monitors_alone() -> None:
    with mailbox() as me:
        ref = Worker.start()
        first, second = monitor(ref), monitor(ref)
        ref.stop()

        demonitor(first)
        demonitor(first)

        assert me.receive(timeout=5).monitor == second
        assert nothing_more(me)


def test_what_the_dead_one_said_comes_before_its_death() -> None:
    with mailbox() as me:
        for _ in range(20):
            ref = Chatty.start()
            monitor(ref)
            ref.tell(me)

            heard = [me.receive(timeout=5) for _ in range(6)]

            assert heard[:5] == [0, 1, 2, 3, 4]
            assert heard[5].reason == "done"


@pytest.mark.crashes("watcher_failed")
def test_a_failing_callback_does_not_keep_others_from_hearing() -> None:
    seen: list[object] = []
    ref = Worker.start()

    def fail(reason: object) -> None:
        raise SystemExit(reason)

    on_down(ref, fail)
    on_down(ref, seen.append)

    assert ref.stop(timeout=5)
    assert seen == ["normal"]


def test_on_down_can_be_taken_back_until_it_happens() -> None:
    seen: list[object] = []
    ref = Worker.start()
    first, second = on_down(ref, seen.append), on_down(ref, seen.append)

    assert first()
    assert not first()
    ref.stop()

    assert seen == ["normal"]
    assert not second()


def test_on_down_of_the_dead_calls_at_once_in_the_callers_thread() -> None:
    ref = Worker.start()
    ref.stop()
    threads: list[threading.Thread] = []

    on_down(ref, lambda _: threads.append(threading.current_thread()))

    assert threads == [threading.current_thread()]


def test_a_dead_watcher_is_forgotten_by_those_it_watched() -> None:
    ref = Worker.start()
    with mailbox():
        for _ in range(10):
            monitor(ref)
        assert len(ref.cell.watches) == 10

    assert ref.cell.watches == {}
    ref.stop()


def test_deliver_never_raises_and_the_dead_get_nothing() -> None:
    with mailbox() as me:
        deliver(me.ref, "hello")

        assert me.receive(timeout=5) == "hello"

    deliver(me.ref, "too late")
    with pytest.raises(ActorDeadError):
        me.receive(timeout=1)


@pytest.mark.slow
def test_monitors_placed_around_a_death_miss_none_and_double_none(
    quick_switches: None,
) -> None:
    with mailbox() as me:
        placed: set[object] = set()
        for number in range(300):
            ref = Worker.start()
            if number % 2:
                ref.tell(ValueError("x"))
            else:
                ref.stop(block=False)
            placed |= {monitor(ref) for _ in range(5)}

        downs = [me.receive(timeout=10) for _ in range(len(placed))]

        assert {down.monitor for down in downs} == placed
        assert {str(down.reason) for down in downs} == {"normal", "ValueError: x"}
        with pytest.raises(Timeout):
            me.receive(timeout=0.05)
