"""Runs a mesh: tells it what happens, does what it says. Decides nothing itself."""

import random
from collections import deque
from typing import Protocol

from actors import hooks
from transport import _clock as clock
from transport._core import control, effects, messages
from transport._core.effects import Effect
from transport._core.identity import NodeId
from transport._core.mesh import Mesh, Peer, Settings
from transport._core.messages import Message
from transport._links.channels import Channels
from transport._links.link import Link
from transport._links.progress import Progress
from transport._links.seam import Traffic
from transport._links.tally import Tally
from transport._links.troubles import Troubles
from transport._log import log

# PEERS frames stay far below the limit of a frame.
HINTS_A_FRAME = 512

PEER_UP = hooks.hook("transport.peer.up")
PEER_DOWN = hooks.hook("transport.peer.down")
LINK_UP = hooks.hook("transport.link.up")
LINK_DOWN = hooks.hook("transport.link.down")
MAX_CAUSES = 1024
# Refusals that last as long as somebody does nothing about them.
TOLD = {"name_in_use", "full", "quarantined"}

Saying = effects.SayBye | effects.Beat | effects.Probe | effects.SendPeers
OnLink = effects.Proceed | effects.Accept | effects.Reject | effects.Close | Saying


class Doors(Protocol):
    """Where connections begin."""

    def dial(self, address: str) -> None:
        """Connect; report Met and Answered, or DialFailed or DialRejected."""


class Watchers(Protocol):
    """Who wants to know of nodes."""

    def up(self, node: NodeId) -> None:
        """A node is linked that was not."""

    def lost(self, node: NodeId, cause: str) -> None:
        """A node is gone."""


class Exchange:
    """The links of one node, by token and by peer. I/O thread only.

    `links` and `by_node` may be read, by key, from any thread.
    """

    def __init__(
        self, settings: Settings, progress: Progress, troubles: Troubles
    ) -> None:
        jitter = random.SystemRandom().random
        self.me = settings.me
        self._mesh = Mesh(settings, clock.monotonic(), jitter)
        self._progress = progress
        self._troubles = troubles
        self._news: deque[Message] = deque()
        self._busy = False
        self._changed = False
        self.tally = Tally()
        # Whether the mesh may want its next Tick sooner than it said.
        self.stirred = True
        # Proven, not yet open, or being closed.
        self.proven: dict[int, Link] = {}
        self.links: dict[int, Link] = {}
        self.by_node: dict[NodeId, Link] = {}

    def attach(
        self, doors: Doors, channels: Channels, traffic: Traffic, watchers: Watchers
    ) -> None:
        """Say who carries out what the mesh decides."""
        self._doors = doors
        self._channels = channels
        self._traffic = traffic
        self._watchers = watchers

    def happened(self, message: Message) -> None:
        """Tell the mesh; carry out what it says, and what comes of that, in order."""
        self._news.append(message)
        self.stirred = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._news:
                news = self._news.popleft()
                for effect in self._mesh.step(news, clock.monotonic()):
                    self._carry_out(effect)
        finally:
            self._busy = False
        if self._changed:
            self._publish()

    def heard(self, link: Link) -> None:
        """Bytes came over a link."""
        self._mesh.heard(link.token, clock.monotonic())

    def wait(self) -> float:
        """Return the seconds until the mesh wants a Tick."""
        return self._mesh.next_wake(clock.monotonic())

    def looking(self) -> bool:
        """Tell whether there are addresses that nobody has been sought at yet."""
        return self._mesh.looking()

    def peers(self) -> list[Peer]:
        """Return what the mesh believes of all peers."""
        return self._mesh.peers()

    def reset(self) -> None:
        """The I/O thread has begun anew: no link of the one before is trusted."""
        self._news.clear()
        self._busy = False
        for token, link in [*self.links.items(), *self.proven.items()]:
            link.close()
            self.proven.pop(token, None)
            self.happened(messages.Lost(token, "link I/O restarted"))

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case effects.Dial(address):
                self._doors.dial(address)
            case effects.PeerUp(node, hidden):
                self._peer_up(node, hidden=hidden)
            case effects.LinkUp(token, node):
                self._link_up(token, node)
            case effects.LinkDown(token, node, reason):
                self._link_down(token, node, reason)
            case effects.PeerDown(node, cause, hidden):
                self._peer_down(node, cause, hidden=hidden)
            case effects.Paused() | effects.Quarantined():
                self._warn(effect)
            case effects.NameInUse(text):
                self._progress.note(lambda p: setattr(p, "name_in_use", text))
            case _:
                self._on_link(effect)

    def _on_link(self, effect: OnLink) -> None:
        link = self.links.get(effect.token) or self.proven.get(effect.token)
        if link is None:
            return
        match effect:
            case effects.Proceed(_, prev_token):
                link.session.ready(prev_token)
                link.flush()
            case effects.Accept():
                link.session.accept()
                link.flush()
            case effects.Reject(_, code, text):
                self._reject(link, code, text)
            case effects.Close():
                self._close(link)
            case _:
                self._say(link, effect)

    def _say(self, link: Link, effect: Saying) -> None:
        match effect:
            case effects.SayBye(_, text):
                link.say(control.Bye(control.short(text)))
            case effects.Beat():
                link.say(control.Beat(clock.wall_ms()))
            case effects.Probe():
                link.say(control.Ping(0))
            case effects.SendPeers(_, hints):
                for at in range(0, len(hints), HINTS_A_FRAME):
                    link.say(control.Peers(hints[at : at + HINTS_A_FRAME]))

    def _reject(self, link: Link, code: str, text: str) -> None:
        log.debug("link_rejected", node=self.me, peer=link.node, code=code, words=text)
        if link.node is not None and code in TOLD:
            said = f"{link.node.name}: {text}"
            self._troubles.note("call", link.where[0], code, said)
        link.session.reject(code, text)
        link.flush()
        self._close(link)

    def _close(self, link: Link) -> None:
        self.proven.pop(link.token, None)
        link.outbox.pump()
        link.close()

    def _peer_up(self, node: NodeId, *, hidden: bool) -> None:
        if hidden:
            # Somebody looks in; it is no node of the cluster.
            log.debug("hidden_node_up", node=self.me, peer=node)
            return
        log.info("node_up", node=self.me, peer=node)
        if PEER_UP.callbacks:
            PEER_UP({}, self._about(node))
        self._watchers.up(node)

    def _link_up(self, token: int, node: NodeId) -> None:
        link = self.proven.pop(token)
        self.links[token] = link
        self.by_node[node] = link
        # At once: others are told of the node next, and look for its link.
        self._publish()
        link.say(control.Ping(clock.microseconds()))
        self._traffic.node_up(node)
        self._channels.link_opened(link)
        if LINK_UP.callbacks and not self._hides(node):
            LINK_UP({}, self._about(node))

    def _link_down(self, token: int, node: NodeId, reason: str) -> None:
        link = self.links.pop(token)
        self.by_node.pop(node, None)
        # Until its Close, which follows unless the socket is closed already.
        if not link.closed:
            self.proven[token] = link
        self._changed = True
        self._cause(node, reason)
        hidden = self._hides(node)
        say = log.debug if hidden else log.info
        say("link_lost", node=self.me, peer=node, reason=reason)
        if not hidden:
            self.tally.link_lost(node, reason)
            if LINK_DOWN.callbacks:
                LINK_DOWN({}, self._about(node, cause=reason))
        self._channels.link_lost(link)
        self._traffic.node_suspect(node, reason)

    def _about(self, node: NodeId, **more: str) -> dict[str, object]:
        return {"node": self.me.name, "peer": node.name, **more}

    def _peer_down(self, node: NodeId, cause: str, *, hidden: bool) -> None:
        self._changed = True
        self._cause(node, cause)
        self._channels.peer_down(node, cause)
        self._traffic.node_down(node, cause)
        if hidden:
            log.debug("hidden_node_down", node=self.me, peer=node, cause=cause)
            del self._progress.causes[node]
            return
        log.info("node_down", node=self.me, peer=node, cause=cause)
        if PEER_DOWN.callbacks:
            PEER_DOWN({}, self._about(node, cause=cause))
        self._watchers.lost(node, cause)

    def _hides(self, node: NodeId) -> bool:
        peer = self._mesh.peer(node.name)
        return peer is not None and peer.node == node and peer.hidden

    def _cause(self, node: NodeId, cause: str) -> None:
        causes = self._progress.causes
        causes.pop(node, None)
        causes[node] = cause
        if len(causes) > MAX_CAUSES:
            del causes[next(iter(causes))]

    def _warn(self, effect: effects.Paused | effects.Quarantined) -> None:
        match effect:
            case effects.Paused(seconds):
                log.warning(
                    "process_was_paused",
                    node=self.me,
                    seconds=round(seconds, 1),
                    words=f"this process was paused {seconds:.0f} s; "
                    "peers may have dropped us",
                )
            case effects.Quarantined(node, seconds, faults, reason):
                log.warning(
                    "peer_quarantined",
                    node=self.me,
                    peer=node,
                    words=f"quarantined: node {node} for {seconds:g} s "
                    f"after {faults} faults ({reason})",
                )

    def _publish(self) -> None:
        self._changed = False
        linked = {node.name: node for node in self.by_node}
        hidden = {peer.node for peer in self._mesh.peers() if peer.hidden}
        visible = sum(node not in hidden for node in self.by_node)
        self._progress.note(lambda p: p.link(linked, visible))
