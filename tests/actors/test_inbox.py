"""The inbox: orders before mail, and no ask is lost when it closes."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from typing import Any, cast

import pytest
from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop as ActorStop

from actors import Actor, ActorRef, Future, Timeout
from actors._inbox import Inbox, Mail


class Echo(Actor):
    def on_receive(self, message: object) -> object:
        return message


@pytest.fixture
def quick_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def words(inbox: Inbox, count: int) -> list[object]:
    return [inbox.get(timeout=1).message for _ in range(count)]


def test_mail_is_served_in_order() -> None:
    inbox = Inbox()
    for word in "abc":
        inbox.put(Envelope(word))

    assert words(inbox, 3) == ["a", "b", "c"]
    assert inbox.empty()


def test_orders_are_served_before_mail_and_in_order() -> None:
    inbox = Inbox()
    for word in "abc":
        inbox.put(Envelope(word))
    inbox.put_order(Envelope("now"))
    inbox.put_order(Envelope("and now"))

    assert words(inbox, 5) == ["now", "and now", "a", "b", "c"]


def test_an_order_that_comes_while_mail_is_taken_overtakes_it() -> None:
    inbox = Inbox()
    for word in "abc":
        inbox.put(Envelope(word))

    assert words(inbox, 1) == ["a"]
    inbox.put_order(Envelope("now"))

    assert words(inbox, 3) == ["now", "b", "c"]


def test_an_order_overtakes_the_mail_that_woke_the_reader() -> None:
    inbox = Inbox()
    mail = inbox._queue

    class Late:
        """A queue whose mail is taken just before an order comes."""

        def get(self, timeout: float | None = None) -> object:
            taken = mail.get(timeout=timeout)
            inbox.put_order(Envelope("now"))
            inbox._queue = mail
            return taken

    inbox.put(Envelope("a"))
    inbox._queue = cast("SimpleQueue[Mail]", Late())

    assert words(inbox, 2) == ["now", "a"]


def test_an_order_wakes_the_reader() -> None:
    inbox = Inbox()
    threading.Timer(0.02, inbox.put_order, [Envelope("now")]).start()

    assert inbox.get(timeout=5).message == "now"


def test_a_wait_for_nothing_ends_by_its_time() -> None:
    inbox = Inbox()
    inbox.put_order(Envelope("now"))
    inbox.get()

    with pytest.raises(Empty):
        inbox.get(timeout=0.01)


def test_a_closed_inbox_refuses_what_waits_and_what_comes() -> None:
    inbox = Inbox()
    waiting, late = Future[Any](), Future[Any]()
    inbox.put(Envelope("a", waiting))

    inbox.close()
    inbox.put(Envelope("b", late))

    assert len(inbox) == 0
    for future in (waiting, late):
        with pytest.raises(ActorDeadError, match="stopped before handling"):
            future.get(timeout=0)


def test_a_stop_asked_of_the_dead_is_answered_at_once_and_of_the_dying_later() -> None:
    inbox = Inbox()
    dying, dead = Future[Any](), Future[Any]()

    inbox.close()
    inbox.put(Envelope(ActorStop(), dying))
    assert not dying.done()
    inbox.answer_stops()
    inbox.put(Envelope(ActorStop(), dead))

    assert [dying.get(timeout=0), dead.get(timeout=0)] == [None, None]


def test_closing_wakes_the_reader_even_when_senders_empty_the_inbox() -> None:
    inbox = Inbox()
    done = threading.Event()

    def read() -> None:
        while not inbox.closed:
            inbox.get()
        done.set()

    reader = threading.Thread(target=read)
    reader.start()
    inbox.close()
    for _ in range(100):
        inbox.put(Envelope("late", Future[Any]()))

    assert done.wait(5)
    reader.join(5)


@pytest.mark.slow
def test_no_ask_is_lost_when_an_actor_stops(quick_switches: None) -> None:
    def ask(ref: ActorRef[Any], answers: list[str], go: threading.Barrier) -> None:
        go.wait(5)
        for number in range(40):
            try:
                answers.append(str(ref.ask(number, timeout=5)))
            except ActorDeadError:
                answers.append("dead")
            except Timeout:
                answers.append("lost")

    for _ in range(60):
        ref, go = Echo.start(), threading.Barrier(4)
        answers: list[str] = []
        threads = [
            threading.Thread(target=ask, args=(ref, answers, go)) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        go.wait(5)
        assert ref.stop(timeout=5)
        for thread in threads:
            thread.join(10)

        assert len(answers) == 120
        assert "lost" not in answers


@pytest.mark.slow
def test_orders_and_mail_from_many_threads_all_arrive(quick_switches: None) -> None:
    inbox = Inbox()
    count = 400

    def put(*, order: bool) -> None:
        for number in range(count):
            envelope: Envelope[object] = Envelope((order, number))
            (inbox.put_order if order else inbox.put)(envelope)

    threads = [
        threading.Thread(target=put, kwargs={"order": n % 2 == 0}) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    got = [inbox.get(timeout=5).message for _ in range(4 * count)]
    for thread in threads:
        thread.join(5)

    assert Counter(got) == {
        (order, number): 2 for order in (True, False) for number in range(count)
    }
    with pytest.raises(Empty):
        inbox.get(timeout=0.01)
