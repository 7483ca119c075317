"""Frames that come too fast for a write each gather, and are written a moment later."""

import time
from collections.abc import Iterator

import pytest

from tests.conftest import Eventually
from tests.transport.strangers import SECRET
from tests.transport.test_channels import Recorder, opened
from transport import Node
from transport._links.io import Loop
from transport._links.link import GATHER, Link
from transport._links.outbox import INLINE_A_MILLISECOND


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


def test_a_flood_is_written_in_few_pieces_and_whole(
    eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    write = Link.write

    def counted(link: Link, data: memoryview) -> int:
        writes.append(len(data))
        return write(link, data)

    here, there = Recorder(), Recorder()
    with (
        # No sign of life comes meanwhile, and takes the frames along.
        Node.start("a", cookie=SECRET, heartbeat=60.0, lease=200.0) as a,
        Node.start(
            "b", cookie=SECRET, join=a.address, heartbeat=60.0, lease=200.0
        ) as b,
    ):
        channel = opened(a, here)
        opened(b, there)
        eventually(lambda: here.up and there.up)
        # One window for all, as on a fast machine.
        monkeypatch.setattr("transport._clock.millisecond", lambda: 1)
        monkeypatch.setattr(Link, "write", counted)
        token = here.up["b"]

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
    assert INLINE_A_MILLISECOND < len(writes) < 300
