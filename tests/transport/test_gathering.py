"""Frames that come too fast for a write each gather, and are written a moment later."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET
from tests.transport.test_channels import Recorder, opened
from transport import Node
from transport._channels import GATHER, Channel
from transport._io import Loop
from transport._link import GATHER_BYTES, Link


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()


def run_until(loop: Loop, done: list[object], count: int) -> float:
    """Run the loop here until so many calls were made; return the seconds it took."""
    began = time.monotonic()
    loop.run(lambda: 10.0, lambda: len(done) >= count)
    return time.monotonic() - began


def test_later_calls_come_in_their_time_and_not_before(loop: Loop) -> None:
    done: list[object] = []
    began = time.monotonic()
    loop.call_later(0.3, lambda: done.append("late"))
    loop.call_later(0.0004, lambda: done.append("early"))

    run_until(loop, done, 2)

    assert done == ["early", "late"]
    assert 0.3 <= time.monotonic() - began < 5.0


def test_a_wait_shorter_than_a_millisecond_is_one(loop: Loop) -> None:
    done: list[object] = []

    def again() -> None:
        done.append(len(done))
        loop.call_later(0.0001, again)

    again()
    took = [run_until(loop, done, len(done) + 1) for _ in range(50)]

    # The shortest of them: any may be held up by what else the machine does.
    assert min(took) < 0.001


def test_a_call_of_another_thread_does_not_wait_for_a_later_one(loop: Loop) -> None:
    done: list[object] = []
    loop.call_later(30.0, lambda: done.append("much later"))
    loop.call(lambda: done.append("now"))

    took = run_until(loop, done, 1)

    assert done == ["now"]
    assert took < 5.0


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all writes from now on, in one millisecond that does not end."""
    sizes: list[int] = []
    write = Link.write

    def counted(link: Link, data: memoryview) -> int:
        sizes.append(len(data))
        return write(link, data)

    monkeypatch.setattr("transport._clock.millisecond", lambda: 1)
    monkeypatch.setattr(Link, "write", counted)
    return sizes


@contextmanager
def linked(
    eventually: Eventually, gather: float = GATHER
) -> Iterator[tuple[Channel, int, Recorder]]:
    """A channel to send on, its link, and what hears at the other end."""
    here, there = Recorder(), Recorder()
    with (
        # No sign of life comes meanwhile, and takes the frames along.
        Node.start("a", cookie=SECRET, heartbeat=60.0, lease=200.0) as a,
        Node.start(
            "b", cookie=SECRET, join=a.address, heartbeat=60.0, lease=200.0
        ) as b,
    ):
        channel = a.open_channel("app", "group", {}, here, gather=gather)
        opened(b, there)
        eventually(lambda: here.up and there.up)
        yield channel, here.up["b"], there


def test_a_flood_is_written_in_few_pieces_and_whole(
    eventually: Eventually, writes: list[int]
) -> None:
    with linked(eventually) as (channel, token, there):
        del writes[:]
        for burst in range(1, 4):
            for number in range(500):
                channel.send(token, b"%d" % number)
                channel.flush([token])
            # Nobody flushes any more: what has gathered is written all the same.
            expected = 500 * burst
            eventually(
                lambda expected=expected: len(there.frames) == expected,
                what=f"burst {burst} arrived, gathering {GATHER} s",
            )

    assert there.frames == [b"%d" % n for n in range(500)] * 3
    print(f"{len(writes)} writes of {sum(writes)} bytes")
    assert len(writes) < 300


def test_what_gathers_is_written_when_it_is_much(
    eventually: Eventually, writes: list[int]
) -> None:
    with linked(eventually, gather=60.0) as (channel, token, there):
        exhaust(channel)
        del writes[:]
        few, many = bytes(GATHER_BYTES // 4), bytes(GATHER_BYTES)
        for body in (few, few, many):
            assert not writes, "too early"
            channel.send(token, body)
            channel.flush([token])

        eventually(lambda: there.frames[-1:] == [many])
        assert len(writes) == 1


def test_a_channel_that_will_not_wait_has_each_frame_written(
    eventually: Eventually, writes: list[int]
) -> None:
    with linked(eventually, gather=0.0) as (channel, token, there):
        exhaust(channel)
        del writes[:]
        for number in range(50):
            channel.send(token, b"%d" % number)
            channel.flush([token])
            assert not channel.gathers(token)

        assert len(writes) == 50
        eventually(lambda: len(there.frames) == 50)


def test_a_channel_that_gathers_is_told_when_the_moment_is_over(
    eventually: Eventually, writes: list[int]
) -> None:
    with linked(eventually, gather=0.2) as (channel, token, there):
        exhaust(channel)
        assert not channel.gathers(token), "nothing waits"
        channel.send(token, b"first")
        channel.flush([token])
        assert channel.gathers(token)

        here = channel.handler
        assert isinstance(here, Recorder)
        eventually(lambda: here.full and there.frames == [b"first"])
        assert not channel.gathers(token)


def exhaust(channel: Channel) -> None:
    """Use up what may be written at once in this millisecond."""
    bucket = next(iter(channel.up.values())).bucket
    while bucket.take():
        pass
