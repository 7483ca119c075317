"""One connection: a socket, a session, and what waits to be sent."""

import contextlib
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, Protocol

from transport._core import control
from transport._core.errors import ProtocolError
from transport._core.frames import Kind, Parts
from transport._core.identity import NodeId
from transport._core.session import Event, Failed, Session
from transport._core.skew import Skew
from transport._links import io
from transport._links.outbox import RAW, Bucket, Outbox
from transport._links.tls import Secrecy, Secured

if TYPE_CHECKING:
    from transport._links.channels import Channel

# Messages that wait for a fence: beyond this the peer has to wait too.
HELD_BYTES = 16 << 20
# How long frames of channels gather, when more come than are worth a write each.
GATHER = 0.0003


class Board(Protocol):
    """Who decides about links: hears of everything, on the I/O thread."""

    def heard(self, link: "Link") -> None:
        """Bytes came."""

    def event(self, link: "Link", event: Event) -> None:
        """The session says something."""

    def lost(self, link: "Link", error: OSError | None, reason: str) -> None:
        """The socket has failed or was closed at the other end."""

    def held_back(self, link: "Link") -> bool:
        """Tell whether a stranger has to wait for the answer to its greeting."""

    def drained(self, link: "Link") -> None:
        """Channels that were told "full" may send again."""

    def secured(self, link: "Link", tls: Secured) -> None:
        """TLS is up: the link's session may begin, bound to both certificates."""

    def insecure(self, link: "Link", error: OSError) -> None:
        """TLS has failed."""


class Held:
    """An actor message that waits until what came before it has been applied."""

    __slots__ = ("body", "fences")

    def __init__(self, body: bytes) -> None:
        self.body = body
        # The channels that still have frames from before it to apply.
        self.fences: set[Channel] = set()


class Shared(NamedTuple):
    """What all links of a node have in common."""

    board: Board
    loop: io.Loop
    bucket: Bucket
    queue_bytes: int
    secrecy: Secrecy | None


class Link:
    """One connection. I/O thread only, but for `outbox`, `say`, `pump`, `pump_soon`.

    Attributes:
        token: Names the link at both ends; 0 until the peer is proven.
        dialled: The address we dialled; None when the peer dialled us.
        where: (host, port) of the other end.
        deadline: When the handshake must be over.
    """

    def __init__(
        self,
        sock: io.Socket,
        session: Session,
        shared: Shared,
        *,
        deadline: float,
    ) -> None:
        self._raw = sock
        self._pipe: io.Pipe = sock
        self._secrecy = shared.secrecy
        self._board = shared.board
        self._loop = shared.loop
        self._bucket = shared.bucket
        self._pump_due = self._gathering = self._paused = False
        self.session = session
        self.tls: Secured | None = None
        self.outbox = Outbox(self, shared.queue_bytes)
        self.deadline = deadline
        self.dialled: str | None = None
        self.others: Sequence[tuple[str, int]] = ()
        self.connecting = False
        self.greeted = False
        self.where = io.peer_of(sock)
        self.closed = False
        # What the proven peer is and said.
        self.token = 0
        self.node: NodeId | None = None
        self.ready: control.Ready | None = None
        self.rtt: float | None = None
        self.skew = Skew()
        # Channels: the peer's offers, those bound here, and ours that it accepted.
        self.offers: dict[int, control.Open] = {}
        self.bound: dict[int, Channel] = {}
        self.accepted: set[int] = set()
        self.parts = Parts()
        self.held: deque[Held] = deque()
        self.held_bytes = 0
        # Channels that were asked to send what they held back.
        self.pumping: set[Channel] = set()

    # -- any thread

    def say(self, message: control.Control) -> None:
        """Queue a control message and write what can be written."""
        self.outbox.put(Kind.CONTROL, control.encode(message))
        self.pump()

    def pump(self) -> None:
        """Write on this thread while that is quick; else let frames gather."""
        if self._bucket.take():
            self.outbox.pump()
        else:
            self.pump_soon()

    def pump_or_gather(self) -> None:
        """As `pump`, but beyond what is quick, frames gather for a moment.

        To wake the I/O thread for each frame costs more than all else: the two threads
        would hand the interpreter to each other with every write.
        """
        if self._bucket.take():
            self.outbox.pump()
        elif not self._gathering:
            self._gathering = True
            try:
                self._loop.call(partial(self._loop.call_later, GATHER, self._gathered))
            except BaseException:
                # Ctrl-C: who comes next must not rely on it.
                self._gathering = False
                raise

    @property
    def gathering(self) -> bool:
        """Whether frames gather, to be written a moment later."""
        return self._gathering

    def pump_soon(self) -> None:
        """Let the I/O thread write."""
        if not self._pump_due:
            self._pump_due = True
            try:
                self._loop.call(self._pump)
            except BaseException:
                self._pump_due = False
                raise

    def write(self, data: memoryview) -> int:
        """Write some bytes; raise BlockingIOError when there is no room."""
        return self._pipe.send(data)

    def frame(self, kind: int, body: bytes) -> bytes:
        """Return the next frame's bytes."""
        return self.session.frame(kind, body)

    def want_write(self) -> None:
        """Watch for room."""
        self._loop.call(self._watch)

    def drained(self) -> None:
        """Let the channels send what they held back."""
        self._loop.call(partial(self._board.drained, self))

    def broken(self, reason: str) -> None:
        """The socket has failed in a writer's hands."""
        self._loop.call(partial(self._board.lost, self, None, reason))

    def accuse(self, error: ProtocolError) -> None:
        """Somebody has found that the peer sent what no peer may send."""
        self._loop.call(partial(self._accused, error))

    # -- I/O thread

    def _accused(self, error: ProtocolError) -> None:
        if not self.closed:
            self._board.event(self, Failed(error))

    def watch(self) -> None:
        """Begin to be told of readiness."""
        self._watch()

    def _watch(self) -> None:
        if self.closed:
            return
        mask = io.WRITE if self.connecting or self.outbox.stuck else 0
        if not self._paused and not self.connecting:
            mask |= io.READ
        self._loop.watch(self._pipe, mask, self)

    def _gathered(self) -> None:
        # Cleared first: who comes later begins to gather anew.
        self._gathering = False
        self.outbox.pump()

    def _pump(self) -> None:
        self._pump_due = False
        self.outbox.pump()

    def on_ready(self, mask: int) -> None:
        """Serve the socket."""
        if self.closed:
            return
        if self.connecting:
            self._connected()
            return
        if self.tls is not None and not self.tls.ready:
            self._secure(self.tls)
            return
        if mask & io.WRITE and not self.outbox.on_writable():
            self._watch()
        if mask & io.READ and not self.closed:
            self._read()

    def _connected(self) -> None:
        try:
            io.connected(self._raw)
        except OSError as error:
            self._board.lost(self, error, io.words(error))
            return
        self.connecting = False
        self.where = io.peer_of(self._raw)
        self.begin()

    def begin(self) -> None:
        """Start the handshake: TLS's first, where there is one."""
        if self._secrecy is None:
            self.flush()
            self._watch()
        else:
            self._wrap(self._secrecy)

    def _wrap(self, secrecy: Secrecy) -> None:
        # The descriptor gets another object, which is watched from now on.
        self._loop.unwatch(self._raw)
        try:
            self.tls = secrecy.wrap(self._raw, dialler=self.dialled is not None)
        except OSError as error:
            self._board.insecure(self, error)
            return
        self._pipe = self.tls
        self._secure(self.tls)

    def _secure(self, tls: Secured) -> None:
        try:
            wanted = tls.shake()
        except OSError as error:
            self._board.insecure(self, error)
            return
        if wanted:
            self._loop.watch(self._pipe, wanted, self)
        else:
            self._board.secured(self, tls)
            self.flush()
            self._watch()
            # The peer may have said something already, unseen by the selector.
            self._read_on()

    def _read(self) -> None:
        buffer = self._loop.buffer
        try:
            size = self._pipe.recv_into(buffer)
        except BlockingIOError:
            return
        except OSError as error:
            self._board.lost(self, error, io.words(error))
            return
        if size == 0:
            self._board.lost(self, None, "connection closed")
            return
        if self.tls is not None and self.tls.pending():
            self._loop.call(self._read_on)
        events = self.session.receive(bytes(buffer[:size]))
        if self.token or events or not self._board.held_back(self):
            self.flush()
        self._board.heard(self)
        for event in events:
            if self.closed:
                return
            self._board.event(self, event)

    def _read_on(self) -> None:
        if not self.closed and not self._paused:
            self._read()

    def flush(self) -> None:
        """Send what handshake and READY have to say."""
        data = self.session.take()
        if data:
            self.outbox.put(RAW, data)
            self.outbox.pump()

    def pause(self, *, paused: bool) -> None:
        """Stop reading, or begin again: the peer's messages cannot be delivered."""
        if paused != self._paused:
            self._paused = paused
            self._watch()
            if self.tls is not None:
                self._loop.call(self._read_on)

    def traffic(self) -> io.Traffic | None:
        """Return what has gone over this connection; None where nobody counts."""
        return io.traffic(self._raw)

    @property
    def paused(self) -> bool:
        """Whether nothing is read for now."""
        return self._paused

    def close(self) -> None:
        """Close the socket; nothing more is heard or said."""
        if self.closed:
            return
        self.closed = True
        self._loop.unwatch(self._pipe)
        # A writer on another thread holds the descriptor until it is done.
        self.outbox.close()
        self._pipe.close()

    def abandon(self) -> None:
        """In a forked child: close our copy of the socket and touch nothing else."""
        self.closed = True
        with contextlib.suppress(OSError):
            if self.tls is not None:
                self.tls.abandon()
            self._raw.close()
