"""What peers send over open links, handed to whom it concerns."""

from functools import partial
from typing import TYPE_CHECKING

from transport import _clock as clock
from transport._core import addresses, control, messages
from transport._core.errors import ProtocolError
from transport._core.frames import Frame, Kind
from transport._links import io
from transport._links.channels import Channel, Channels
from transport._links.exchange import Exchange
from transport._links.link import HELD_BYTES, Held, Link
from transport._links.outbox import HIGH_WATER_BYTES
from transport._links.pings import Pings
from transport._links.seam import Traffic
from transport._log import Complaints

if TYPE_CHECKING:
    from collections.abc import Callable

SKEW_WORTH_A_WARNING = 1.0


class Inbound:
    """Frames and control messages of open links. I/O thread only."""

    def __init__(
        self,
        exchange: Exchange,
        channels: Channels,
        traffic: Traffic,
        loop: io.Loop,
        complaints: Complaints,
    ) -> None:
        self._exchange = exchange
        self._channels = channels
        self._traffic = traffic
        self._loop = loop
        self._complaints = complaints
        self.pings: Pings = channels.pings
        channels.let_go = self._let_go
        self._handlers: dict[type, Callable[..., None]] = {
            control.Open: channels.on_open,
            control.Accept: lambda link, m: channels.on_accept(link, m.gid),
            control.Refuse: lambda link, m: channels.on_refuse(link, m.gid, m.text),
            control.Close: lambda link, m: channels.on_close(link, m.gid),
            control.Beat: self._on_beat,
            control.Bye: self._on_bye,
            control.Peers: self._on_peers,
            control.Ping: self._on_ping,
            control.Pong: self._on_pong,
        }

    def told(self, link: Link, message: control.Control) -> None:
        """Take a control message."""
        self._handlers[type(message)](link, message)

    def frame(self, link: Link, frame: Frame) -> None:
        """Take a channel frame or a part of an actor message."""
        if frame.kind is Kind.CHANNEL:
            self._channels.on_frame(link, frame.body)
            return
        body = link.parts.add(frame)
        if body is not None:
            self._message(link, body)

    def _message(self, link: Link, body: bytes) -> None:
        """Deliver a message once every frame before it has been applied."""
        held = Held(body)
        self._channels.fence(link, held, partial(self._fence_done, link))
        if not held.fences and not link.held:
            self._deliver(link, body)
            return
        link.held.append(held)
        link.held_bytes += len(body)
        if link.held_bytes > HELD_BYTES:
            link.pause(paused=True)

    def _fence_done(self, link: Link, held: Held, channel: Channel) -> None:
        held.fences.discard(channel)
        self._release(link)

    def _let_go(self, link: Link, channel: Channel) -> None:
        for held in link.held:
            held.fences.discard(channel)
        # Not now: whoever closes a link or a channel is in the middle of it.
        self._loop.call(partial(self._release, link))

    def _release(self, link: Link) -> None:
        while link.held and not link.held[0].fences and not link.closed:
            ready = link.held.popleft()
            link.held_bytes -= len(ready.body)
            try:
                self._deliver(link, ready.body)
            except ProtocolError as error:
                self.fail(link, error)
                return
        if link.paused and link.held_bytes <= HELD_BYTES // 2 and not link.closed:
            link.pause(paused=False)

    def _deliver(self, link: Link, body: bytes) -> None:
        assert link.node is not None
        self._traffic.message(link.node, link.token, body)

    def fail(self, link: Link, error: ProtocolError) -> None:
        """End a link whose peer does not keep to the protocol."""
        self._complaints.warn(
            "link_ended",
            source=str(link.node),
            reason=error.reason,
            address=addresses.unite(*link.where),
            error=error,
        )
        link.close()
        self._exchange.happened(
            messages.Lost(link.token, f"protocol error: {error}", fault=True)
        )

    def _on_beat(self, link: Link, message: control.Beat) -> None:
        self._skew(link, message.wall_ms)
        # As for a ping: a flood of beats makes no heap of questions.
        if link.outbox.backlog < HIGH_WATER_BYTES:
            link.say(control.Ping(clock.microseconds()))

    def _skew(self, link: Link, theirs: int) -> None:
        assert link.ready is not None
        lead = (theirs - clock.wall_ms()) / 1000
        ahead = link.skew.heard(lead, clock.monotonic(), link.ready.heartbeat_ms / 1000)
        if ahead is not None and abs(ahead) > SKEW_WORTH_A_WARNING:
            where = "ahead" if ahead > 0 else "behind"
            self._complaints.warn(
                "clock_differs",
                source=str(link.node),
                reason=where,
                words=f"clock of {link.node} is {abs(ahead):.1f} s {where}; "
                f"conflicts with {link.node} will be biased",
            )

    def _on_bye(self, link: Link, message: control.Bye) -> None:
        self._exchange.happened(messages.GotBye(link.token, message.text))

    def _on_peers(self, link: Link, message: control.Peers) -> None:
        self._exchange.happened(messages.GotPeers(link.token, message.hints))

    def _on_ping(self, link: Link, message: control.Ping) -> None:
        # A peer that asks and does not read gets no heap of answers.
        if link.outbox.backlog < HIGH_WATER_BYTES:
            link.say(control.Pong(message.id))

    def _on_pong(self, link: Link, message: control.Pong) -> None:
        self.pings.answered(message.id, link)
