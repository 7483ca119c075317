"""Who is my peer, in which state, and over which one link.

States of a peer: UP -> SUSPECT when its link is lost -> UP when the same incarnation
is linked again, or DOWN: at once on BYE, on a redial refused by its own address or
when another incarnation answers, otherwise when the grace is over.

One link per peer. Of two dials that cross, the smaller name's wins, judged by both
ends alike. A live name is never stolen; a dead one is free when its link is gone.
"""

from collections.abc import Callable

from transport._core import effects, gossip, messages
from transport._core.addresses import diallable
from transport._core.effects import Effect
from transport._core.identity import NodeId
from transport._core.messages import Message
from transport._core.peers import Peer, Settings, State
from transport._core.routes import Route, Routes

__all__ = ["Mesh", "Peer", "Settings", "State"]

_REMEMBER_DOWN = 600.0
_PARTED = "disconnected"
# A process that is killed loses its connections before its listener, some milliseconds
# in which the kernel accepts a dial and then resets it. After that it is refused.
_DYING = 0.1


class Mesh:
    """The peers of one node. Single-threaded; `jitter` returns numbers from 0 to 1."""

    def __init__(
        self, settings: Settings, now: float, jitter: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._routes = Routes(settings.address, jitter)
        self._peers: dict[str, Peer] = {}
        self._linked: dict[int, Peer] = {}
        self._last_tick = now
        self._next_beat = now + settings.heartbeat
        self._next_reminder = now + gossip.REMIND_EVERY
        self._ever_linked = False
        self._name_refused_at: float | None = None
        self._stopped = False
        self._out: list[Effect] = []
        self._handlers: dict[type, Callable[..., None]] = {
            messages.Join: self._on_join,
            messages.Disconnect: self._on_disconnect,
            messages.Stop: self._on_stop,
            messages.DialFailed: self._on_dial_failed,
            messages.DialRejected: self._on_dial_rejected,
            messages.Met: self._on_met,
            messages.Answered: self._on_answered,
            messages.Asked: self._on_asked,
            messages.Lost: self._on_lost,
            messages.GotBye: self._on_bye,
            messages.GotPeers: self._on_peers,
            messages.Tick: self._on_tick,
        }

    def step(self, message: Message, now: float) -> list[Effect]:
        """Apply one message; return what the world must now do, in order."""
        self._handlers[type(message)](message, now)
        if not self._stopped:
            self._dial(now)
        out, self._out = self._out, []
        return out

    def heard(self, token: int, now: float) -> None:
        """Renew a peer's lease: any bytes came over its link. Cheap."""
        peer = self._linked.get(token)
        if peer is not None:
            peer.heard_at = now
            peer.probe_ends = None

    def peers(self) -> list[Peer]:
        """Return all known peers, also lost ones. Not to be changed."""
        return list(self._peers.values())

    def peer(self, name: str) -> Peer | None:
        """Return what is known of a name."""
        return self._peers.get(name)

    def looking(self) -> bool:
        """Tell whether there are addresses that nobody has been sought at yet."""
        if self._stopped or self._full():
            return False
        return not all(map(self._has_link, self._routes.untried()))

    def next_wake(self, now: float) -> float:
        """Return the seconds after which a Tick is useful; at most a quarter beat."""
        due = None if self._full() else self._routes.next_due(self._has_link)
        quarter = self._settings.heartbeat / 4
        return quarter if due is None else max(0.0, min(quarter, due - now))

    # -- dialling

    def _dial(self, now: float) -> None:
        if self._full():
            return
        for route in self._routes.due(now):
            if not self._has_link(route):
                route.dialling = True
                self._out.append(effects.Dial(route.address))

    def _full(self) -> bool:
        return len(self._linked) >= self._settings.max_links

    def _has_link(self, route: Route) -> bool:
        peer = self._peers.get(route.name or "")
        if peer is not None and peer.token is not None:
            return True
        return any(route.address == peer.address for peer in self._linked.values())

    def _on_join(self, message: messages.Join, now: float) -> None:
        known = self._routes.get(message.address) is not None
        self._routes.add(message.address, now, configured=message.lasting)
        if message.lasting or not known:
            self._routes.hurry("", message.address, now)

    def _on_dial_failed(self, message: messages.DialFailed, now: float) -> None:
        self._routes.failed(message.address, now)
        for peer in list(self._peers.values()):
            if peer.state is not State.SUSPECT or peer.address != message.address:
                continue
            if message.refused:
                self._down(peer, f"{peer.cause}, then {message.text}", now)
            elif now - peer.since < _DYING:
                self._routes.retry(message.address, now + _DYING / 20)

    def _on_dial_rejected(self, message: messages.DialRejected, now: float) -> None:
        # Of dials that cross, the other one goes on.
        self._routes.failed(message.address, now, tried=message.code != "race")
        route = self._routes.get(message.address)
        if message.code == "self" and route is not None:
            route.is_self = True
        if message.code == "name_in_use" and not self._ever_linked:
            self._name_refused(message.text, now)

    def _name_refused(self, text: str, now: float) -> None:
        # The holder of the name is being probed meanwhile; it has one heartbeat.
        if self._name_refused_at is None:
            self._name_refused_at = now
        elif now - self._name_refused_at >= 2 * self._settings.heartbeat:
            self._out.append(effects.NameInUse(text))

    def _on_met(self, message: messages.Met, now: float) -> None:
        token, node = message.token, message.node
        route = self._routes.get(message.address)
        if route is not None:
            route.name = node.name
        peer = self._peers.get(node.name)
        if peer is None:
            self._out.append(effects.Proceed(token, 0))
        elif peer.barred(node, now):
            self._routes.failed(message.address, now)
            self._out.append(effects.Close(token, "quarantined"))
        elif peer.token is None:
            if peer.node != node and peer.state is State.SUSPECT:
                self._down(peer, "another incarnation answers", now)
            prev_token = peer.last_token if peer.node == node else 0
            self._out.append(effects.Proceed(token, prev_token))
        elif peer.node == node:
            self._routes.ended(message.address, now)
            self._out.append(effects.Close(token, "already linked"))
        else:
            self._routes.failed(message.address, now)
            self._contested(peer, token, now)

    def _on_answered(self, message: messages.Answered, now: float) -> None:
        self._routes.ended(message.dialled, now)
        peer = self._peers.get(message.node.name)
        if peer is not None and peer.token is not None:
            if peer.node != message.node:
                self._contested(peer, message.token, now)
                return
            if peer.dialled_here or self._settings.me.name > peer.node.name:
                self._out.append(effects.Close(message.token, "simultaneous dial"))
                return
            self._drop(peer, "simultaneous dial", now)
        self._link(message, now, dialled_here=True)

    def _contested(self, peer: Peer, token: int, now: float) -> None:
        """Two lives of one name: keep the linked one, and ask it whether it lives."""
        self._out.append(effects.Close(token, "name in use"))
        self._probe(peer, now)

    def _probe(self, peer: Peer, now: float) -> None:
        if peer.probe_ends is None and peer.token is not None:
            peer.probe_ends = now + self._settings.heartbeat
            self._out.append(effects.Probe(peer.token))

    # -- being dialled

    def _on_asked(self, message: messages.Asked, now: float) -> None:
        refusal = self._refusal(message, now)
        if refusal is not None:
            code, text = refusal
            self._out.append(effects.Reject(message.token, code, text))
            return
        peer = self._peers.get(message.node.name)
        if peer is not None and peer.token is not None:
            self._drop(peer, "replaced by a new link", now)
        elif peer is not None and peer.node != message.node:
            self._down(peer, "another incarnation answers", now)
        self._out.append(effects.Accept(message.token))
        self._link(message, now, dialled_here=False)

    def _refusal(self, message: messages.Asked, now: float) -> tuple[str, str] | None:
        me, node = self._settings.me, message.node
        peer = self._peers.get(node.name)
        if self._stopped:
            return "stopping", f"{me.name} is stopping"
        if node.name == me.name:
            return "name_in_use", _in_use(me)
        if peer is not None and peer.token is not None:
            return self._linked_refusal(peer, message, now)
        if peer is not None and peer.barred(node, now):
            wait = peer.record.until - now
            return "quarantined", f"{node.name} is quarantined for {wait:.0f} s"
        return self._newcomer_refusal(message)

    def _newcomer_refusal(self, message: messages.Asked) -> tuple[str, str] | None:
        me, node = self._settings.me, message.node
        if me.name < node.name and self._routes.dialling(node.name, message.address):
            return "race", f"{me.name} is dialling {node.name}"
        if self._full():
            return "full", f"{me.name} has {len(self._linked)} links"
        return None

    def _linked_refusal(
        self, peer: Peer, message: messages.Asked, now: float
    ) -> tuple[str, str] | None:
        if peer.node != message.node:
            self._probe(peer, now)
            return "name_in_use", _in_use(peer.node)
        if message.prev_token == peer.token:
            return None
        return "already_linked", f"{message.node.name} is linked already"

    # -- links

    def _link(
        self,
        message: messages.Asked | messages.Answered,
        now: float,
        *,
        dialled_here: bool,
    ) -> None:
        node, token = message.node, message.token
        peer = self._peers.get(node.name)
        if peer is None or peer.node != node:
            peer = Peer(node, message.address, message.hidden, State.DOWN, now)
            self._peers[node.name] = peer
        came = peer.state is State.DOWN
        if peer.state is not State.UP:
            peer.state, peer.since = State.UP, now
        peer.token = peer.last_token = token
        peer.address, peer.hidden = message.address, message.hidden
        peer.lease = max(self._settings.lease, message.lease)
        peer.heard_at, peer.probe_ends = now, None
        peer.dialled_here, peer.parted = dialled_here, False
        self._linked[token] = peer
        self._ever_linked = True
        if not peer.hidden:
            # Who hides comes by itself, or not at all.
            self._routes.learn(node.name, message.address, now)
        self._out.append(effects.LinkUp(token, node))
        if came:
            # Behind the link: who hears of a node may speak to it at once.
            self._out.append(effects.PeerUp(node, message.hidden))
        self._out.extend(gossip.introduce(peer, self._linked.values()))

    def _unlink(self, peer: Peer, reason: str, now: float) -> int:
        assert peer.token is not None
        token, peer.token = peer.token, None
        del self._linked[token]
        peer.state, peer.cause, peer.since = State.SUSPECT, reason, now
        peer.grace_ends = now + self._settings.grace
        self._out.append(effects.LinkDown(token, peer.node, reason))
        self._routes.hurry(peer.node.name, peer.address, now)
        return token

    def _drop(self, peer: Peer, reason: str, now: float) -> None:
        token = self._unlink(peer, reason, now)
        self._out.append(effects.Close(token, reason))

    def _down(self, peer: Peer, cause: str, now: float) -> None:
        if peer.state is State.DOWN:
            return
        peer.state, peer.cause, peer.since = State.DOWN, cause, now
        self._out.append(effects.PeerDown(peer.node, cause, peer.hidden))

    def _on_lost(self, message: messages.Lost, now: float) -> None:
        peer = self._linked.get(message.token)
        if peer is None:
            return
        self._unlink(peer, message.reason, now)
        seconds = peer.record.fault(now) if message.fault else 0.0
        if seconds:
            self._routes.defer(peer.node.name, peer.address, peer.record.until)
            faults, reason = peer.record.faults, message.reason
            self._out.append(effects.Quarantined(peer.node, seconds, faults, reason))

    def _on_bye(self, message: messages.GotBye, now: float) -> None:
        peer = self._linked.get(message.token)
        if peer is None:
            return
        self._drop(peer, message.text, now)
        self._routes.forget(peer.node.name, peer.address, configured=False)
        peer.parted = message.text == _PARTED
        self._down(peer, message.text, now)

    def _on_peers(self, message: messages.GotPeers, now: float) -> None:
        if self._settings.hidden or message.token not in self._linked:
            return
        for name, address in message.hints:
            peer = self._peers.get(name)
            parted = peer is not None and peer.parted
            if name != self._settings.me.name and diallable(address) and not parted:
                self._routes.learn(name, address, now)

    def _on_disconnect(self, message: messages.Disconnect, now: float) -> None:
        peer = self._peers.get(message.name)
        if peer is not None:
            self._routes.forget(message.name, peer.address, configured=True)
            self._leave(peer, _PARTED, now)
            peer.parted = True

    def _on_stop(self, message: messages.Stop, now: float) -> None:
        self._stopped = True
        for peer in list(self._peers.values()):
            self._leave(peer, message.text, now)

    def _leave(self, peer: Peer, text: str, now: float) -> None:
        if peer.token is not None:
            self._out.append(effects.SayBye(peer.token, text))
            self._drop(peer, text, now)
        self._down(peer, text, now)

    # -- time

    def _on_tick(self, _message: messages.Tick, now: float) -> None:
        late = now - self._last_tick - self._settings.heartbeat
        self._last_tick = now
        if late > self._settings.heartbeat:
            self._credit(late)
        else:
            self._judge(now)
        if now >= self._next_beat:
            self._next_beat = now + self._settings.heartbeat
            self._out.extend(effects.Beat(token) for token in self._linked)
        if now >= self._next_reminder:
            self._next_reminder = now + gossip.REMIND_EVERY
            self._out.extend(gossip.remind(self._linked.values()))

    def _credit(self, late: float) -> None:
        """After a pause nobody is judged: what we did not hear says nothing."""
        for peer in self._peers.values():
            peer.heard_at += late
            peer.grace_ends += late
            if peer.probe_ends is not None:
                peer.probe_ends += late
        self._out.append(effects.Paused(late))

    def _judge(self, now: float) -> None:
        for peer in list(self._peers.values()):
            if peer.state is State.UP:
                self._judge_linked(peer, now)
            elif peer.state is State.SUSPECT and now >= peer.grace_ends:
                self._down(peer, peer.cause, now)
            elif peer.state is State.DOWN and self._forgettable(peer, now):
                del self._peers[peer.node.name]

    def _forgettable(self, peer: Peer, now: float) -> bool:
        if peer.hidden:
            return not peer.barred(peer.node, now)
        return not peer.parted and now - peer.since > _REMEMBER_DOWN

    def _judge_linked(self, peer: Peer, now: float) -> None:
        if now - peer.heard_at > peer.lease:
            self._drop(peer, f"no sign of life for {peer.lease:g} s", now)
        elif peer.probe_ends is not None and now > peer.probe_ends:
            self._drop(peer, "no answer to a ping", now)


def _in_use(holder: NodeId) -> str:
    return (
        f"a live node named {holder.name!r} already exists "
        f"(incarnation {holder.incarnation.hex()[:8]}). Give this one another name="
    )
