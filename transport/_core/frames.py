"""Bytes to frames and back.

After the handshake a link carries frames, all integers big-endian:

    +------------+---------+-------------+-----------------+--------------+
    | u32 length | u8 kind | u64 counter | body            | 16-byte MAC  |
    +------------+---------+-------------+-----------------+--------------+
      (counter and MAC on sealed links only)

A sealed link (mode "hmac") has one key and one counter per direction, so that a
replayed, reordered, missing or reflected frame fails its MAC. The MAC covers the
kind, the counter and the body; the length only decides where the frame ends.
"""

import hmac
import struct
from enum import IntEnum
from hashlib import blake2b

import msgspec

from transport._core.errors import ProtocolError

MAX_FRAME_BYTES = 1 << 20
# What a channel frame may carry: the limit less a header, a MAC and a channel id.
MAX_BODY_BYTES = MAX_FRAME_BYTES - 64
MAX_MESSAGE_BYTES = 64 << 20
PART_BYTES = 64 << 10
MAC_BYTES = 16

_LENGTH = struct.Struct(">I")
_LENGTH_BYTES = 4
_KIND = struct.Struct(">B")
_SEALED = struct.Struct(">BQ")
_PLAIN_HEAD = struct.Struct(">IB")
_SEALED_HEAD = struct.Struct(">IBQ")


class Kind(IntEnum):
    """What a frame's body is."""

    CONTROL = 1
    CHANNEL = 2
    # The last or only part of an actor message.
    MESSAGE = 3
    # A part of an actor message with more to come.
    PART = 4


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame as it arrived, already checked."""

    kind: Kind
    body: bytes


_KINDS = {int(kind): kind for kind in Kind}


class FrameWriter:
    """Frames bodies in the order they will be sent. One thread at a time.

    Attributes:
        frames: How many were made; the counter of the next one.
    """

    def __init__(self, key: bytes | None) -> None:
        self._mac = None if key is None else blake2b(key=key, digest_size=MAC_BYTES)
        self.frames = 0

    def encode(self, kind: int, body: bytes) -> bytes:
        """Return the bytes of the next frame."""
        counter = self.frames
        self.frames = counter + 1
        if self._mac is None:
            return _PLAIN_HEAD.pack(len(body) + 1, kind) + body
        head = _SEALED_HEAD.pack(len(body) + _SEALED.size + MAC_BYTES, kind, counter)
        mac = self._mac.copy()
        mac.update(head[_LENGTH.size :])
        mac.update(body)
        return b"".join((head, body, mac.digest()))


class FrameReader:
    """Cuts a stream of bytes into frames, wherever it was split.

    Attributes:
        frames: How many have come; the counter that the next one must have.
        fault: What was wrong with the last bytes: the link must end.
    """

    def __init__(self, key: bytes | None) -> None:
        self._mac = None if key is None else blake2b(key=key, digest_size=MAC_BYTES)
        self.frames = 0
        self.fault: ProtocolError | None = None
        self._rest = bytearray()
        self._least = _KIND.size if key is None else _SEALED.size + MAC_BYTES

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes, up to the first that is wrong."""
        frames: list[Frame] = []
        # Nothing is copied when frames and reads end together, the usual case.
        source: bytes | bytearray = data
        if self._rest:
            self._rest += data
            source = self._rest
        start, size = 0, len(source)
        try:
            while size - start >= _LENGTH_BYTES:
                (length,) = _LENGTH.unpack_from(source, start)
                begin = start + _LENGTH_BYTES
                if not self._least <= length <= MAX_FRAME_BYTES:
                    raise self._wrong_length(length)
                end = begin + length
                if end > size:
                    break
                frames.append(self._frame(bytes(source[begin:end])))
                start = end
        except ProtocolError as fault:
            self.fault = fault
        if source is self._rest:
            del self._rest[:start]
        elif start < size:
            self._rest += source[start:]
        return frames

    def _wrong_length(self, length: int) -> ProtocolError:
        return ProtocolError(
            f"frame of {length} bytes, limits are {self._least} and {MAX_FRAME_BYTES}",
            reason="frame",
        )

    def _frame(self, content: bytes) -> Frame:
        if self._mac is None:
            body = content[_KIND.size :]
        else:
            self._check(content)
            body = content[_SEALED.size : -MAC_BYTES]
        kind = _KINDS.get(content[0])
        if kind is None:
            raise ProtocolError(f"unknown frame kind {content[0]}", reason="frame")
        self.frames += 1
        return Frame(kind, body)

    def _check(self, content: bytes) -> None:
        counter = _SEALED.unpack_from(content)[1]
        if counter != self.frames:
            raise ProtocolError(
                f"frame {counter} where {self.frames} was next", reason="frame"
            )
        assert self._mac is not None
        mac = self._mac.copy()
        mac.update(content[:-MAC_BYTES])
        if not hmac.compare_digest(mac.digest(), content[-MAC_BYTES:]):
            raise ProtocolError("frame with a wrong MAC", reason="frame")


class Parts:
    """Puts the parts of actor messages together. One per link."""

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, frame: Frame) -> bytes | None:
        """Take a part; return the message when it was the last one.

        Raises:
            ProtocolError: The message is longer than the limit.
        """
        self._size += len(frame.body)
        if self._size > self._limit:
            raise ProtocolError(
                f"message longer than {self._limit} bytes", reason="limit"
            )
        if frame.kind is Kind.PART:
            self._parts.append(frame.body)
            return None
        parts, self._parts, self._size = self._parts, [], 0
        return b"".join((*parts, frame.body)) if parts else frame.body
