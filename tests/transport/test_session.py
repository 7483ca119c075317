import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transport.wires import READY, Pair, credentials, insecure, node_id
from transport._core import control
from transport._core.frames import Frame, Kind
from transport._core.session import Asked, Event, Failed, Opened, Proven, Told


def failure(events: list[Event]) -> str:
    assert isinstance(events[-1], Failed)
    return str(events[-1].error)


@pytest.mark.parametrize("chunk", [0, 1, 2, 13])
def test_a_link_opens_however_the_stream_is_split(chunk: int) -> None:
    pair = Pair(credentials("a"), credentials("b"), chunk=chunk).run()

    assert [type(event) for event in pair.seen_by_dialler] == [Proven, Opened]
    assert [type(event) for event in pair.seen_by_answerer] == [Asked]
    assert pair.dialler.open
    assert pair.answerer.open


def test_both_ends_know_each_other_and_one_token() -> None:
    pair = Pair(credentials("a"), credentials("b")).run()

    match pair.seen_by_dialler, pair.seen_by_answerer:
        case [_, Opened(there, token, _)], [Asked(here, same, ready)]:
            assert (there, here) == (node_id("b"), node_id("a"))
            assert token == same
            assert ready.prev_token == 7
        case other:
            pytest.fail(f"unexpected {other}")


@pytest.mark.parametrize("make", [credentials, insecure])
def test_frames_flow_both_ways(make: type) -> None:
    pair = Pair(make("a"), make("b")).run()

    there = pair.answerer.receive(pair.dialler.frame(Kind.CHANNEL, b"x" * 99_000))
    back = pair.dialler.receive(
        pair.answerer.frame(Kind.CONTROL, control.encode(control.Beat(4)))
    )

    assert there == [Frame(Kind.CHANNEL, b"x" * 99_000)]
    assert back == [Told(control.Beat(4))]


def test_a_refused_dialler_hears_why() -> None:
    pair = Pair(credentials("a"), credentials("b"))
    while not any(isinstance(event, Asked) for event in pair.seen_by_answerer):
        there, back = pair.dialler.take(), pair.answerer.take()
        pair.seen_by_answerer += pair.answerer.receive(there)
        pair._dialled(pair.dialler.receive(back))
    pair.answerer.reject("already_linked", "a is linked already")

    events = pair.dialler.receive(pair.answerer.take())

    assert failure(events) == "a is linked already"


def test_another_lease_is_refused_by_name_at_both_ends() -> None:
    theirs = msgspec.structs.replace(READY, lease_ms=9000)

    pair = Pair(credentials("a"), credentials("b"), theirs=theirs).run()

    words = (
        "config: lease= differs: 5 s on a, 9 s on b. Give both nodes the same lease="
    )
    assert failure(pair.seen_by_answerer) == words
    assert failure(pair.seen_by_dialler) == words


def test_names_of_any_length_leave_room_for_the_reason() -> None:
    theirs = msgspec.structs.replace(READY, heartbeat_ms=1500)

    long = credentials("a" * 255), credentials("b" * 255)
    pair = Pair(*long, theirs=theirs).run()

    assert "heartbeat= differs: 1 s on aaa" in failure(pair.seen_by_dialler)
    assert failure(pair.seen_by_dialler).endswith("the same heartbeat=")


def test_an_answerer_delivers_nothing_before_ready() -> None:
    pair = Pair(credentials("a"), credentials("b"))
    pair.carry()
    pair.carry()
    pair.seen_by_answerer += pair.answerer.receive(pair.dialler.take())
    pair.dialler.receive(pair.answerer.take())

    events = pair.answerer.receive(pair.dialler.frame(Kind.MESSAGE, b"early"))

    assert failure(events) == "frame before READY"


def test_a_second_ready_ends_the_link() -> None:
    pair = Pair(credentials("a"), credentials("b")).run()

    events = pair.answerer.receive(
        pair.dialler.frame(Kind.CONTROL, control.encode(READY))
    )

    assert "open link" in failure(events)


def test_after_a_fault_nothing_more_is_heard() -> None:
    pair = Pair(credentials("a"), credentials("b")).run()
    good = pair.dialler.frame(Kind.CHANNEL, b"good")

    first = pair.answerer.receive(b"\xff" * 8)
    second = pair.answerer.receive(good)

    assert isinstance(first[-1], Failed)
    assert second == []


def test_what_came_before_a_fault_is_kept() -> None:
    pair = Pair(credentials("a"), credentials("b")).run()

    events = pair.answerer.receive(
        pair.dialler.frame(Kind.CHANNEL, b"good") + b"\xff" * 8
    )

    assert events[0] == Frame(Kind.CHANNEL, b"good")
    assert isinstance(events[1], Failed)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 5), st.integers(0, 2000), st.integers(1, 255))
def test_a_byte_changed_on_the_way_opens_no_link(turn: int, at: int, flip: int) -> None:
    pair = Pair(credentials("a"), credentials("b"))
    for step in range(6):
        data = pair.dialler.take() if step % 2 == 0 else pair.answerer.take()
        if step == turn and data:
            spoilt = bytearray(data)
            spoilt[at % len(data)] ^= flip
            data = bytes(spoilt)
        if step % 2 == 0:
            pair._answer(pair.answerer.receive(data))
        else:
            pair._dialled(pair.dialler.receive(data))

    assert not pair.dialler.open


def test_a_dialler_takes_no_ready_before_its_own() -> None:
    pair = Pair(credentials("a"), credentials("b"))
    pair.carry()
    pair.carry()
    pair.answerer.receive(pair.dialler.take())
    early = pair.answerer.take() + pair.answerer.frame(
        Kind.CONTROL, control.encode(READY)
    )

    events = pair.dialler.receive(early)

    assert isinstance(events[0], Proven)
    assert failure(events) == "anything but READY before READY"


def test_a_dialler_too_refuses_another_lease() -> None:
    theirs = msgspec.structs.replace(READY, lease_ms=9000)
    pair = Pair(credentials("a"), credentials("b"))
    pair.carry()
    pair.carry()
    pair.answerer.receive(pair.dialler.take())
    pair.seen_by_dialler += pair.dialler.receive(pair.answerer.take())
    pair.dialler.ready(0)

    events = pair.dialler.receive(
        pair.answerer.frame(Kind.CONTROL, control.encode(theirs))
    )

    assert "lease= differs: 9 s on b, 5 s on a." in failure(events)
