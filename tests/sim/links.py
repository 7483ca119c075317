"""The connections of one host, run as the real mesh decides. Real sessions, no socket.

What a node's I/O thread does with sockets is done here with `End`s.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from group._core import messages as wire
from group._core import requests as ask
from tests.sim.network import End
from tests.sim.profiles import GRACE, HEARTBEAT, LEASE
from transport._core import control, effects, messages, session
from transport._core.frames import Frame, Kind
from transport._core.handshake import Credentials
from transport._core.mesh import Mesh, Settings

if TYPE_CHECKING:
    from tests.sim.host import Host

COOKIE = b"k" * 32


class Links:
    """The mesh of one host and the ends of its connections."""

    def __init__(self, host: "Host") -> None:
        self.host = host
        self.world = host.world
        settings = Settings(host.node, host.address, HEARTBEAT, LEASE, GRACE)
        self.mesh = Mesh(settings, self.world.now, self.world.random.random)
        self.ends: dict[int, End] = {}
        self._run: dict[type, Callable[..., None]] = {
            effects.Dial: self._dial,
            effects.Proceed: self._proceed,
            effects.Accept: self._accept,
            effects.Reject: self._reject,
            effects.Close: self._close,
            effects.Beat: self._beat,
            effects.Probe: self._probe,
            effects.SendPeers: self._send_peers,
            effects.LinkUp: self._link_up,
            effects.LinkDown: self._link_down,
            effects.PeerDown: self._peer_down,
            effects.Paused: lambda effect: host.count("pause_credits"),
            effects.NameInUse: lambda effect: host.count("name_in_use"),
            effects.PeerUp: lambda effect: None,
        }
        self._events: dict[type, Callable[..., None]] = {
            session.Proven: self._proven,
            session.Asked: self._asked,
            session.Opened: self._opened,
            session.Told: self._told,
            session.Failed: self._failed,
            Frame: self._frame,
        }

    def step(self, message: messages.Message) -> None:
        """Run a turn of the mesh."""
        for effect in self.mesh.step(message, self.world.now):
            self._run[type(effect)](effect)

    def linked_to(self, other: "Host") -> bool:
        """Tell whether this host believes in a link that both ends have."""
        peer = self.mesh.peer(other.name)
        if peer is None or peer.token is None or peer.node != other.node:
            return False
        end = self.ends.get(peer.token)
        return end is not None and not (end.closed or end.broken)

    # What the mesh wants

    def _dial(self, effect: effects.Dial) -> None:
        self.world.network.dial(self.host, effect.address)

    def _proceed(self, effect: effects.Proceed) -> None:
        end = self.ends[effect.token]
        end.session.ready(effect.prev_token)
        end.send(end.session.take())

    def _accept(self, effect: effects.Accept) -> None:
        end = self.ends[effect.token]
        end.session.accept()
        end.send(end.session.take())

    def _reject(self, effect: effects.Reject) -> None:
        end = self.ends.pop(effect.token)
        end.session.reject(effect.code, effect.text)
        end.send(end.session.take())
        end.close()

    def _close(self, effect: effects.Close) -> None:
        self.ends.pop(effect.token).close()

    def _beat(self, effect: effects.Beat) -> None:
        self._say(effect.token, control.Beat(self.host.wall()))

    def _probe(self, effect: effects.Probe) -> None:
        self._say(effect.token, control.Ping(1))

    def _send_peers(self, effect: effects.SendPeers) -> None:
        self._say(effect.token, control.Peers(effect.hints))

    def _link_up(self, effect: effects.LinkUp) -> None:
        self.host.replica.route(ask.LinkUp(effect.token, effect.node))

    def _link_down(self, effect: effects.LinkDown) -> None:
        self.host.replica.route(ask.LinkDown(effect.token))

    def _peer_down(self, effect: effects.PeerDown) -> None:
        self.host.replica.route(ask.PeerDown(effect.node, effect.cause))

    # Writing

    def _say(self, token: int, message: control.Control) -> None:
        self.write(token, Kind.CONTROL, control.encode(message))

    def write(self, token: int, kind: Kind, body: bytes) -> None:
        """Write a frame, unless the link is gone."""
        end = self.ends.get(token)
        if end is not None and not end.closed:
            end.send(end.session.frame(kind, body))

    def cut(self, token: int, why: str) -> None:
        """Close a link whose peer has broken the protocol."""
        end = self.ends.pop(token, None)
        if end is not None:
            end.close()
            self.step(messages.Lost(token, why))

    # Reading

    def begin(self, *, dialler: bool) -> session.Session:
        """Begin a connection."""
        host = self.host
        cookies = (COOKIE,) if self.world.profile.sealed else ()
        ready = control.Ready(
            codec=1,
            heartbeat_ms=int(HEARTBEAT * 1000),
            lease_ms=int(LEASE * 1000),
            prev_token=0,
            advertise=host.address,
            wall_ms=host.wall(),
            hidden=False,
            pickle=True,
            version="0",
        )
        nonce = self.world.random.randbytes(32)
        credentials = Credentials(host.node, "sim", cookies)
        return session.Session(credentials, ready, nonce, dialler=dialler)

    def receive(self, end: End, data: bytes) -> None:
        """Take bytes from the network."""
        if end.closed:
            return
        for event in end.session.receive(data):
            self._events[type(event)](end, event)
            if end.closed:
                return
        answer = end.session.take()
        if answer:
            end.send(answer)
        if end.token:
            self.mesh.heard(end.token, self.world.now)

    def late(self, end: End, data: bytes) -> None:
        """Frames of a link that is gone reach the cores."""
        if not self.host.alive or not end.session.open:
            return
        for event in end.session.receive(data):
            if isinstance(event, Frame) and event.kind is Kind.CHANNEL:
                self.host.count("late_delivered")
                self.host.when_running(self._frame, end, event)

    def lost(self, end: End, reason: str) -> None:
        """A connection ended by itself."""
        current = self.ends.get(end.token) is end
        if current:
            del self.ends[end.token]
        if current and end.session.open:
            self.step(messages.Lost(end.token, reason))
        elif end.dialled:
            self.step(messages.DialFailed(end.dialled, reason))

    def _proven(self, end: End, event: session.Proven) -> None:
        self._name(end, event)
        self.step(messages.Met(event.token, end.dialled, event.node))

    def _asked(self, end: End, event: session.Asked) -> None:
        self._name(end, event)
        ready = event.ready
        asked = messages.Asked(
            event.token, event.node, ready.advertise, ready.hidden, ready.prev_token
        )
        self.step(asked)

    def _name(self, end: End, event: session.Proven | session.Asked) -> None:
        end.token, end.node = event.token, event.node
        self.ends[event.token] = end

    def _opened(self, end: End, event: session.Opened) -> None:
        advertise, hidden = event.ready.advertise, event.ready.hidden
        answered = messages.Answered(
            event.token, end.dialled, event.node, advertise, hidden
        )
        self.step(answered)

    def _told(self, end: End, event: session.Told) -> None:
        message = event.message
        if isinstance(message, control.Peers):
            self.step(messages.GotPeers(end.token, message.hints))
        elif isinstance(message, control.Ping):
            self._say(end.token, control.Pong(message.id))

    def _frame(self, end: End, event: Frame) -> None:
        message = wire.decode(event.body)
        self.world.chaos.deliver(self.host, ask.Frame(end.token, message))

    def _failed(self, end: End, event: session.Failed) -> None:
        if self.ends.get(end.token) is end and end.session.open:
            self.world.problem(f"{self.host.name} lost a link to {event.error}")
        end.send(end.session.take())
        end.closed = True
        end.hang_up()
        self.ends.pop(end.token, None)
        reason = event.error.reason
        if end.dialled:
            rejected = messages.DialRejected(end.dialled, reason, str(event.error))
            self.step(rejected)
        self.host.count(f"rejected_{reason}")
