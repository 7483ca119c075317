"""Plain Pykka actors are watched without a word in their class."""

import queue
import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, cast

import pykka
import pytest
from pykka._envelope import Envelope

from actors import (
    ActorDeadError,
    Down,
    MonitorRef,
    demonitor,
    kill,
    mailbox,
    monitor,
    on_down,
)
from actors._adopt import can_hook
from tests.conftest import Eventually

Ref = pykka.ActorRef[Any]


class Plain(pykka.ThreadingActor):
    """An actor of somebody who never heard of us."""

    use_daemon_thread = True

    def __init__(self, go: threading.Event | None = None) -> None:
        super().__init__()
        self.go = go
        self.trace: list[str] = []

    def on_stop(self) -> None:
        if self.go is not None:
            self.go.wait(5)
        self.trace.append("stop")

    def on_failure(self, *_exc_info: object) -> None:
        self.trace.append("failure")

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        return message() if callable(message) else message


class Witness:
    """Counts how often and why an actor died."""

    def __init__(self, ref: Ref) -> None:
        self.reasons: SimpleQueue[object] = SimpleQueue()
        on_down(ref, self.reasons.put)

    def reason(self) -> object:
        """Give the one reason there is."""
        reason = self.reasons.get(timeout=5)
        assert self.reasons.empty()
        return reason


def end_of_thread(ref: Ref) -> threading.Thread:
    """Give the thread an actor runs on."""
    return cast("threading.Thread", ref.ask(threading.current_thread, timeout=5))


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_a_stop_is_a_normal_death() -> None:
    ref = Plain.start()
    witness = Witness(ref)

    ref.stop(timeout=5)

    assert witness.reason() == "normal"


def test_a_crash_is_a_death_with_its_exception() -> None:
    ref = Plain.start()
    witness = Witness(ref)

    ref.tell(ValueError("x"))

    assert str(witness.reason()) == "ValueError: x"


def test_an_exception_given_to_an_asker_is_no_death() -> None:
    ref = Plain.start()
    witness = Witness(ref)

    with pytest.raises(ValueError, match="x"):
        ref.ask(ValueError("x"), timeout=5)

    assert ref.ask("alive", timeout=5) == "alive"
    assert witness.reasons.empty()
    ref.stop()
    assert witness.reason() == "normal"


def test_system_exit_is_a_crash() -> None:
    ref = Plain.start()
    witness = Witness(ref)

    ref.tell(SystemExit(3))

    assert str(witness.reason()) == "SystemExit: 3"


def test_the_death_comes_after_the_hooks() -> None:
    go = threading.Event()
    ref = Plain.start(go)
    trace: list[str] = ref.proxy().trace.get(timeout=5)
    witness = Witness(ref)

    ref.stop(block=False)
    on_down(ref, lambda _: trace.append("down"))
    go.set()

    witness.reason()
    assert trace == ["stop", "down"]


def test_who_comes_while_it_is_dying_hears_of_the_end(eventually: Eventually) -> None:
    go = threading.Event()
    ref = Plain.start(go)
    ref.stop(block=False)
    eventually(lambda: not ref.is_alive())

    witness = Witness(ref)

    assert witness.reasons.empty()
    go.set()
    assert witness.reason() == "normal"


def test_who_comes_late_hears_noproc_or_the_truth_if_it_is_known() -> None:
    unknown, known = Plain.start(), Plain.start()
    thread = end_of_thread(unknown)
    Witness(known)
    unknown.tell(ValueError("x"))
    thread.join(5)
    known_thread = end_of_thread(known)
    known.tell(ValueError("x"))
    known_thread.join(5)

    assert Witness(unknown).reason() == "noproc"
    assert str(Witness(known).reason()) == "ValueError: x"


def test_monitors_and_demonitor_work_as_for_ours() -> None:
    with mailbox() as me:
        ref = Plain.start()
        first, second = monitor(ref), monitor(ref)
        demonitor(first)

        ref.stop()

        assert me.receive(timeout=5) == Down(second, ref, "normal")


def test_a_plain_actor_can_be_the_watcher() -> None:
    heard: SimpleQueue[object] = SimpleQueue()

    class Watcher(Plain):
        def on_receive(self, message: object) -> object:
            if isinstance(message, Down):
                heard.put(message)
                return None
            return super().on_receive(message)

    ref, watcher = Plain.start(), Watcher.start()
    watch, other = cast(
        "tuple[MonitorRef, MonitorRef]",
        watcher.ask(lambda: (monitor(ref), monitor(ref)), timeout=5),
    )
    watcher.ask(lambda: demonitor(other), timeout=5)

    ref.stop()

    assert heard.get(timeout=5) == Down(watch, ref, "normal")
    watcher.stop()
    assert heard.empty()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_in_on_start_is_no_zombie() -> None:
    go = threading.Event()

    class Zombie(Plain):
        def on_start(self) -> None:
            go.wait(5)
            raise SystemExit(1)

    ref = Zombie.start()
    witness = Witness(ref)
    asked = ref.ask("anybody?", block=False)
    go.set()

    assert str(witness.reason()) == "SystemExit: 1"
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()
    with pytest.raises(ActorDeadError):
        asked.get(timeout=5)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_of_its_askers_future_is_no_zombie() -> None:
    go, busy = threading.Event(), threading.Event()
    ref = Plain.start()
    witness = Witness(ref)

    def hold() -> None:
        busy.set()
        go.wait(5)

    spoiled = ref.ask(hold, block=False)
    busy.wait(5)
    spoiled.set("mine")
    stopped = ref.stop(block=False)
    go.set()

    assert str(witness.reason()) == "Full"
    assert not ref.is_alive()
    assert stopped.get(timeout=5) is True


def test_a_flag_set_from_outside_ends_it_after_the_message() -> None:
    ref = Plain.start()
    witness = Witness(ref)

    ref.actor_stopped.set()
    ref.actor_inbox.put(Envelope("x"))

    assert witness.reason() == "normal"
    assert ref not in pykka.ActorRegistry.get_all()


def test_a_killed_plain_actor_refuses_its_mail_without_hanging() -> None:
    go, busy = threading.Event(), threading.Event()
    ref = Plain.start()

    def hold() -> None:
        busy.set()
        go.wait(5)

    ref.tell(hold)
    busy.wait(5)
    thread = next(t for t in threading.enumerate() if t.name.startswith("Plain"))
    asks = [ref.ask(number, block=False) for number in range(5)]
    stop = ref.stop(block=False)

    kill(ref)

    for ask in asks:
        with pytest.raises(ActorDeadError):
            ask.get(timeout=5)
    assert stop.get(timeout=5) is True
    assert Witness(ref).reason() == "killed"
    go.set()
    thread.join(5)
    assert not thread.is_alive()


def test_watching_does_not_keep_the_actor_object() -> None:
    ref = Plain.start()
    thread = end_of_thread(ref)
    Witness(ref)
    ref.stop()
    thread.join(5)
    del thread

    assert ref._actor_weakref() is None


def test_without_the_hooks_a_thread_waits_for_the_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors._adopt.Hooks.usable", False)
    ref = Plain.start()
    witness = Witness(ref)
    waiting = [t for t in threading.enumerate() if t.name == "actors-reaper-flag"]
    assert len(waiting) == 1

    ref.stop()

    assert witness.reason() == "normal"
    waiting[0].join(5)


def test_this_python_has_what_the_hooks_need() -> None:
    assert can_hook()


def test_an_actor_with_another_kind_of_inbox_can_be_watched_and_killed() -> None:
    class Odd(Plain):
        @staticmethod
        def _create_actor_inbox() -> queue.SimpleQueue[Envelope[Any]]:
            return queue.SimpleQueue()

    ref = Odd.start()
    witness = Witness(ref)

    kill(ref)

    assert witness.reason() == "killed"
    ref.actor_inbox.put(Envelope("x"))


@pytest.mark.slow
def test_monitors_placed_around_a_death_miss_none_and_double_none(
    quick_switches: None,
) -> None:
    counts: list[SimpleQueue[object]] = []
    for number in range(300):
        ref = Plain.start()
        if number % 3:
            ref.tell(ValueError("x"))
        else:
            ref.stop(block=False)
        seen: SimpleQueue[object] = SimpleQueue()
        on_down(ref, seen.put)
        on_down(ref, seen.put)
        counts.append(seen)

    for seen in counts:
        seen.get(timeout=10)
        seen.get(timeout=10)
        assert seen.empty()
