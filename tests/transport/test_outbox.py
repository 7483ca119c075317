"""The queues of a link, over a socket that a test can fill."""

import random
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import Eventually
from transport._core.frames import PART_BYTES, Kind
from transport._links.outbox import (
    HIGH_WATER_BYTES,
    INLINE_A_MILLISECOND,
    Bucket,
    Outbox,
)


class Pipe:
    """A socket of limited room, which writes down what went through it."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.frames: list[tuple[int, bytes]] = []
        self.stream = b""
        self.wants_write = 0
        self.drains = 0
        self.error: OSError | None = None
        self.reasons: list[str] = []
        self.writers: set[int] = set()

    def write(self, data: memoryview) -> int:
        if self.error is not None:
            raise self.error
        self.writers.add(threading.get_ident())
        size = min(len(data), self.room)
        if size == 0:
            raise BlockingIOError
        self.room -= size
        self.stream += bytes(data[:size])
        return size

    def frame(self, kind: int, body: bytes) -> bytes:
        self.frames.append((kind, body))
        return b"%d:%d:" % (kind, len(body)) + body

    def want_write(self) -> None:
        self.wants_write += 1

    def drained(self) -> None:
        self.drains += 1

    def broken(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def outbox(pipe: Pipe) -> Iterator[Outbox]:
    box = Outbox(pipe, 1000)
    yield box
    box.close()


def test_channel_and_control_frames_go_before_messages(
    pipe: Pipe, outbox: Outbox
) -> None:
    outbox.put_message(b"message", bounded=True)
    outbox.put(Kind.CHANNEL, b"op")
    outbox.put(Kind.CONTROL, b"beat")

    outbox.pump()

    assert pipe.frames == [(2, b"op"), (1, b"beat"), (3, b"message")]


def test_a_large_message_goes_in_parts_that_frames_may_part(
    pipe: Pipe, outbox: Outbox
) -> None:
    body = bytes(3 * PART_BYTES)
    pipe.room = 0
    outbox.put_message(body, bounded=True)
    outbox.pump()
    outbox.put(Kind.CHANNEL, b"op")

    pipe.room = 1 << 30
    outbox.on_writable()

    kinds = [kind for kind, _ in pipe.frames]
    assert kinds.count(Kind.PART) == 2
    assert kinds.count(Kind.MESSAGE) == 1
    assert b"".join(b for k, b in pipe.frames if k != Kind.CHANNEL) == body
    assert outbox.queued == 0


def test_a_full_socket_is_taken_over_by_the_io_thread(
    pipe: Pipe, outbox: Outbox
) -> None:
    pipe.room = 3
    outbox.put(Kind.CHANNEL, b"hello")

    outbox.pump()
    outbox.pump()

    assert outbox.stuck
    assert pipe.wants_write == 1
    pipe.room = 1000
    assert not outbox.on_writable()
    assert pipe.stream == b"2:5:hello"


def test_messages_beyond_the_bound_are_refused_and_counted(
    pipe: Pipe, outbox: Outbox
) -> None:
    taken = [outbox.put_message(bytes(400), bounded=True) for _ in range(4)]

    assert taken == [True, True, False, False]
    assert outbox.dropped == 2
    assert outbox.put_message(bytes(400), bounded=False)
    outbox.pump()
    assert outbox.put_message(bytes(5000), bounded=True), "alone it may be larger"


def test_a_channel_above_the_high_water_mark_holds_messages_back(
    pipe: Pipe, outbox: Outbox
) -> None:
    pipe.room = 0
    assert outbox.put(Kind.CHANNEL, bytes(HIGH_WATER_BYTES))
    assert not outbox.put(Kind.CHANNEL, b"one more")
    outbox.put_message(b"after", bounded=True)

    pipe.room = 1 << 30
    while outbox.on_writable():
        pass

    assert pipe.drains == 1
    assert Kind.MESSAGE not in [kind for kind, _ in pipe.frames]
    outbox.put(Kind.CHANNEL, b"held back")
    outbox.release()
    assert [body for _, body in pipe.frames[-2:]] == [b"held back", b"after"]


def test_a_broken_socket_is_reported_once_and_refuses_messages(
    pipe: Pipe, outbox: Outbox
) -> None:
    pipe.error = ConnectionResetError(104, "Connection reset by peer")
    outbox.put(Kind.CHANNEL, b"lost")

    outbox.pump()
    outbox.pump()

    assert pipe.reasons == ["Connection reset by peer"]
    assert not outbox.put_message(b"late", bounded=True)


def test_a_closed_outbox_counts_what_it_drops(pipe: Pipe, outbox: Outbox) -> None:
    outbox.put_message(b"never sent", bounded=True)

    outbox.close()
    outbox.pump()

    assert outbox.dropped == 1
    assert pipe.frames == []


def test_no_frame_is_left_behind_when_threads_write_for_each_other(
    seed: int, eventually: Eventually
) -> None:
    rng = random.Random(seed)
    pipe = Pipe()
    outbox = Outbox(pipe, 1 << 30)
    rooms = [rng.randrange(1, 4000) for _ in range(4000)]

    def work(me: int) -> None:
        for number in range(1000):
            outbox.put(Kind.CHANNEL, b"%d %d" % (me, number))
            outbox.pump()

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    pipe.room = 100
    for thread in threads:
        thread.start()
    # This thread is the I/O thread: room comes in fits and starts.
    while any(thread.is_alive() for thread in threads) or outbox.queued:
        if outbox.stuck:
            pipe.room = rng.choice(rooms)
            outbox.on_writable()
    for thread in threads:
        thread.join()
    pipe.room = 1 << 30
    outbox.on_writable()

    bodies = [body for _, body in pipe.frames]
    assert len(bodies) == 4000
    for me in range(4):
        mine = [int(b.split()[1]) for b in bodies if b.startswith(b"%d " % me)]
        assert mine == list(range(1000))
    assert pipe.stream == b"".join(b"2:%d:" % len(b) + b for b in bodies)


def test_the_bucket_empties_and_fills(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [1]
    monkeypatch.setattr("transport._clock.millisecond", lambda: moment[0])
    bucket = Bucket()

    first = [bucket.take() for _ in range(INLINE_A_MILLISECOND + 3)]
    moment[0] = 2

    assert first.count(True) == INLINE_A_MILLISECOND
    assert bucket.take()


def test_a_link_whose_writer_was_interrupted_is_given_up(
    pipe: Pipe, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a frame may be on its way; the peer must not find the rest missing."""

    def interrupted(kind: int, body: bytes) -> bytes:
        raise KeyboardInterrupt

    outbox.put(Kind.CHANNEL, b"op")
    with monkeypatch.context() as patch:
        patch.setattr(pipe, "frame", interrupted)
        with pytest.raises(KeyboardInterrupt):
            outbox.pump()

    assert pipe.reasons == ["interrupted"]
    assert outbox.closed
    outbox.put(Kind.CHANNEL, b"another")
    outbox.pump()
    assert pipe.stream == b""
    assert not outbox._writing.locked()
