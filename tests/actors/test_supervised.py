"""Starting an actor and knowing that it is up; plain classes watched from birth."""

import threading
from queue import SimpleQueue
from typing import Any

import pykka
import pytest

from actors import (
    Actor,
    StartError,
    Supervisor,
    Timeout,
    child,
    kill,
    mailbox,
    on_down,
    orphans,
    register_name,
    start_ready,
    supervised,
    whereis,
)
from tests.conftest import Eventually

Ref = pykka.ActorRef[Any]


class Hooked:
    """What both kinds of actors do here."""

    def __init__(self, start: object = None, **_options: object) -> None:
        super().__init__()
        self.start_with = start
        self.trace: list[str] = []

    def on_start(self) -> None:
        if isinstance(self.start_with, BaseException):
            raise self.start_with
        if callable(self.start_with):
            self.start_with(self)
        self.trace.append("start")

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        return message


class Ours(Hooked, Actor):
    pass


class Plain(Hooked, pykka.ThreadingActor):
    use_daemon_thread = True


@pytest.fixture(params=[Ours, Plain])
def cls(request: pytest.FixtureRequest) -> type[Any]:
    kind: type[Any] = request.param
    return kind


def death(ref: Ref) -> object:
    reasons: SimpleQueue[object] = SimpleQueue()
    on_down(ref, reasons.put)
    return reasons.get(timeout=5)


def test_start_ready_returns_after_on_start(cls: type[Any]) -> None:
    ref = start_ready(cls, timeout=5)

    assert ref.proxy().trace.get(timeout=5) == ["start"]
    ref.stop()


def test_start_ready_raises_what_on_start_raised(cls: type[Any]) -> None:
    error = OSError("no disk")

    with pytest.raises(OSError, match="no disk") as caught:
        start_ready(cls, error)

    assert caught.value is error


def test_start_ready_raises_what_init_raised(cls: type[Any]) -> None:
    with pytest.raises(TypeError):
        start_ready(cls, 1, 2, 3)


def test_a_system_exit_in_on_start_is_a_start_error(cls: type[Any]) -> None:
    with pytest.raises(StartError, match="did not start: SystemExit: 1") as caught:
        start_ready(cls, SystemExit(1))

    assert caught.value.id == cls.__name__


def test_an_actor_that_stops_itself_in_on_start_after_all_was_up(
    cls: type[Any],
) -> None:
    def leave(actor: Ours | Plain) -> None:
        actor.actor_stopped.set()

    with pytest.raises(StartError, match="did not start: normal"):
        start_ready(cls, leave)


def test_a_slow_on_start_is_killed_after_its_time(
    cls: type[Any], eventually: Eventually
) -> None:
    go = threading.Event()
    actors_made: list[Ref] = []

    def wait(actor: Ours | Plain) -> None:
        actors_made.append(actor.actor_ref)
        go.wait(5)

    with pytest.raises(Timeout, match=r"was not ready within 0.05 seconds"):
        start_ready(cls, wait, timeout=0.05)

    assert death(actors_made[0]) == "killed"
    assert len(orphans()) == 1
    go.set()
    eventually(lambda: orphans() == [])


def test_start_ready_takes_options_for_init(cls: type[Any]) -> None:
    ref = start_ready(cls, timeout=5, colour="red")

    assert ref.is_alive()
    ref.stop()


def test_our_own_classes_are_taken_as_they_are() -> None:
    assert supervised(Ours) is Ours


def test_a_plain_class_keeps_its_name_and_is_made_once() -> None:
    watched = supervised(Plain)

    assert watched is supervised(Plain)
    assert issubclass(watched, Plain)
    assert (watched.__name__, watched.__module__) == ("Plain", Plain.__module__)


@pytest.mark.parametrize(
    ("error", "words"),
    [(ValueError("x"), "ValueError: x"), (SystemExit(2), "SystemExit: 2")],
)
def test_a_supervised_plain_actor_dies_alone_and_with_its_reason(
    error: BaseException, words: str
) -> None:
    other = Ours.start()
    with mailbox() as me:
        ref = start_ready(Plain)
        ref.tell(error)

        assert str(death(ref)) == words
        assert me.ref.is_alive()
    assert other.ask("alive", timeout=5) == "alive"
    other.stop()


def test_an_ask_of_a_supervised_plain_actor_that_exits_is_answered() -> None:
    ref = start_ready(Plain)

    with pytest.raises(Exception, match="SystemExit"):
        ref.ask(SystemExit(2), timeout=5)

    assert str(death(ref)) == "SystemExit: 2"


def test_a_supervised_plain_actor_keeps_pykkas_rule_for_asks() -> None:
    ref = start_ready(Plain)

    with pytest.raises(ValueError, match="x"):
        ref.ask(ValueError("x"), timeout=5)

    assert ref.ask("alive", timeout=5) == "alive"
    ref.stop()
    assert death(ref) == "normal"


def test_a_supervised_plain_actor_tells_the_truth_to_the_late() -> None:
    ref = start_ready(Plain)
    ref.tell(ValueError("x"))
    death(ref)

    assert str(death(ref)) == "ValueError: x"


def test_a_supervised_plain_actor_can_be_killed() -> None:
    ref = start_ready(Plain)

    kill(ref)

    assert death(ref) == "killed"


class Beginner(Actor):
    """An actor whose own verbs have the names that the machinery might use."""

    def begin(self, what: str) -> str:
        return what


def test_a_child_may_have_a_verb_called_begin() -> None:
    with Supervisor.start([child(Beginner)]) as supervisor:
        (beginner,) = supervisor.which_children()

        assert beginner.ref is not None
        assert beginner.ref.proxy().begin("work").get(timeout=5) == "work"


def test_when_a_plain_actors_stop_is_answered_watchers_have_been_told() -> None:
    go = threading.Event()

    class Lingering(Plain):
        def _actor_loop_teardown(self) -> None:
            go.wait(5)
            super()._actor_loop_teardown()

    seen: list[object] = []
    ref = start_ready(Lingering)
    register_name("lingering", ref)
    on_down(ref, seen.append)

    stopped = ref.stop(timeout=5)
    told, holder = list(seen), whereis("lingering")
    go.set()

    assert stopped
    assert told == ["normal"]
    assert holder is None
