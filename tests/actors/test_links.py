"""Links and exit signals: Erlang's rules, one test per rule."""

import logging
import threading
from collections.abc import Callable
from importlib import import_module
from queue import SimpleQueue
from typing import Any, ClassVar

import pykka
import pytest

import actors
from actors import (
    Actor,
    ActorDeadError,
    Crash,
    Down,
    Exit,
    Mailbox,
    deliver_exit,
    kill,
    link,
    mailbox,
    monitor,
    on_down,
    orphans,
    stop_with,
    unlink,
)
from actors._ends.cell import Cell
from actors._home import cell_of
from tests.conftest import Eventually

Ref = pykka.ActorRef[Any]


class Worker(Actor):
    """Does what it is told to do."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        return message() if callable(message) else message


class Keeper(Worker):
    """Traps exits and keeps what comes."""

    trap_exits: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.heard: SimpleQueue[object] = SimpleQueue()

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exit):
            self.heard.put(message)
            return None
        return super().on_receive(message)


class Plain(pykka.ThreadingActor):
    """Knows nothing of us."""

    use_daemon_thread = True

    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        return message() if callable(message) else message


def death(ref: Ref) -> object:
    """Wait for the end of an actor and give its reason."""
    reasons: SimpleQueue[object] = SimpleQueue()
    on_down(ref, reasons.put)
    return reasons.get(timeout=5)


def linked(one: Ref, other: Ref) -> tuple[Ref, Ref]:
    """Link the first with the second, from the inside."""
    one.ask(lambda: link(other), timeout=5)
    return one, other


def keeper() -> tuple[Ref, "SimpleQueue[object]"]:
    """Start one that traps exits, and give what it hears."""
    ref = Keeper.start()
    heard: SimpleQueue[object] = ref.proxy().heard.get(timeout=5)
    return ref, heard


def holding(busy: threading.Event, go: threading.Event) -> Callable[[], bool]:
    """Make a message that says when it is being handled, and waits."""

    def hold() -> bool:
        busy.set()
        return go.wait(5)

    return hold


def join(ref: actors.ActorRef[Any]) -> None:
    """Wait for the end of an actor's thread."""
    thread = ref.cell.thread
    assert thread is not None
    thread.join(5)


def settled(ref: Ref) -> bool:
    """Wait until an actor has handled what came before, and is alive."""
    return bool(ref.ask("settled?", timeout=5) == "settled?")


@pytest.mark.parametrize("dying", [0, 1])
def test_a_crash_takes_the_linked_one_down_with_the_same_reason(dying: int) -> None:
    pair = linked(Worker.start(), Worker.start())

    pair[dying].tell(ValueError("x"))

    reason = death(pair[1 - dying])
    assert isinstance(reason, Crash)
    assert reason == death(pair[dying])


def test_a_normal_end_harms_nobody() -> None:
    here, there = linked(Worker.start(), Worker.start())

    there.stop()

    assert settled(here)
    here.stop()


def test_who_traps_exits_gets_a_message_for_every_reason() -> None:
    here, heard = keeper()
    for reason in ("normal", "shutdown"):
        there = Worker.start()
        linked(here, there)
        stop_with(there, reason)

        assert heard.get(timeout=5) == Exit(there, reason)
    here.stop()


def test_a_link_is_single_however_often_it_is_made() -> None:
    here, heard = keeper()
    there = Worker.start()
    linked(here, there)
    linked(here, there)
    linked(there, here)
    assert len(there.cell.watches) == 1

    there.stop()

    assert heard.get(timeout=5) == Exit(there, "normal")
    assert settled(here)
    assert heard.empty()
    here.stop()


def test_linking_the_dead_is_an_exit_with_noproc() -> None:
    there = Worker.start()
    there.stop()
    trapping, heard = keeper()
    linked(trapping, there)
    plain = Worker.start()
    plain.tell(lambda: link(there))

    assert heard.get(timeout=5) == Exit(there, "noproc")
    assert death(plain) == "noproc"
    trapping.stop()


def test_linking_oneself_changes_nothing() -> None:
    ref = Worker.start()
    linked(ref, ref)

    assert settled(ref)
    ref.stop()


@pytest.mark.parametrize("unlinker", [0, 1])
def test_after_unlink_a_crash_harms_nobody(unlinker: int) -> None:
    here, there = linked(Worker.start(), Worker.start())
    one, other = (here, there) if unlinker == 0 else (there, here)

    one.ask(lambda: unlink(other), timeout=5)
    there.tell(ValueError("x"))

    death(there)
    assert settled(here)
    here.stop()


def test_unlink_takes_back_an_exit_message_that_waits() -> None:
    here, heard = keeper()
    there = Worker.start()
    linked(here, there)

    def late_unlink() -> None:
        there.stop(timeout=5)
        unlink(there)

    here.ask(late_unlink, timeout=5)

    assert settled(here)
    assert heard.empty()
    here.stop()


def test_unlink_takes_back_an_end_that_waits() -> None:
    here, there = linked(Worker.start(), Worker.start())

    def late_unlink() -> None:
        there.tell(ValueError("x"))
        death(there)
        unlink(there)

    here.ask(late_unlink, timeout=5)

    assert settled(here)
    here.stop()


class TrappingMailbox(Mailbox):
    trap_exits: ClassVar[bool] = True


def test_an_exit_message_comes_after_what_the_dead_one_said() -> None:
    with TrappingMailbox() as me:
        there = Worker.start()
        link(there)

        def speak() -> None:
            for number in range(3):
                me.ref.tell(number)
            actors.exit(there, "done")

        there.tell(speak)

        assert [me.receive(timeout=5) for _ in range(3)] == [0, 1, 2]
        assert me.receive(timeout=5) == Exit(there, "done")


def test_the_end_of_a_mailbox_is_a_normal_exit_for_its_links() -> None:
    there, heard = keeper()
    with mailbox() as me:
        link(there)

    assert heard.get(timeout=5) == Exit(me.ref, "normal")
    there.stop()


def test_a_crash_ends_a_linked_mailbox_and_its_owner_sees_it() -> None:
    with mailbox() as me:
        there = Worker.start()
        link(there)
        there.tell(ValueError("x"))

        with pytest.raises(ActorDeadError, match="ValueError: x"):
            me.receive(timeout=5)


def test_the_owner_of_a_mailbox_hears_the_reason_even_before_its_watchers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard = threading.Event()
    end = Cell.end

    def late(cell: Cell, reason: object) -> bool:
        heard.wait(5)
        return end(cell, reason)

    with mailbox() as me:
        ender = threading.Thread(target=actors.exit, args=(me.ref, "shutdown"))
        with monkeypatch.context() as patch:
            patch.setattr(Cell, "end", late)
            ender.start()

            with pytest.raises(ActorDeadError, match="has ended: shutdown"):
                me.receive(timeout=5)

            heard.set()
            ender.join(5)


@pytest.mark.parametrize("pair", [(Worker, Plain), (Plain, Worker), (Plain, Plain)])
def test_plain_actors_can_be_linked(pair: tuple[type[Any], type[Any]]) -> None:
    here, there = pair[0].start(), pair[1].start()
    linked(here, there)

    there.tell(ValueError("x"))

    assert str(death(there)) == "ValueError: x"
    assert str(death(here)) == "ValueError: x"


def test_exit_ends_with_the_reason_after_on_stop() -> None:
    trace: list[str] = []

    class Tidy(Worker):
        def on_stop(self) -> None:
            trace.append("stop")

    ref = Tidy.start()
    actors.exit(ref, "enough")

    assert death(ref) == "enough"
    assert trace == ["stop"]


def test_exit_overtakes_the_mail_that_waits() -> None:
    go = threading.Event()
    ref = Worker.start()
    ref.tell(lambda: go.wait(5))
    late = ref.ask("late", block=False)

    actors.exit(ref, "enough")
    go.set()

    with pytest.raises(ActorDeadError):
        late.get(timeout=5)
    assert death(ref) == "enough"


def test_a_normal_exit_signal_is_ignored_unless_it_is_trapped() -> None:
    ref = Worker.start()
    trapping, heard = keeper()

    actors.exit(ref, "normal")
    actors.exit(trapping, "normal")

    assert settled(ref)
    assert heard.get(timeout=5) == Exit(None, "normal")
    ref.stop()
    trapping.stop()


def test_a_normal_exit_signal_to_oneself_is_the_end() -> None:
    ref = Worker.start()
    ref.tell(lambda: actors.exit(ref, "normal"))

    assert death(ref) == "normal"


def test_a_trapped_exit_says_who_sent_it() -> None:
    trapping, heard = keeper()
    with mailbox() as me:
        actors.exit(trapping, "please")

        assert heard.get(timeout=5) == Exit(me.ref, "please")
    trapping.stop()


def test_a_stop_with_a_reason_ends_even_those_who_trap_exits() -> None:
    trapping, _heard = keeper()

    stop_with(trapping, "shutdown")

    assert death(trapping) == "shutdown"


def test_a_stop_behind_the_mail_lets_the_mail_be_handled() -> None:
    ref = Worker.start()
    first = ref.ask("first", block=False)

    stop_with(ref, "shutdown", first=False)

    assert first.get(timeout=5) == "first"
    assert death(ref) == "shutdown"


@pytest.mark.parametrize("cls", [Worker, Plain])
def test_a_stop_in_front_of_the_mail_refuses_the_mail(cls: type[Any]) -> None:
    go = threading.Event()
    ref: Ref = cls.start()
    busy = threading.Event()
    ref.tell(holding(busy, go))
    busy.wait(5)
    late = ref.ask("late", block=False)

    stop_with(ref, "shutdown")
    go.set()

    assert death(ref) == "shutdown"
    with pytest.raises(ActorDeadError):
        late.get(timeout=5)


def test_signals_to_the_dead_are_dropped() -> None:
    ref = Worker.start()
    ref.stop()

    for reason in ("kill", "normal", "x"):
        actors.exit(ref, reason)
        deliver_exit(ref, None, reason)
        stop_with(ref, reason)

    assert death(ref) == "normal"


@pytest.mark.parametrize("cls", [Worker, Keeper, Plain])
def test_a_kill_cannot_be_trapped_and_runs_no_hook(
    cls: type[Any], caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    hooks: list[str] = []

    names = {"on_stop": lambda _self: hooks.append("stop")}
    hooked: type[Any] = type("Hooked", (cls,), names)
    ref: Ref = hooked.start()
    settled(ref)
    # It has answered a moment before it is idle.
    eventually(lambda: cell_of(ref).envelope is None)
    thread = next(t for t in threading.enumerate() if t.name.startswith("Hooked"))

    actors.exit(ref, "kill")

    assert not ref.is_alive()
    assert death(ref) == "killed"
    thread.join(5)
    assert not thread.is_alive()
    assert hooks == []
    assert "abandoned" not in caplog.text


def test_an_actor_killed_before_its_thread_runs_does_nothing() -> None:
    hooks: list[str] = []

    class Stillborn(Worker):
        def _start_actor_loop(self) -> None:
            kill(self.actor_ref)
            super()._start_actor_loop()

        def on_start(self) -> None:
            hooks.append("start")

    ref = Stillborn.start()

    assert death(ref) == "killed"
    join(ref)
    assert hooks == []


def test_an_actor_killed_while_it_takes_up_its_stop_runs_no_hook() -> None:
    hooks: list[str] = []

    class Hooked(Worker):
        def on_stop(self) -> None:
            hooks.append("stop")

    ref = Hooked.start()

    def valid() -> bool:
        kill(ref)
        return True

    stop_with(ref, "shutdown", valid=valid)

    assert death(ref) == "killed"
    join(ref)
    assert hooks == []


@pytest.mark.parametrize("cls", [Worker, Plain])
def test_a_kill_in_the_middle_of_a_message_answers_everybody_at_once(
    cls: type[Any], eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "actors")
    go, busy = threading.Event(), threading.Event()
    ref: Ref = cls.start()
    running = ref.ask(holding(busy, go), block=False)
    busy.wait(5)
    waiting = ref.ask("late", block=False)
    with mailbox() as me:
        watch = monitor(ref)

        actors.exit(ref, "kill")

        assert me.receive(timeout=5) == Down(watch, ref, "killed")
    with pytest.raises(ActorDeadError):
        waiting.get(timeout=5)
    with pytest.raises(ActorDeadError):
        ref.tell("more")
    if cls is Worker:
        with pytest.raises(ActorDeadError, match="killed"):
            running.get(timeout=5)
    assert [thread.name for thread in orphans()] == [
        thread.name for thread in threading.enumerate() if cls.__name__ in thread.name
    ]
    assert "actor_thread_abandoned" in caplog.text
    go.set()
    eventually(lambda: orphans() == [])
    assert "abandoned_actor_thread_ended" in caplog.text


@pytest.mark.parametrize(
    ("cls", "last_step"),
    [(Worker, "actors._ends.end.end"), (Plain, "actors._ends.signals.refuse_mail")],
)
def test_an_actor_that_sees_its_kill_first_ends_by_it_all_the_same(
    cls: type[Any], last_step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, busy = threading.Event(), threading.Event()
    ref: Ref = cls.start()
    ref.tell(holding(busy, go))
    assert busy.wait(5)
    (thread,) = (t for t in threading.enumerate() if t.name.startswith(cls.__name__))
    package, _, name = last_step.rpartition(".")
    step = getattr(import_module(package), name)

    def late(*args: object) -> object:
        # Its message is over, it finds itself stopped, and ends.
        go.set()
        thread.join(5)
        return step(*args)

    monkeypatch.setattr(last_step, late)
    with mailbox() as me:
        watch = monitor(ref)

        kill(ref)

        assert me.receive(timeout=5) == Down(watch, ref, "killed")
    assert not thread.is_alive()


def test_a_kill_spreads_as_killed() -> None:
    trapping, heard = keeper()
    there = Worker.start()
    linked(trapping, there)
    other = Worker.start()
    linked(other, there)

    actors.exit(there, "kill")

    assert heard.get(timeout=5) == Exit(there, "killed")
    assert death(other) == "killed"
    trapping.stop()


def test_an_actor_killed_while_it_starts_never_handles_a_message(
    eventually: Eventually,
) -> None:
    go, trace = threading.Event(), []

    class Slow(Worker):
        def on_start(self) -> None:
            go.wait(5)

        def on_receive(self, message: object) -> object:
            trace.append(message)
            return None

    ref = Slow.start()
    ref.tell("never")
    actors.exit(ref, "kill")
    go.set()

    assert death(ref) == "killed"
    eventually(lambda: orphans() == [])
    assert trace == []
