"""The life of one connection, sans-IO: bytes in, events out; intentions in, bytes out.

    handshake -> Proven (dialler) or Asked (answerer) -> READY both ways -> Opened
              -> frames -> closed

A dialler answers Proven with `ready(prev_token)`. An answerer answers Asked with
`accept()` or `reject(code, text)`, and is open at once; the dialler is open when it
sees READY. Nothing is delivered before that. Every fault is one `Failed`, the last
event; afterwards `receive` returns nothing.
"""

import msgspec

from transport._core import control
from transport._core.control import Control, Ready, Reject
from transport._core.errors import ProtocolError, RejectedError, WireError
from transport._core.frames import Frame, FrameReader, FrameWriter, Kind
from transport._core.handshake import Credentials, Handshake, Proof, farewell
from transport._core.identity import NodeId


class Proven(msgspec.Struct, frozen=True, gc=False):
    """To a dialler: the peer is who it says. Answer with `ready`."""

    node: NodeId
    token: int


class Asked(msgspec.Struct, frozen=True, gc=False):
    """To an answerer: a proven peer wants a link. Answer with `accept` or `reject`."""

    node: NodeId
    token: int
    ready: Ready


class Opened(msgspec.Struct, frozen=True, gc=False):
    """To a dialler: the peer has accepted; the link is open."""

    node: NodeId
    token: int
    ready: Ready


class Told(msgspec.Struct, frozen=True, gc=False):
    """The peer said something about the link."""

    message: Control


class Failed(msgspec.Struct, frozen=True):
    """This connection must end, for this reason."""

    error: WireError


Event = Proven | Asked | Opened | Told | Frame | Failed


class Session:
    """One connection. `receive` on one thread; `frame` on one thread at a time.

    Args:
        me: What this node proves.
        mine: The parameters sent in READY; `prev_token` is filled in by `ready`.
        nonce: 32 fresh random bytes.
        dialler: Whether this end opened the connection.
        fingerprints: Of the dialler's and the answerer's certificate, below TLS.

    Attributes:
        frame: Returns the bytes of the next frame of an open link, from kind and body.
    """

    def __init__(
        self,
        me: Credentials,
        mine: Ready,
        nonce: bytes,
        *,
        dialler: bool,
        fingerprints: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        self._me = me.node
        self._mine = mine
        self._dialler = dialler
        self._handshake = Handshake(
            me, nonce, dialler=dialler, fingerprints=fingerprints
        )
        self._out = [self._handshake.begin()] if dialler else []
        self._proof: Proof | None = None
        self._use(None, None)
        # Whether the peer's READY is due: once for an answerer, and for a dialler
        # only after its own.
        self._due = not dialler
        self.open = False
        self.ended = False

    @property
    def claimed(self) -> str | None:
        """The name that the peer has given, proven or not."""
        return None if self._handshake.peer is None else self._handshake.peer.name

    def take(self) -> bytes:
        """Return, once, what handshake and READY want to send."""
        if not self._out:
            return b""
        out, self._out = b"".join(self._out), []
        return out

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes, however split; return what they mean, in order."""
        events: list[Event] = []
        if self.ended:
            return events
        try:
            if self._proof is None:
                data = self._shake(data, events)
            for frame in self._reader.feed(data):
                # The usual case first, and here: it is hot.
                if self.open and frame.kind is not Kind.CONTROL:
                    events.append(frame)
                else:
                    events.append(self._other(frame))
            if self._reader.fault is not None:
                raise self._reader.fault
        except WireError as error:
            self.ended = True
            if self._proof is None:
                self._out.append(farewell(error))
            events.append(Failed(error))
        return events

    def ready(self, prev_token: int) -> None:
        """As a dialler: send READY, naming the link believed dead (0: none)."""
        self._due = True
        self._send_ready(prev_token)

    def accept(self) -> None:
        """As an answerer: send READY; the link is open."""
        self._send_ready(0)
        self.open = True

    def reject(self, code: str, text: str) -> None:
        """As an answerer: say why not. The connection is to be closed."""
        self._say(Reject(code, control.short(text)))
        self.ended = True

    @property
    def frames(self) -> tuple[int, int]:
        """How many frames have come and gone since the handshake."""
        return self._reader.frames, self._writer.frames

    def _shake(self, data: bytes, events: list[Event]) -> bytes:
        """Go on with the handshake; return what came behind it."""
        self._out.append(self._handshake.receive(data))
        proof = self._proof = self._handshake.proof
        if proof is None:
            return b""
        self._use(proof.receive_key, proof.send_key)
        if self._dialler:
            events.append(Proven(proof.node, proof.token))
        return self._handshake.rest()

    def _use(self, receive_key: bytes | None, send_key: bytes | None) -> None:
        self._reader, self._writer = FrameReader(receive_key), FrameWriter(send_key)
        self.frame = self._writer.encode

    def _other(self, frame: Frame) -> Event:
        if frame.kind is not Kind.CONTROL:
            raise ProtocolError("frame before READY", reason="order")
        message = control.decode(frame.body)
        if not self.open:
            return self._opening(message)
        if isinstance(message, Ready | Reject):
            raise ProtocolError("READY or REJECT on an open link", reason="order")
        return Told(message)

    def _opening(self, message: Control) -> Event:
        assert self._proof is not None
        if isinstance(message, Reject) and self._dialler:
            raise RejectedError(message.text, reason=message.code)
        if not isinstance(message, Ready) or not self._due:
            raise ProtocolError("anything but READY before READY", reason="order")
        self._agree(message)
        self._due = False
        if not self._dialler:
            return Asked(self._proof.node, self._proof.token, message)
        self.open = True
        return Opened(self._proof.node, self._proof.token, message)

    def _agree(self, theirs: Ready) -> None:
        """Check the parameters that must be equal at both ends."""
        assert self._proof is not None
        hides = self._mine.hidden or theirs.hidden
        # Who only looks need not know what the others have agreed on.
        timing = () if hides else ("heartbeat_ms", "lease_ms")
        for field in ("codec", *timing):
            here, there = getattr(self._mine, field), getattr(theirs, field)
            if here != there:
                text = _differs(field, (self._proof.node, there), (self._me, here))
                if not self._dialler:
                    self._say(Reject("config", text))
                raise RejectedError(text, reason="config")

    def _send_ready(self, prev_token: int) -> None:
        self._say(msgspec.structs.replace(self._mine, prev_token=prev_token))

    def _say(self, message: Control) -> None:
        self._out.append(self.frame(Kind.CONTROL, control.encode(message)))


def _differs(field: str, *ends: tuple[NodeId, int]) -> str:
    """Say what two nodes have not alike, in words that are true at both."""
    # A name is cut, for a rejection holds few words.
    names = [(f"{node.name:.40}", value) for node, value in ends]
    if not field.endswith("_ms"):
        values = ", ".join(f"{value} on {name}" for name, value in names)
        return f"config: {field} {values}. Run the same version on both nodes"
    values = ", ".join(f"{value / 1000:g} s on {name}" for name, value in names)
    option = field.removesuffix("_ms")
    return f"config: {option}= differs: {values}. Give both nodes the same {option}="
