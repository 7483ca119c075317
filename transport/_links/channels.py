"""Many named streams over one link: opened at both ends, refused with words.

Each node numbers its own channels. OPEN offers one on every link; a peer that runs a
channel of the same name and kind asks its handler and answers ACCEPT or REFUSE. A
channel is up on a link when each end has accepted the other's offer. The order of the
link makes sure that no frame comes before that.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from actors import Future, Timeout
from transport import _clock as clock
from transport._core import control
from transport._core.errors import ProtocolError
from transport._core.frames import MAX_BODY_BYTES, Kind
from transport._core.identity import NodeId
from transport._links import io
from transport._links.link import Held, Link
from transport._links.pings import Pings
from transport._log import Complaints

Params = Mapping[str, str | int]
_GID_BYTES = 4
# Open at one peer at the same time.
MAX_OFFERS = 1024


class ChannelHandler(Protocol):
    """What runs over a channel. On the node's I/O thread; must not block."""

    def accept(self, node: str, params: Params) -> str | None:
        """Return None, or the words with which this peer's channel is refused."""

    def link_up(self, token: int, node: NodeId) -> None:
        """Both ends have opened the channel; frames may be sent."""

    def frame(self, token: int, body: bytes) -> None:
        """Take one frame, in order; a ProtocolError closes the link."""

    def link_down(self, token: int, node: NodeId) -> None:
        """This link, or the peer's channel, is gone; the peer is not purged."""

    def peer_down(self, node: NodeId, cause: str) -> None:
        """The peer is gone for good. Once per life of a node that had link_up."""

    def fence(self, token: int, done: Callable[[], None]) -> bool:
        """Return whether all frames so far are applied; else call `done` later."""

    def writable(self, token: int, done: Callable[[], None]) -> None:
        """Send what was held back since `send` said False, then call `done`."""


class Channel:
    """One channel of this node. `send`, `flush` and `close` from any thread."""

    def __init__(
        self,
        gid: int,
        name: str,
        kind: str,
        params: Params,
        handler: ChannelHandler,
        channels: "Channels",
    ) -> None:
        self.gid = gid
        self.name = name
        self.kind = kind
        self.params = dict(params)
        self.handler = handler
        self._channels = channels
        self._head = gid.to_bytes(_GID_BYTES, "big")
        # Written on the I/O thread, read by all.
        self.up: dict[int, Link] = {}
        self.known: set[NodeId] = set()

    def send(self, token: int, body: bytes) -> bool:
        """Queue one frame, in order. Never blocks; nothing is sent before `flush`.

        Returns:
            False when the link is above its high-water mark, or gathers frames for a
            moment. This one is queued all the same; send no more than needed until
            the handler's `writable`.

        Raises:
            ValueError: The frame is over the limit of 1 MiB.
        """
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"frame of {len(body)} bytes, limit {MAX_BODY_BYTES}")
        link = self.up.get(token)
        if link is None:
            return True
        if not link.outbox.put(Kind.CHANNEL, self._head + body):
            link.pump_soon()
            return False
        if link.gathering:
            # What comes now would wait for a write anyway: better that the sender
            # puts it together than that each has a frame of its own.
            link.outbox.hold_back()
            return False
        return True

    def flush(self, tokens: Iterable[int]) -> None:
        """Write queued frames now, on this thread, as far as that is quick.

        Else the I/O thread writes them within a millisecond.
        """
        for token in tokens:
            link = self.up.get(token)
            if link is not None:
                link.pump_or_gather()

    def accuse(self, token: int, why: str) -> None:
        """Close the link, and hold it against the peer: it has broken the protocol.

        For what is found only after `frame` has returned. Any thread.
        """
        link = self.up.get(token)
        if link is not None:
            text = f"{self.kind} {self.name}: {why}"
            link.accuse(ProtocolError(text, reason=self.kind))

    def await_answers(self, timeout: float) -> list[str]:
        """Wait until each peer that is linked now has answered the channel's offer.

        Then the channel is up with all of them that run it, and `link_up` was called.
        Not on the I/O thread.

        Returns:
            The names of peers that are linked and have not answered in time.
        """
        return self._channels.await_answers(timeout)

    def close(self) -> None:
        """End the channel at both ends; peers see "group stopped"."""
        self._channels.close(self)


class Channels:
    """All channels of a node. I/O thread only, but for `open` and `close`."""

    def __init__(self, loop: io.Loop, complaints: Complaints) -> None:
        self._loop = loop
        self._complaints = complaints
        self._gids = iter(range(1, 1 << 32))
        self._by_gid: dict[int, Channel] = {}
        self._links: dict[int, Link] = {}
        self.pings = Pings()
        # Told of a channel whose fences will not be answered any more.
        self.let_go: Callable[[Link, Channel], None] = lambda _link, _channel: None

    def open(
        self,
        name: str,
        kind: str,
        params: Params,
        handler: ChannelHandler,
        made: Callable[[Channel], None],
    ) -> Channel:
        """Make a channel and offer it on all links, soon. Any thread."""
        channel = Channel(next(self._gids), name, kind, params, handler, self)
        made(channel)
        self._loop.call(partial(self._opened, channel))
        return channel

    def await_answers(self, timeout: float) -> list[str]:
        """Wait until each peer has answered what it was sent by now; any other thread.

        A peer that does not run a channel says nothing to its offer. But it answers a
        ping that goes behind it, and its answers come in order.
        """
        deadline = clock.monotonic() + timeout
        heard: set[int] = set()
        while True:
            left = max(0.0, deadline - clock.monotonic())
            pinged: Future[list[tuple[Link, Future[float]]]] = Future()
            self._loop.call(partial(self._ping_all, pinged, heard.copy()))
            try:
                asked = pinged.get(timeout=left)
            except Timeout:
                return sorted(map(_name, list(self._links.values())))
            if not asked:
                return []
            silent = self.pings.await_all(asked, self._is_up, deadline)
            if silent:
                return sorted(map(_name, silent))
            # Links that have come meanwhile, maybe in the place of one that was lost.
            heard.update(link.token for link, _ in asked)

    def _is_up(self, link: Link) -> bool:
        return link.token in self._links

    def _ping_all(
        self, pinged: Future[list[tuple[Link, Future[float]]]], heard: set[int]
    ) -> None:
        links = [link for token, link in self._links.items() if token not in heard]
        pinged.set([(link, self.pings.send(link)) for link in links])

    def close(self, channel: Channel) -> None:
        """Take a channel back, soon. Any thread."""
        self._loop.call(partial(self._closed, channel))

    def _opened(self, channel: Channel) -> None:
        self._by_gid[channel.gid] = channel
        for link in list(self._links.values()):
            link.say(_offer(channel))
            for gid, offer in list(link.offers.items()):
                if self._find(offer.name, offer.kind) is channel:
                    self._match(link, gid, offer)

    def _closed(self, channel: Channel) -> None:
        if self._by_gid.pop(channel.gid, None) is None:
            return
        self._complaints.troubles.clear_channel(channel.name)
        channel.up.clear()
        for link in self._links.values():
            link.accepted.discard(channel.gid)
            for gid in [g for g, bound in link.bound.items() if bound is channel]:
                del link.bound[gid]
            link.say(control.Close(channel.gid))
            self._let_go(link, channel)

    # -- links

    def link_opened(self, link: Link) -> None:
        """Offer all channels on a new link."""
        self._links[link.token] = link
        for channel in self._by_gid.values():
            link.say(_offer(channel))

    def link_lost(self, link: Link) -> None:
        """Tell the channels that were up on it."""
        self._links.pop(link.token, None)
        self._complaints.troubles.clear("channel", _name(link))
        for channel in list(link.bound.values()):
            self._down(channel, link)

    def peer_down(self, node: NodeId, cause: str) -> None:
        """Tell the channels that knew this life of a node."""
        for channel in list(self._by_gid.values()):
            if node in channel.known:
                channel.known.discard(node)
                channel.handler.peer_down(node, cause)

    # -- what peers say

    def on_open(self, link: Link, offer: control.Open) -> None:
        """The peer runs a channel."""
        if offer.gid in link.offers:
            raise ProtocolError(f"channel {offer.gid} opened twice", reason="order")
        if len(link.offers) >= MAX_OFFERS:
            raise ProtocolError(f"more than {MAX_OFFERS} channels", reason="limit")
        link.offers[offer.gid] = offer
        self._match(link, offer.gid, offer)

    def on_accept(self, link: Link, gid: int) -> None:
        """One of ours fits the peer's."""
        link.accepted.add(gid)
        channel = self._by_gid.get(gid)
        if channel is not None and channel in link.bound.values():
            self._up(channel, link)

    def on_refuse(self, link: Link, gid: int, text: str) -> None:
        """One of ours does not fit the peer's."""
        channel = self._by_gid.get(gid)
        if channel is None:
            return
        theirs = [o for o in link.offers.values() if _names(o) == _names(channel)]
        if any(self._refusal(link, channel, offer) for offer in theirs):
            # What we have against theirs has been said, and is the same.
            return
        self._complain(link, channel, text, by="peer")

    def on_close(self, link: Link, gid: int) -> None:
        """The peer's channel has ended."""
        offer = link.offers.pop(gid, None)
        if offer is not None:
            self._complaints.troubles.clear("channel", _name(link), offer.name)
        channel = link.bound.pop(gid, None)
        if channel is None or link.node is None:
            return
        link.accepted.discard(channel.gid)
        self._down(channel, link)
        if link.node in channel.known:
            channel.known.discard(link.node)
            channel.handler.peer_down(link.node, f"{channel.kind} stopped")

    def on_frame(self, link: Link, body: bytes) -> None:
        """Hand a frame to the handler of its channel."""
        gid = int.from_bytes(body[:_GID_BYTES], "big")
        channel = link.bound.get(gid)
        if channel is not None and link.token in channel.up:
            channel.handler.frame(link.token, body[_GID_BYTES:])
        elif gid not in link.offers or channel is not None:
            raise ProtocolError(f"frame of channel {gid}, not open", reason="order")

    def fence(
        self, link: Link, held: Held, release: Callable[[Held, Channel], None]
    ) -> None:
        """Note in `held` the channels that have frames of this link to apply."""
        for channel in link.bound.values():
            if link.token in channel.up:
                done = partial(self._loop.call, partial(release, held, channel))
                if not channel.handler.fence(link.token, done):
                    held.fences.add(channel)

    def drained(self, link: Link) -> None:
        """Let every channel send what it held back, then let messages follow."""
        channels = [c for c in link.bound.values() if link.token in c.up]
        link.pumping.update(channels)
        if not channels:
            link.outbox.release()
        for channel in channels:
            pumped = partial(self._pumped, link, channel)
            channel.handler.writable(link.token, partial(self._loop.call, pumped))

    def _pumped(self, link: Link, channel: Channel) -> None:
        if channel in link.pumping:
            link.pumping.discard(channel)
            if not link.pumping:
                link.outbox.release()

    def _let_go(self, link: Link, channel: Channel) -> None:
        """Wait no longer for a channel that is not up: it may never say "done"."""
        self._pumped(link, channel)
        self.let_go(link, channel)

    def _match(self, link: Link, gid: int, offer: control.Open) -> None:
        channel = self._find(offer.name, offer.kind)
        if channel is None or gid in link.bound or channel in link.bound.values():
            return
        text = self._refusal(link, channel, offer)
        if text is not None:
            link.say(control.Refuse(gid, control.short(text)))
            self._complain(link, channel, text, by="us")
            return
        link.bound[gid] = channel
        link.say(control.Accept(gid))
        if channel.gid in link.accepted:
            self._up(channel, link)

    def _refusal(self, link: Link, channel: Channel, offer: control.Open) -> str | None:
        return channel.handler.accept(_name(link), dict(offer.params))

    def _find(self, name: str, kind: str) -> Channel | None:
        for channel in self._by_gid.values():
            if channel.name == name and channel.kind == kind:
                return channel
        return None

    def _up(self, channel: Channel, link: Link) -> None:
        if link.token in channel.up or link.node is None:
            return
        channel.up[link.token] = link
        channel.known.add(link.node)
        channel.handler.link_up(link.token, link.node)

    def _down(self, channel: Channel, link: Link) -> None:
        if channel.up.pop(link.token, None) is not None and link.node is not None:
            channel.handler.link_down(link.token, link.node)
            self._let_go(link, channel)

    def _complain(self, link: Link, channel: Channel, text: str, *, by: str) -> None:
        self._complaints.warn(
            "channel_refused",
            source=_name(link),
            reason=text,
            kind=channel.kind,
            name=channel.name,
            by=by,
        )
        self._complaints.troubles.note(
            "channel", _name(link), text, text, channel=channel.name, standing=True
        )


def _offer(channel: Channel) -> control.Open:
    params = tuple(sorted(channel.params.items()))
    return control.Open(channel.gid, channel.name, channel.kind, params)


def _names(what: Channel | control.Open) -> tuple[str, str]:
    return what.kind, what.name


def _name(link: Link) -> str:
    return "?" if link.node is None else link.node.name
