"""Waiting for an answer that cannot come is refused at once."""

from typing import Any

import pykka
import pytest

from actors import Actor, DeadlockError, Timeout, mailbox

Ref = pykka.ActorRef[Any]


class Caller(Actor):
    """Asks another, whom that one is to ask next, and so on."""

    def on_receive(self, message: object) -> object:
        return message() if callable(message) else message

    def chain(self, others: list[Ref], timeout: float | None = None) -> object:
        if not others:
            return "end"
        return others[0].proxy().chain(others[1:], timeout).get(timeout=timeout)

    def wait_for_own_start(self) -> None:
        self.actor_ref.stop()


SELF = (
    r"^Caller asked itself and is waiting for its own reply; "
    r"call the method directly$"
)


def test_asking_oneself_is_refused_at_once() -> None:
    ref = Caller.start()

    with pytest.raises(DeadlockError, match=SELF):
        ref.ask(lambda: ref.ask("hello"), timeout=5)


def test_asking_oneself_with_a_time_limit_is_refused_too() -> None:
    ref = Caller.start()

    with pytest.raises(DeadlockError, match=SELF):
        ref.ask(lambda: ref.ask("hello", timeout=30), timeout=5)


def test_waiting_for_ones_own_future_is_refused() -> None:
    ref = Caller.start()

    with pytest.raises(DeadlockError, match=SELF):
        ref.ask(lambda: ref.proxy().chain([]).get(), timeout=5)


def test_waiting_for_ones_own_stop_is_refused() -> None:
    ref = Caller.start()

    with pytest.raises(DeadlockError, match=SELF):
        ref.proxy().wait_for_own_start().get(timeout=5)


def test_asking_ones_own_mailbox_is_refused() -> None:
    with mailbox() as me, pytest.raises(DeadlockError):
        me.ref.ask("hello")


def test_asking_oneself_without_waiting_is_allowed() -> None:
    ref = Caller.start()

    future = ref.ask(lambda: ref.ask("later", block=False), timeout=5)

    assert future.get(timeout=5) == "later"
    ref.stop()


@pytest.mark.parametrize("length", [2, 3, 5])
def test_a_circle_of_askers_is_refused_and_named(length: int) -> None:
    refs = [Caller.start() for _ in range(length)]

    with pytest.raises(DeadlockError, match=" -> ".join(["Caller"] * (length + 1))):
        refs[0].proxy().chain([*refs[1:], refs[0]]).get(timeout=5)

    for ref in refs:
        ref.stop()


def test_a_chain_without_a_circle_is_answered() -> None:
    refs = [Caller.start() for _ in range(4)]

    for _ in range(3):
        assert refs[0].proxy().chain(refs[1:]).get(timeout=5) == "end"

    for ref in refs:
        ref.stop()


def test_two_who_ask_each_other_in_turn_are_answered() -> None:
    one, two = Caller.start(), Caller.start()

    for _ in range(2):
        assert one.proxy().chain([two]).get(timeout=5) == "end"
        assert two.proxy().chain([one]).get(timeout=5) == "end"

    one.stop()
    two.stop()


def test_a_wait_with_a_time_limit_does_not_refuse_others() -> None:
    one, two = Caller.start(), Caller.start()

    # Two waits for one with a limit, so the wait of one can end.
    with pytest.raises(Timeout):
        one.proxy().chain([two, one], 0.05).get(timeout=5)

    one.stop()
    two.stop()
