"""A mailbox: a plain thread as an actor."""

import threading

import pykka
import pytest

from actors import (
    Actor,
    ActorDeadError,
    ActorError,
    Mailbox,
    NoCurrentActorError,
    Timeout,
    by_actor_id,
    class_name,
    current,
    mailbox,
    on_down,
    whereis,
)
from actors import actor_id as number_of


def test_inside_the_block_the_thread_is_the_mailbox() -> None:
    with mailbox() as me:
        assert current() is me.ref
        assert by_actor_id(number_of(me.ref)) is me.ref
        assert class_name(me.ref) == "Mailbox"

    with pytest.raises(NoCurrentActorError):
        current()
    assert by_actor_id(number_of(me.ref)) is None


def test_blocks_can_be_nested() -> None:
    with mailbox() as outer:
        with mailbox() as inner:
            assert current() is inner.ref
        assert current() is outer.ref


def test_another_thread_has_another_current_actor() -> None:
    seen: list[object] = []

    def look() -> None:
        with mailbox() as me:
            seen.append(current() is me.ref)

    with mailbox():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(5)

    assert seen == [True]


def test_messages_are_received_in_order() -> None:
    with mailbox() as me:
        for word in "abc":
            me.ref.tell(word)

        assert [me.receive(timeout=1) for _ in "abc"] == ["a", "b", "c"]


def test_a_wait_without_a_message_is_a_timeout() -> None:
    with mailbox() as me:
        with pytest.raises(Timeout, match=r"no message within 0.01 seconds"):
            me.receive(timeout=0.01)
        with pytest.raises(Timeout):
            me.receive(timeout=0)


def test_a_message_from_another_thread_wakes_the_receiver() -> None:
    with mailbox() as me:
        threading.Timer(0.02, me.ref.tell, ["hello"]).start()

        assert me.receive(timeout=5) == "hello"


def test_an_ask_is_answered_with_none_when_it_is_received() -> None:
    with mailbox() as me:
        future = me.ref.ask("hello", block=False)
        assert not future.done()

        assert me.receive(timeout=1) == "hello"

        assert future.get(timeout=1) is None


def test_leaving_the_block_is_a_normal_death() -> None:
    reasons: list[object] = []
    with mailbox() as me:
        on_down(me.ref, reasons.append)
        unread = me.ref.ask("hello", block=False)
        assert reasons == []

    assert reasons == ["normal"]
    with pytest.raises(ActorDeadError):
        unread.get(timeout=1)
    with pytest.raises(ActorDeadError):
        me.ref.tell("too late")
    assert me.ref not in pykka.ActorRegistry.get_all()


def test_an_exception_in_the_block_goes_on_and_the_mailbox_is_gone() -> None:
    reasons: list[object] = []

    def fail() -> None:
        with mailbox() as me:
            on_down(me.ref, reasons.append)
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert reasons == ["normal"]


def test_a_stopped_mailbox_says_so_to_its_owner() -> None:
    with mailbox() as me:
        assert me.ref.stop(timeout=1)
        assert me.ref.stop(block=False).get(timeout=1) is False

        with pytest.raises(ActorDeadError, match="normal"):
            me.receive(timeout=1)


def test_a_stop_wakes_the_owner() -> None:
    with mailbox() as me:
        threading.Timer(0.02, me.ref.stop).start()

        with pytest.raises(ActorDeadError):
            me.receive(timeout=5)


def test_a_mailbox_can_end_itself_with_a_reason() -> None:
    reasons: list[object] = []
    with mailbox() as me:
        on_down(me.ref, reasons.append)
        me.exit("enough")

        assert reasons == ["enough"]


def test_pykkas_own_stop_of_all_ends_a_mailbox() -> None:
    with mailbox() as me:
        pykka.ActorRegistry.stop_all(timeout=1)

        assert not me.ref.is_alive()


def test_iteration_ends_with_the_mailbox() -> None:
    with mailbox() as me:
        me.ref.tell(1)
        heard = []
        for message in me:
            heard.append(message)
            if message == 3:
                me.ref.stop()
            else:
                me.ref.tell(message + 1)

    assert heard == [1, 2, 3]


def test_a_mailbox_can_be_named() -> None:
    with mailbox("front") as me:
        assert whereis("front") is me.ref
        second = mailbox("front")
        with pytest.raises(ActorError, match="'front' is already registered"), second:
            pass
        assert not second.ref.is_alive()
        assert second.ref not in pykka.ActorRegistry.get_all()
        assert current() is me.ref

    assert whereis("front") is None


def test_a_mailbox_answers_proxies_but_not_as_messages() -> None:
    with mailbox() as me:
        urn = me.ref.proxy().actor_urn
        me.ref.tell("hello")

        assert me.receive(timeout=1) == "hello"
        assert urn.get(timeout=1) == me.ref.actor_urn


def test_a_mailbox_is_not_started() -> None:
    with pytest.raises(ActorError, match=r"with actors\.mailbox"):
        Mailbox.start()


def test_a_mailbox_opened_in_an_actor_gives_way_to_it_again() -> None:
    class Host(Actor):
        def on_receive(self, message: object) -> tuple[object, object]:
            with mailbox() as me:
                me.ref.tell(message)
                inside = me.receive(timeout=1)
            return inside, current()

    ref = Host.start()

    assert ref.ask("x", timeout=5) == ("x", ref)
    ref.stop()
