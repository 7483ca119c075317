"""How an actor lives and why it ends."""

import sys
import threading
from multiprocessing import Pipe
from queue import SimpleQueue
from typing import Any, ClassVar, Literal

import pykka
import pytest
from pykka._envelope import Envelope

from actors import (
    Actor,
    ActorDeadError,
    ActorError,
    ActorRef,
    Crash,
    Down,
    NoCurrentActorError,
    actor_id,
    by_actor_id,
    class_name,
    current,
    mailbox,
    monitor,
    on_down,
    start_ready,
    whereis,
)
from actors import register_name as give_name
from actors._live import live


class Echo(Actor):
    """Answers what it is told, and raises what is an exception."""

    def __init__(self, trace: list[str] | None = None) -> None:
        super().__init__()
        self.trace = [] if trace is None else trace

    def on_start(self) -> None:
        self.trace.append("start")

    def on_stop(self) -> None:
        self.trace.append("stop")

    def on_failure(self, *_exc_info: object) -> None:
        self.trace.append("failure")

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message()
        self.trace.append(str(message))
        return message

    def shout(self, text: str) -> str:
        return text.upper()

    def end(self, reason: object) -> None:
        self.exit(reason)

    def end_all(self) -> None:
        sys.exit(1)


class Patient(Echo):
    """Follows Pykka's rule: a failing ask is the asker's trouble."""

    crash_on: ClassVar[Literal["any", "tell"]] = "tell"


def death(ref: pykka.ActorRef[Any]) -> object:
    """Wait for the end of an actor and give its reason."""
    reasons: SimpleQueue[object] = SimpleQueue()
    on_down(ref, reasons.put)
    return reasons.get(timeout=5)


def test_an_exception_in_an_ask_goes_to_the_asker_and_then_ends_the_actor() -> None:
    trace: list[str] = []
    ref = Echo.start(trace)

    with pytest.raises(ValueError, match="bad"):
        ref.ask(ValueError("bad"), timeout=5)

    assert not ref.is_alive()
    reason = death(ref)
    assert isinstance(reason, Crash)
    assert (reason.type, reason.message) == ("ValueError", "bad")
    assert "on_receive" in reason.traceback
    assert trace == ["start", "failure"]


def test_an_exception_in_a_proxy_call_ends_the_actor_too() -> None:
    ref = Echo.start()

    future = ref.proxy().shout(7)

    with pytest.raises(AttributeError):
        future.get(timeout=5)
    assert isinstance(death(ref), Crash)


def test_an_actor_with_pykkas_rule_survives_the_ask_but_not_the_tell() -> None:
    ref = Patient.start()

    with pytest.raises(ValueError, match="bad"):
        ref.ask(ValueError("bad"), timeout=5)
    assert ref.ask("still here", timeout=5) == "still here"
    ref.tell(ValueError("worse"))

    assert str(death(ref)) == "ValueError: worse"


@pytest.mark.parametrize("rule", [Echo, Patient])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_programs_ends_this_actor_alone_and_the_asker_is_answered(
    rule: type[Echo], error: BaseException
) -> None:
    other, ref = Echo.start(), rule.start()

    with pytest.raises(type(error)):
        ref.ask(error, timeout=5)

    reason = death(ref)
    assert isinstance(reason, Crash)
    assert reason.type == type(error).__name__
    assert other.ask("alive", timeout=5) == "alive"
    other.stop()


def test_sys_exit_in_a_told_message_ends_this_actor_alone() -> None:
    other, ref = Echo.start(), Echo.start()

    ref.proxy().end_all.defer()

    assert str(death(ref)) == "SystemExit: 1"
    assert other.stop(timeout=5)


@pytest.mark.parametrize("error", [OSError("no"), SystemExit(1)])
def test_an_exception_in_on_start_ends_the_actor_without_other_hooks(
    error: BaseException,
) -> None:
    class Unready(Echo):
        def on_start(self) -> None:
            raise error

    trace: list[str] = []
    ref = Unready.start(trace)

    reason = death(ref)

    assert isinstance(reason, Crash)
    assert reason.type == type(error).__name__
    assert trace == []
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?", timeout=5)


@pytest.mark.parametrize("error", [OSError("no"), SystemExit(1)])
def test_an_exception_in_on_stop_is_the_reason_of_the_end(error: BaseException) -> None:
    class Untidy(Echo):
        def on_stop(self) -> None:
            raise error

    ref = Untidy.start()

    assert ref.stop(timeout=5)

    reason = death(ref)
    assert isinstance(reason, Crash)
    assert reason.type == type(error).__name__


def test_an_exception_in_on_failure_does_not_hide_the_first() -> None:
    class Unlucky(Echo):
        def on_failure(self, *_exc_info: object) -> None:
            raise SystemExit

    ref = Unlucky.start()
    ref.tell(ValueError("first"))

    assert str(death(ref)) == "ValueError: first"


def test_stop_handles_the_mail_that_waits_and_ends_normally() -> None:
    trace: list[str] = []
    ref = Echo.start(trace)
    for number in range(3):
        ref.tell(number)

    assert ref.stop(timeout=5)

    assert trace == ["start", "0", "1", "2", "stop"]
    assert death(ref) == "normal"
    assert not ref.stop(timeout=5)


def test_an_actor_stops_itself_normally() -> None:
    class Shy(Echo):
        def on_start(self) -> None:
            self.stop()

    assert death(Shy.start()) == "normal"


def test_exit_ends_the_actor_after_the_message_and_before_the_mail_that_waits() -> None:
    trace: list[str] = []
    go = threading.Event()
    ref = Echo.start(trace)
    ref.tell(lambda: go.wait(5))
    ref.proxy().end.defer("enough")
    late = ref.ask("late", block=False)
    go.set()

    assert death(ref) == "enough"

    assert trace == ["start", "stop"]
    with pytest.raises(ActorDeadError):
        late.get(timeout=5)


def test_exit_says_normal_when_nothing_else_is_said() -> None:
    class Brief(Echo):
        def on_start(self) -> None:
            self.exit()

    assert death(Brief.start()) == "normal"


def test_when_stop_answers_names_are_free_and_watchers_are_told() -> None:
    seen: list[object] = []
    ref = Echo.start()
    give_name("echo", ref)
    on_down(ref, lambda reason: seen.append((reason, whereis("echo"))))

    assert ref.stop(timeout=5)

    assert seen == [("normal", None)]


def test_a_stop_is_not_answered_before_the_watchers_are_told() -> None:
    go, answered = threading.Event(), []
    ref = Echo.start()
    ref.tell(lambda: go.wait(5))
    stop = ref.stop(block=False)
    on_down(ref, lambda _: answered.append(stop.done()))
    go.set()

    assert stop.get(timeout=5) is True
    assert answered == [False]


def test_all_who_ask_for_the_stop_are_answered() -> None:
    go = threading.Event()
    ref = Echo.start()
    ref.tell(lambda: go.wait(5))

    stops = [ref.stop(block=False) for _ in range(3)]
    go.set()

    assert [stop.get(timeout=5) for stop in stops] == [True, True, True]


def test_a_stop_that_comes_while_on_stop_runs_is_answered_when_the_actor_is_dead() -> (
    None
):
    stopping, go = threading.Event(), threading.Event()
    answered: list[bool] = []

    class Slow(Echo):
        def on_stop(self) -> None:
            stopping.set()
            go.wait(5)

    ref = Slow.start()
    give_name("slow", ref)
    first = ref.stop(block=False)
    assert stopping.wait(5)
    second = ref.stop(block=False)
    on_down(ref, lambda _: answered.append(second.done()))
    go.set()

    assert second.get(timeout=5) is True
    assert whereis("slow") is None
    assert answered == [False]
    assert first.get(timeout=5) is True


def test_a_stop_that_comes_while_the_actor_crashes_did_not_end_it() -> None:
    failing, go = threading.Event(), threading.Event()

    class Slow(Echo):
        def on_failure(self, *_exc_info: object) -> None:
            failing.set()
            go.wait(5)

    ref = Slow.start()
    give_name("slow", ref)
    ref.tell(ValueError("x"))
    assert failing.wait(5)
    stop = ref.stop(block=False)
    go.set()

    assert stop.get(timeout=5) is False
    assert whereis("slow") is None


def test_two_that_stop_each_other_in_on_stop_end_normally() -> None:
    refs: list[ActorRef[Any]] = []

    class Twin(Echo):
        def on_stop(self) -> None:
            (other,) = [ref for ref in refs if ref != self.actor_ref]
            self.trace.append(str(other.stop()))

    first: list[str] = []
    second: list[str] = []
    refs += [Twin.start(first), Twin.start(second)]
    ends: list[object] = []
    for ref in refs:
        on_down(ref, ends.append)

    assert refs[0].stop(timeout=5)

    assert first == ["start", "True"]
    assert second == ["start", "True"]
    assert ends == ["normal", "normal"]


def test_the_end_comes_after_the_hooks() -> None:
    trace: list[str] = []
    ref = Echo.start(trace)
    on_down(ref, lambda reason: trace.append(f"down {reason}"))

    ref.stop(timeout=5)

    assert trace == ["start", "stop", "down normal"]


def test_a_class_that_forgets_super_is_told_so() -> None:
    class Forgetful(Actor):
        def __init__(self) -> None:
            self.name = "x"

    with pytest.raises(
        ActorError, match=r"^Forgetful.__init__ did not call super\(\).__init__\(\)$"
    ):
        Forgetful.start()


def test_an_actor_whose_thread_is_refused_is_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[ActorRef[Any]] = []

    class Refused(Echo):
        def __init__(self) -> None:
            super().__init__()
            made.append(self.actor_ref)

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            Refused.start()

    (ref,) = made
    assert not ref.is_alive()
    assert ref not in pykka.ActorRegistry.get_all()
    assert by_actor_id(actor_id(ref)) is None
    assert isinstance(death(ref), Crash)


def test_the_thread_is_a_daemon() -> None:
    ref = Echo.start()

    assert ref.ask(lambda: threading.current_thread().daemon, timeout=5) is True
    ref.stop()


def test_a_crash_is_a_value_that_holds_no_actor() -> None:
    ref = Echo.start()
    ref.tell(ValueError("x"))

    reason = death(ref)

    there, here = Pipe()
    there.send(reason)
    copy = here.recv()
    assert (copy, hash(copy)) == (reason, hash(reason))


def test_a_crash_by_an_exception_that_cannot_be_shown_is_still_a_crash() -> None:
    class UnreadableError(Exception):
        def __str__(self) -> str:
            raise TypeError

    ref = Echo.start()
    ref.tell(UnreadableError())

    assert str(death(ref)) == "UnreadableError"


def test_current_is_the_actor_whose_code_runs() -> None:
    ref = Echo.start()

    assert ref.ask(current, timeout=5) is ref
    ref.stop()


def test_current_is_also_known_inside_a_plain_pykka_actor() -> None:
    class Plain(pykka.ThreadingActor):
        def on_receive(self, message: object) -> object:
            return current()

    ref = Plain.start()

    assert ref.ask("who?", timeout=5) is ref
    ref.stop()


def test_there_is_no_current_actor_in_a_plain_thread() -> None:
    with pytest.raises(
        NoCurrentActorError,
        match=r"^no current actor: call this inside an actor, inside "
        r"'with actors.mailbox\(\):', or pass actor=ref$",
    ):
        current()


def test_numbers_of_actors_are_never_given_twice() -> None:
    refs = [Echo.start() for _ in range(3)]
    numbers = [actor_id(ref) for ref in refs]

    assert len(set(numbers)) == 3
    assert min(numbers) >= 1
    assert [by_actor_id(number) for number in numbers] == refs
    assert [hash(ref) for ref in refs] == [hash(number) for number in numbers]
    for ref in refs:
        ref.stop()
    assert [by_actor_id(number) for number in numbers] == [None, None, None]
    assert actor_id(refs[0]) == numbers[0]
    assert not live.keys() & set(numbers)


def test_a_plain_pykka_actor_has_a_number_while_it_lives() -> None:
    class Plain(pykka.ThreadingActor):
        pass

    ref = Plain.start()
    number = actor_id(ref)

    assert actor_id(ref) == number
    assert by_actor_id(number) is ref
    ref.stop()
    assert by_actor_id(number) is None


def test_a_class_name_is_that_of_the_actors_class() -> None:
    ref = Echo.start()

    assert class_name(ref) == "Echo"
    ref.stop()


def test_who_got_the_exception_of_an_ask_sees_a_dead_actor() -> None:
    with mailbox() as me:
        for _ in range(50):
            ref = Echo.start()
            monitor(ref)
            with pytest.raises(ValueError, match="x"):
                ref.ask(ValueError("x"), timeout=5)
            assert not ref.is_alive()
            assert isinstance(me.receive(timeout=5), Down)


def test_a_slow_on_start_is_waited_for_by_start_ready() -> None:
    go, trace = threading.Event(), []

    class Slow(Echo):
        def on_start(self) -> None:
            go.wait(5)
            trace.append("ready")

    threading.Timer(0.05, go.set).start()
    ref = start_ready(Slow)

    assert trace == ["ready"]
    ref.stop()


def test_a_stop_flag_set_from_outside_ends_the_actor_after_the_message() -> None:
    ref = Echo.start()

    ref.actor_stopped.set()
    ref.actor_inbox.put_order(Envelope("wake up"))

    assert death(ref) == "normal"
    assert ref not in pykka.ActorRegistry.get_all()
