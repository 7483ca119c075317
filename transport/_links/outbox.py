"""What waits to be written to one link, and the writing of it.

Whoever queues something may write at once, on its own thread, when nobody else is
writing: that is the fastest way to the peer. Only one thread writes at a time. One
that finds another writing goes away; the writer looks again after it has let go, so
nothing is left lying. When the socket is full, the I/O thread takes over.
"""

import threading
from collections import deque
from typing import Protocol

from transport import _clock as clock
from transport._core.frames import PART_BYTES, Kind

# Bytes that the handshake has already framed.
RAW = 0
_WITHOUT_WAITING = (False,)
HIGH_WATER_BYTES = 1 << 20
WRITE_BYTES = 256 << 10
FRAMES_A_WRITE = 512
# After so much the thread that lent itself goes back to its own work.
TURN_BYTES = 1 << 20
INLINE_A_MILLISECOND = 16


class Bucket:
    """How often callers may write themselves; beyond it, frames gather. Any thread.

    Races between callers lose or gain a token, which is of no consequence.
    """

    def __init__(self, size: int = INLINE_A_MILLISECOND) -> None:
        self._size = size
        self._window = 0
        self._left = size

    def take(self) -> bool:
        """Tell whether one more write on a caller's thread is in order."""
        window = clock.millisecond()
        if window != self._window:
            self._window, self._left = window, self._size
        self._left -= 1
        return self._left >= 0


class Writer(Protocol):
    """What an outbox needs of its link. All from any thread, none may block."""

    def write(self, data: memoryview) -> int:
        """Write some bytes; raise BlockingIOError when there is no room."""

    def frame(self, kind: int, body: bytes) -> bytes:
        """Return the next frame's bytes."""

    def want_write(self) -> None:
        """Call `on_writable` when there is room again."""

    def drained(self) -> None:
        """Channels that were told "full" may send again; then call `release`."""

    def broken(self, reason: str) -> None:
        """The socket has failed."""


class Outbox:
    """The queues of one link. Any thread; each queue is taken from in order."""

    def __init__(self, writer: Writer, queue_bytes: int) -> None:
        self._writer = writer
        self._queue_bytes = queue_bytes
        self._urgent: deque[tuple[int, bytes]] = deque()
        self._messages: deque[bytes] = deque()
        # Guards the two counts below.
        self._counting = threading.Lock()
        self._urgent_bytes = 0
        self._message_bytes = 0
        # Guards the socket and all that follows.
        self._writing = threading.Lock()
        self._tail: memoryview | None = None
        self._offset = 0
        self._stuck = False
        self._full = False
        self._held = False
        # Messages that may go although the channels are held back once more: they were
        # there before the channels were last told to send, so all that is older than
        # they has been sent. So a flood of frames does not starve messages.
        self._due = 0
        self._older = 0
        self._closed = False
        self.dropped = 0

    @property
    def queued(self) -> int:
        """Bytes that wait."""
        return self._urgent_bytes + self._message_bytes

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        return len(self._urgent) + len(self._messages)

    @property
    def closed(self) -> bool:
        """Whether nothing will be written any more."""
        return self._closed

    @property
    def backlog(self) -> int:
        """Bytes of control and channel frames that wait."""
        return self._urgent_bytes

    @property
    def stuck(self) -> bool:
        """Whether the socket is full, or a turn was long enough."""
        return self._stuck

    def put(self, kind: int, body: bytes) -> bool:
        """Queue a control or channel frame; False when above the high-water mark."""
        with self._counting:
            self._urgent_bytes += len(body)
            low = self._urgent_bytes <= HIGH_WATER_BYTES
        self._urgent.append((kind, body))
        if not low and kind == Kind.CHANNEL:
            self._full = True
            return False
        return True

    def hold_back(self) -> None:
        """Count the channels as held back: they are to be told when there is room."""
        self._full = True

    def put_message(self, body: bytes, *, bounded: bool) -> bool:
        """Queue an actor message; False, and nothing queued, when over the bound.

        One message alone may be larger than the bound.
        """
        with self._counting:
            waiting = self._message_bytes
            over = waiting and waiting + len(body) > self._queue_bytes
            if self._closed or (bounded and over):
                self.dropped += 1
                return False
            self._message_bytes += len(body)
            self._messages.append(body)
        return True

    def pump(self) -> None:
        """Write what waits, on this thread, as far as the socket takes it."""
        while self._pending() and not self._stuck:
            taken: list[bool] = []
            try:
                # One call, so that Ctrl-C, if this is the main thread, cannot come
                # between the taking and the noting of it.
                taken.extend(map(self._writing.acquire, _WITHOUT_WAITING))
                if not taken[0]:
                    return
                self._write()
            finally:
                if taken and taken[0]:
                    self._writing.release()

    def on_writable(self) -> bool:
        """There is room again. Returns whether to go on watching for room."""
        self._stuck = False
        self.pump()
        return self._stuck

    def release(self) -> None:
        """The channels have sent what they held back: messages may follow."""
        self._due, self._older = self._older, 0
        self._held = False
        self.pump()

    def close(self) -> None:
        """Forget all; wait for a thread that is writing, which takes microseconds."""
        with self._writing, self._counting:
            self._closed = True
            self.dropped += len(self._messages)
            self._urgent.clear()
            self._messages.clear()
            self._tail = None
            self._urgent_bytes = self._message_bytes = 0

    def _pending(self) -> bool:
        if self._closed:
            return False
        if self._tail is not None or self._urgent:
            return True
        return not self._held and (self._full or bool(self._messages))

    def _write(self) -> None:
        try:
            self._write_on()
        except BaseException:
            # Ctrl-C: how much of which frame has been written, nobody knows now.
            self._closed = True
            self._writer.broken("interrupted")
            raise

    def _write_on(self) -> None:
        left = TURN_BYTES
        while not self._closed:
            data = self._tail or self._gather()
            if data is None:
                return
            sent = self._send(data)
            left -= sent
            self._tail = data[sent:] if sent < len(data) else None
            if self._tail is not None or left <= 0:
                self._stuck = True
                self._writer.want_write()
                return

    def _send(self, data: memoryview) -> int:
        try:
            return self._writer.write(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._closed = True
            self._writer.broken(error.strerror or str(error))
            return len(data)

    def _gather(self) -> memoryview | None:
        """Frame what goes next: control and channels first, then parts of messages."""
        frames = self._gather_urgent()
        size = sum(map(len, frames))
        while size < WRITE_BYTES and len(frames) < FRAMES_A_WRITE:
            part = self._next_part_due()
            if part is None:
                break
            frames.append(part)
            size += len(part)
        return memoryview(b"".join(frames)) if frames else None

    def _gather_urgent(self) -> list[bytes]:
        frames: list[bytes] = []
        taken, urgent, frame = 0, self._urgent, self._writer.frame
        while urgent and taken < WRITE_BYTES and len(frames) < FRAMES_A_WRITE:
            kind, body = urgent.popleft()
            taken += len(body)
            frames.append(body if kind == RAW else frame(kind, body))
        if taken:
            with self._counting:
                self._urgent_bytes -= taken
        return frames

    def _next_part_due(self) -> bytes | None:
        # Looked at before the frames: what was queued before a message that is there
        # is then gone, or seen here.
        waiting = bool(self._messages)
        if self._urgent or self._held:
            return None
        if self._full and self._due <= 0:
            # Before any message: what the channels hold back is older. They are asked
            # again only when they have all answered.
            self._full, self._held = False, True
            self._older = len(self._messages)
            self._writer.drained()
            return None
        return self._next_part() if waiting else None

    def _next_part(self) -> bytes:
        body = self._messages[0]
        if self._offset == 0 and len(body) <= PART_BYTES:
            part, kind = body, Kind.MESSAGE
        else:
            part = body[self._offset : self._offset + PART_BYTES]
            self._offset += len(part)
            kind = Kind.PART if self._offset < len(body) else Kind.MESSAGE
        with self._counting:
            if kind is Kind.MESSAGE:
                self._messages.popleft()
                self._offset = 0
                self._due -= 1
            self._message_bytes -= len(part)
        return self._writer.frame(kind, part)
