"""Messages from elsewhere, and refs whose actors live there."""

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, NoReturn

import pykka
import pytest

import actors
from actors import (
    Actor,
    ActorDeadError,
    ActorError,
    DecodeFailed,
    Down,
    Exit,
    ForeignRef,
    Future,
    MonitorRef,
    actor_id,
    deliver,
    deliver_exit,
    demonitor,
    inject,
    link,
    mailbox,
    monitor,
    on_down,
    register_name,
    tell_after,
    unlink,
)

AnyRef = pykka.ActorRef[Any]


class Hearing:
    """What both kinds of actors do here."""

    def __init__(self, heard: "SimpleQueue[object]") -> None:
        super().__init__()
        self.heard = heard

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message()
        self.heard.put(message)
        return f"got {message}"


class Ours(Hearing, Actor):
    pass


class Plain(Hearing, pykka.ThreadingActor):
    use_daemon_thread = True


@pytest.fixture
def heard() -> "SimpleQueue[object]":
    return SimpleQueue()


@pytest.fixture(params=[Ours, Plain])
def ref(
    request: pytest.FixtureRequest, heard: "SimpleQueue[object]"
) -> Iterator[AnyRef]:
    started: AnyRef = request.param.start(heard)
    yield started
    started.stop()


def broken() -> object:
    raise ModuleNotFoundError("No module named 'app'")


def test_a_message_is_made_in_the_addressees_turn(
    ref: AnyRef, heard: "SimpleQueue[object]"
) -> None:
    inject(ref, actors.current, None)

    assert heard.get(timeout=5) is ref


def test_an_ask_from_elsewhere_is_answered(ref: AnyRef) -> None:
    reply: Future[object] = Future()

    inject(ref, lambda: "hello", reply)

    assert reply.get(timeout=5) == "got hello"


def test_a_broken_tell_is_said_and_the_actor_lives(
    ref: AnyRef, heard: "SimpleQueue[object]"
) -> None:
    inject(ref, broken, None)

    assert heard.get(timeout=5) == DecodeFailed(
        "ModuleNotFoundError", "No module named 'app'"
    )
    assert ref.ask("alive", timeout=5) == "got alive"


def test_a_broken_ask_is_answered_with_the_exception_and_the_actor_lives(
    ref: AnyRef, heard: "SimpleQueue[object]"
) -> None:
    reply: Future[object] = Future()

    inject(ref, broken, reply)

    with pytest.raises(ModuleNotFoundError, match="app"):
        reply.get(timeout=5)
    assert ref.ask("alive", timeout=5) == "got alive"
    assert heard.get(timeout=5) == "alive"
    assert heard.empty()


def test_a_message_from_elsewhere_to_the_dead_is_refused(ref: AnyRef) -> None:
    ref.stop(timeout=5)

    with pytest.raises(ActorDeadError):
        inject(ref, lambda: "hello", None)


def test_a_mailbox_takes_messages_from_elsewhere() -> None:
    with mailbox() as me:
        reply: Future[object] = Future()
        inject(me.ref, broken, reply)
        inject(me.ref, broken, None)

        assert isinstance(me.receive(timeout=5), DecodeFailed)
        with pytest.raises(ModuleNotFoundError):
            reply.get(timeout=5)


def test_ctrl_c_while_a_message_is_decoded_is_heard_and_the_message_kept() -> None:
    pressed = iter([KeyboardInterrupt()])

    def interrupted() -> str:
        for error in pressed:
            raise error
        return "hello"

    with mailbox() as me:
        inject(me.ref, interrupted, None)
        me.ref.tell("behind it")

        with pytest.raises(KeyboardInterrupt):
            me.receive(timeout=5)

        assert [me.receive(timeout=5), me.receive(timeout=5)] == ["hello", "behind it"]


def test_who_asked_is_told_that_a_mailbox_ended_with_the_question_unread() -> None:
    reply: Future[object] = Future()

    def interrupted() -> NoReturn:
        me.ref.stop()
        raise KeyboardInterrupt

    with mailbox() as me:
        inject(me.ref, interrupted, reply)
        with pytest.raises(KeyboardInterrupt):
            me.receive(timeout=5)

    with pytest.raises(ActorDeadError):
        reply.get(timeout=5)


class Far(ForeignRef[Any]):
    """A ref whose actor lives elsewhere; it notes what it is asked to carry."""

    def __init__(self) -> None:
        self.actor_class = Ours
        self.actor_urn = "urn:far"
        self.carried: list[tuple[object, ...]] = []

    def tell(self, message: object) -> None:
        self.carried.append(("tell", message))

    def add_monitor(self, monitor: MonitorRef, watcher: AnyRef) -> None:
        self.carried.append(("add_monitor", monitor, watcher))

    def remove_monitor(self, monitor: MonitorRef) -> None:
        self.carried.append(("remove_monitor", monitor))

    def add_link(self, me: AnyRef) -> None:
        self.carried.append(("add_link", me))

    def remove_link(self, me: AnyRef) -> None:
        self.carried.append(("remove_link", me))

    def send_exit(self, sender: AnyRef | None, reason: object) -> None:
        self.carried.append(("send_exit", sender, reason))


def test_a_monitor_of_a_far_actor_is_carried_and_its_death_delivered_once() -> None:
    far = Far()
    with mailbox() as me:
        watch = monitor(far)
        assert far.carried == [("add_monitor", watch, me.ref)]

        for _ in range(2):
            deliver(me.ref, Down(watch, far, "normal"))

        assert me.receive(timeout=5) == Down(watch, far, "normal")
        me.ref.tell("end of mail")
        assert me.receive(timeout=5) == "end of mail"


def test_demonitor_of_a_far_actor_is_carried_and_drops_what_waits() -> None:
    far = Far()
    with mailbox() as me:
        watch = monitor(far)
        deliver(me.ref, Down(watch, far, "normal"))

        demonitor(watch)

        assert far.carried[1:] == [("remove_monitor", watch)]
        me.ref.tell("end of mail")
        assert me.receive(timeout=5) == "end of mail"


def test_the_death_of_a_watcher_takes_its_far_monitors_and_links_back() -> None:
    far = Far()
    with mailbox() as me:
        watch = monitor(far)
        link(far)

    assert set(far.carried[2:]) == {("remove_monitor", watch), ("remove_link", me.ref)}


def test_a_link_to_a_far_actor_is_made_once_and_undone() -> None:
    far = Far()
    with mailbox() as me:
        link(far)
        link(far)
        unlink(far)
        unlink(far)

        assert far.carried == [("add_link", me.ref), ("remove_link", me.ref)]


def test_the_end_of_a_linked_far_actor_is_an_exit(
    heard: "SimpleQueue[object]",
) -> None:
    class Trapping(Ours):
        trap_exits = True

    far = Far()
    ref = Trapping.start(heard)
    ref.ask(lambda: link(far), timeout=5)

    deliver_exit(ref, far, "gone", linked=True)
    deliver_exit(ref, far, "gone", linked=True)

    assert heard.get(timeout=5) == Exit(far, "gone")
    ref.stop(timeout=5)
    assert heard.empty()


def test_an_exit_signal_to_a_far_actor_is_carried() -> None:
    far = Far()
    actors.exit(far, "kill")
    with mailbox() as me:
        actors.exit(far, "please")

        assert far.carried == [
            ("send_exit", None, "kill"),
            ("send_exit", me.ref, "please"),
        ]


def test_a_delayed_message_to_a_far_actor_is_told() -> None:
    far = Far()
    with mailbox() as me:
        tell_after(far, 0.0, "hello")
        tell_after(me.ref, 0.0, "mine")
        me.receive(timeout=5)
    deliver(far, "more")

    assert far.carried == [("tell", "hello"), ("tell", "more")]


def test_what_needs_a_local_actor_says_so() -> None:
    far = Far()

    for use in (
        lambda: on_down(far, print),
        lambda: register_name("far", far),
    ):
        with pytest.raises(ActorError, match="does not live in this interpreter"):
            use()


def test_a_local_ref_equals_a_far_one_that_says_so(
    heard: "SimpleQueue[object]",
) -> None:
    class Twin(Far):
        def __init__(self, ref: AnyRef) -> None:
            super().__init__()
            self.local = ref

        def __eq__(self, other: object) -> bool:
            return other is self.local

        def __hash__(self) -> int:
            return hash(actor_id(self.local))

    ref: AnyRef = Ours.start(heard)
    twin: AnyRef = Twin(ref)

    assert ref == twin
    assert twin == ref
    assert {ref: 1}[twin] == 1
    assert ref != Far()
    ref.stop()
