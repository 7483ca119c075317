"""A test as an actor: what it expects, in any order; and what is left behind."""

import threading
from collections.abc import Iterator

import pytest

from actors import Mailbox, current, mailbox
from group import Event, Group
from group.testing import Probe, eventually, no_leaks, probe
from tests.group.people import AnyRef, Listener, end_of, listeners


@pytest.fixture
def p() -> Iterator[Probe]:
    with probe() as made:
        yield made


def test_a_probe_is_the_current_actor(p: Probe) -> None:
    assert current() == p.ref
    p.ref.tell("hello")
    assert p.receive() == "hello"


def test_what_is_expected_may_come_after_other_things(p: Probe) -> None:
    for each in ("one", 2, ("three",), "four"):
        p.ref.tell(each)

    assert p.expect(int) == 2
    assert p.expect("four") == "four"
    assert p.expect(lambda m: len(m) == 3) == "one"
    assert p.receive() == ("three",)
    p.expect_nothing(0.01)


def test_a_disappointed_probe_says_what_came(p: Probe) -> None:
    with pytest.raises(AssertionError, match=r"not told int within 0.01 s.*: nothing"):
        p.expect(int, timeout=0.01)
    p.ref.tell("hello")
    with pytest.raises(AssertionError, match=r"not told 7 within 0 s; .*: 'hello'"):
        p.expect(7, timeout=0)
    with pytest.raises(AssertionError, match=r"expected to be told nothing; .*'hello'"):
        p.expect_nothing(0)
    assert p.receive(timeout=0) == "hello"


def test_what_must_not_come_and_does_is_seen(p: Probe) -> None:
    threading.Timer(0.02, lambda: p.ref.tell("late")).start()

    with pytest.raises(AssertionError, match="'late'"):
        p.expect_nothing(5.0)


def test_events_come_one_by_one(p: Probe) -> None:
    with Group.start("app", log=False) as g, listeners() as (one,):
        g.monitor("user/")
        g.register("user/1", {"n": 1}, actor=one)
        g.join("user/2", actor=one)

        assert p.expect(Event, type="joined", key="user/2").ref == one
        assert p.expect(Event, type="registered").meta == {"n": 1}
        with pytest.raises(AssertionError, match=r"not told Event \{'key': 'user/3'\}"):
            p.expect(Event, timeout=0.01, key="user/3")


def test_eventually_waits_for_a_fact(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter([None, 0, "yes"])

    assert eventually(lambda: next(answers)) == "yes"
    assert capsys.readouterr().out == ""
    assert eventually(lambda: 7, what="seven") == 7
    assert "seven: true after" in capsys.readouterr().out


def test_eventually_says_what_was_seen_last() -> None:
    def wrong() -> bool:
        assert 1 > 2, "one is not more"
        return True

    with pytest.raises(AssertionError, match=r"condition: not true within 0.01 s; .*0"):
        eventually(lambda: 0, timeout=0.01)
    with pytest.raises(AssertionError, match=r"sums: .*one is not more"):
        eventually(wrong, timeout=0.01, what="sums")


def test_an_actor_that_is_left_behind_is_named() -> None:
    left: list[AnyRef] = []
    with (
        pytest.raises(AssertionError, match=r"still there .*: Listener.*, thread L"),
        no_leaks(timeout=0.1),
    ):
        left.append(Listener.start())
    for each in left:
        end_of(each)


def test_a_mailbox_that_is_left_open_is_named() -> None:
    boxes: list[Mailbox] = []
    with (
        pytest.raises(AssertionError, match=r"still there .* end: .*Mailbox"),
        no_leaks(timeout=0.1),
    ):
        boxes.append(mailbox().__enter__())
    boxes[0].__exit__(None, None, None)


def test_a_thread_that_is_left_behind_is_named() -> None:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="straggler", args=(10,))
    with (
        pytest.raises(AssertionError, match=r"still there .* end: thread straggler"),
        no_leaks(timeout=0.1),
    ):
        thread.start()
    done.set()
    thread.join()


def test_what_ends_in_time_or_was_there_before_is_no_leak() -> None:
    done = threading.Event()
    before = threading.Thread(target=done.wait, args=(10,))
    before.start()
    with no_leaks(timeout=10), listeners() as (one,):
        threading.Timer(0.05, lambda: one.stop(block=False)).start()
    done.set()
    before.join()


def test_the_error_of_the_block_is_the_one_that_is_raised() -> None:
    left: list[AnyRef] = []

    def leak_and_fail() -> None:
        left.append(Listener.start())
        raise LookupError

    with pytest.raises(LookupError), no_leaks(timeout=0.1):
        leak_and_fail()
    end_of(left[0])
