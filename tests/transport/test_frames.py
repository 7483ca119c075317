import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transport._core.errors import ProtocolError
from transport._core.frames import (
    MAX_FRAME_BYTES,
    Frame,
    FrameReader,
    FrameWriter,
    Kind,
    Parts,
)

KEY = b"k" * 32
BODIES = [b"", b"a", b"b" * 1000, b"c" * 70_000]


def written(key: bytes | None) -> list[bytes]:
    writer = FrameWriter(key)
    return [writer.encode(Kind.CHANNEL, body) for body in BODIES]


def read(key: bytes | None, *pieces: bytes) -> list[Frame]:
    reader = FrameReader(key)
    frames = [frame for piece in pieces for frame in reader.feed(piece)]
    if reader.fault is not None:
        raise reader.fault
    return frames


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("size", [1, 3, 7, 4096, 10**9])
def test_frames_arrive_whole_however_the_stream_is_split(
    key: bytes | None, size: int
) -> None:
    stream = b"".join(written(key)[: 3 if size < 4096 else 4])

    frames = read(key, *(stream[i : i + size] for i in range(0, len(stream), size)))

    assert [frame.body for frame in frames] == BODIES[: len(frames)]
    assert len(frames) == (3 if size < 4096 else 4)


@pytest.mark.parametrize("at", [4, 5, 12, 13, 500, -16, -1])
def test_a_flipped_bit_ends_a_sealed_stream(at: int) -> None:
    frame = bytearray(FrameWriter(KEY).encode(Kind.CHANNEL, b"x" * 1000))
    frame[at] ^= 4

    with pytest.raises(ProtocolError):
        read(KEY, bytes(frame))


@pytest.mark.parametrize("order", [[1], [0, 0], [0, 2], [1, 0], [0, 1, 1]])
def test_a_frame_dropped_doubled_or_moved_ends_a_sealed_stream(
    order: list[int],
) -> None:
    frames = written(KEY)

    with pytest.raises(ProtocolError, match="was next"):
        read(KEY, *(frames[index] for index in order))


def test_a_frame_of_the_other_direction_is_refused() -> None:
    with pytest.raises(ProtocolError, match="MAC"):
        read(KEY, FrameWriter(b"o" * 32).encode(Kind.CHANNEL, b"mine"))


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_a_false_length_is_refused_before_its_bytes_arrive(length: int) -> None:
    with pytest.raises(ProtocolError, match="frame of"):
        read(None, length.to_bytes(4, "big"))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ProtocolError, match="unknown frame kind"):
        read(None, FrameWriter(None).encode(9, b""))


@pytest.mark.parametrize("key", [None, KEY])
def test_what_came_before_a_wrong_frame_is_delivered(key: bytes | None) -> None:
    writer, reader = FrameWriter(key), FrameReader(key)
    good = [writer.encode(Kind.CHANNEL, body) for body in (b"one", b"two")]

    frames = reader.feed(b"".join(good) + writer.encode(9, b"") + b"more")

    assert [frame.body for frame in frames] == [b"one", b"two"]
    assert str(reader.fault) == "unknown frame kind 9"


def test_parts_make_one_message() -> None:
    parts = Parts(limit=10)

    assert parts.add(Frame(Kind.PART, b"ab")) is None
    assert parts.add(Frame(Kind.PART, b"cd")) is None
    assert parts.add(Frame(Kind.MESSAGE, b"e")) == b"abcde"
    assert parts.add(Frame(Kind.MESSAGE, b"alone")) == b"alone"


def test_a_message_over_the_limit_is_refused_at_the_part_that_passes_it() -> None:
    parts = Parts(limit=10)
    parts.add(Frame(Kind.PART, b"123456"))

    with pytest.raises(ProtocolError, match="longer than 10"):
        parts.add(Frame(Kind.PART, b"789ab"))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=300), sealed=st.booleans())
def test_rubbish_gives_frames_or_a_protocol_error(*, data: bytes, sealed: bool) -> None:
    try:
        frames = read(KEY if sealed else None, data[:7], data[7:])
    except ProtocolError:
        return
    assert not (sealed and frames)


def test_random_splits_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    stream, pieces = b"".join(written(KEY)), []
    while stream:
        size = rng.choice([1, 2, 30, 5000])
        pieces.append(stream[:size])
        stream = stream[size:]

    assert [frame.body for frame in read(KEY, *pieces)] == BODIES
