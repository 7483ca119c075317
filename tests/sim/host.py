"""One simulated node: the real mesh, sessions, directory and shards, no thread.

What the shell does with threads and sockets is done here with a queue per shard that
is drained after a random delay.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from group._core import messages as wire
from group._core import requests as ask
from group._core.conflict import constant_rank
from group._core.directory import Directory
from group._core.effects import (
    Cut,
    Effect,
    Evict,
    Notify,
    Report,
    Send,
    Settled,
    ToShards,
    Watch,
)
from group._core.events import Entry, Event
from group._core.keys import ALL
from group._core.narrate import Narrator
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from tests.sim.network import End
from transport import NodeId
from transport._core import control
from transport._core import effects as mesh_effects
from transport._core import messages as mesh_messages
from transport._core.control import Beat, Bye, Peers, Ping, Pong, Ready
from transport._core.frames import Frame, Kind
from transport._core.handshake import Credentials
from transport._core.mesh import Mesh, Settings
from transport._core.session import Asked, Failed, Opened, Proven, Session, Told

if TYPE_CHECKING:
    from tests.sim.world import World

SHARDS = 2
LOG_SIZE = 8
HEARTBEAT, LEASE, GRACE = 1.0, 5.0, 2.0
CLUSTERS = ("", "red")


class Host:
    """A node of the simulated world, one incarnation of it."""

    def __init__(self, world: "World", name: str, incarnation: bytes) -> None:
        self.world = world
        self.name = name
        self.address = f"{name}:1"
        self.node = NodeId(name, incarnation)
        self.alive = True
        self.paused: list[tuple[Callable[..., None], tuple[Any, ...]]] | None = None
        self.skew = 0.0
        self.mesh = Mesh(
            Settings(self.node, self.address, HEARTBEAT, LEASE, GRACE),
            world.now,
            world.random.random,
        )
        self.directory = Directory(self.node)
        self.views: dict[str, View] = {}
        self.condemned: set[int] = set()
        self.tables = [
            Tables(self.node, (index, SHARDS), self.views, constant_rank)
            for index in range(SHARDS)
        ]
        self.narrator = Narrator("sim", self.realise)
        self.shards = [self.new_shard(index) for index in range(SHARDS)]
        self.inbox: list[deque[object]] = [deque() for _ in range(SHARDS)]
        self.ends: dict[int, End] = {}
        self.actors: set[int] = set()
        self.next_actor = 1
        self.watching: dict[int, set[int]] = {}
        self.closing: dict[tuple[str, ...], int] = {}
        self.story: dict[str, list[Event]] = {cluster: [] for cluster in CLUSTERS}
        self.folded: dict[str, tuple[dict[str, Any], dict[Any, Any]]] = {
            cluster: ({}, {}) for cluster in CLUSTERS
        }
        # Claims by key that this host has ever seen, and which of them each of its
        # own claims came after.
        self.seen: dict[tuple[str, str], set[tuple[Any, ...]]] = {}
        self.after: dict[tuple[int, str, str], frozenset[tuple[Any, ...]]] = {}
        self.settled: set[int] = set()
        self.stats: dict[str, int] = {}

    def new_shard(self, index: int) -> Shard:
        return Shard(self.tables[index], self.narrator, self.condemned, LOG_SIZE)

    @staticmethod
    def realise(row: Row) -> Entry:
        actor: Any = (row.origin, row.n)
        return Entry(actor, {"meta": row.meta})

    def start(self, peers: list[str]) -> None:
        """Open the default cluster, watch everything, dial everybody."""
        for index in range(SHARDS):
            for cluster in CLUSTERS:
                self.turn(index, ask.Subscribe(cluster, cluster, ALL))
        self.request(ask.Connect(("",)))
        for peer in peers:
            self.mesh_step(mesh_messages.Join(f"{peer}:1"))
        self.world.at(self.world.now + self.world.random.random(), self.tick)
        self.world.at(self.world.now + 0.1, self.mesh_tick)

    # Time, and being stopped

    def when_running(self, action: Callable[..., None], *args: Any) -> None:
        """Do something now; later if the process is stopped; never if it is dead."""
        if not self.alive:
            return
        if self.paused is not None:
            self.paused.append((action, args))
            return
        action(*args)

    def wall(self) -> int:
        return int((1_000_000 + self.world.now + self.skew) * 1000)

    def tick(self) -> None:
        if self.alive:
            self.world.at(self.world.now + HEARTBEAT, self.tick)
            self.when_running(self.post_all, ask.Tick())

    def mesh_tick(self) -> None:
        if self.alive:
            wait = 0.25 * HEARTBEAT
            self.world.at(self.world.now + wait, self.mesh_tick)
            if self.paused is None:
                self.mesh_step(mesh_messages.Tick())

    # The mesh

    def mesh_step(self, message: mesh_messages.Message) -> None:
        for effect in self.mesh.step(message, self.world.now):
            self.run_mesh(effect)

    def run_mesh(self, effect: mesh_effects.Effect) -> None:
        match effect:
            case mesh_effects.Dial(address):
                self.world.dial(self, address)
            case mesh_effects.Proceed(token, prev_token):
                end = self.ends[token]
                end.session.ready(prev_token)
                end.send(end.session.take())
            case mesh_effects.Accept(token):
                end = self.ends[token]
                end.session.accept()
                end.send(end.session.take())
            case mesh_effects.Reject(token, code, text):
                end = self.ends.pop(token)
                end.session.reject(code, text)
                end.send(end.session.take())
                end.close()
            case mesh_effects.Close(token):
                end = self.ends.pop(token)
                end.close()
            case mesh_effects.Beat(token):
                self.say(token, Beat(self.wall()))
            case mesh_effects.Probe(token):
                self.say(token, Ping(1))
            case mesh_effects.SendPeers(token, hints):
                self.say(token, Peers(hints))
            case mesh_effects.LinkUp(token, node):
                self.route(ask.LinkUp(token, node))
            case mesh_effects.LinkDown(token):
                self.route(ask.LinkDown(token))
            case mesh_effects.PeerDown(node, cause):
                self.route(ask.PeerDown(node, cause))
            case mesh_effects.Paused():
                self.count("pause_credits")
            case mesh_effects.PeerUp() | mesh_effects.SayBye():
                pass
            case mesh_effects.NameInUse():
                self.count("name_in_use")

    def say(self, token: int, message: Any) -> None:
        self.frame(token, Kind.CONTROL, control.encode(message))

    def frame(self, token: int, kind: Kind, body: bytes) -> None:
        end = self.ends.get(token)
        if end is not None and not end.closed:
            end.send(end.session.frame(kind, body))

    # Connections

    def session(self, *, dialler: bool) -> Session:
        cookies = (b"k" * 32,) if self.world.sealed else ()
        return Session(
            Credentials(self.node, "sim", cookies),
            Ready(1, 1000, 5000, 0, self.address, self.wall(), False, True, "0"),
            self.world.random.randbytes(32),
            dialler=dialler,
        )

    def receive(self, end: End, data: bytes) -> None:
        """Take bytes from the network."""
        if end.closed:
            return
        for event in end.session.receive(data):
            self.session_event(end, event)
            if end.closed:
                return
        end.send(end.session.take())
        if end.token:
            self.mesh.heard(end.token, self.world.now)

    def session_event(self, end: End, event: object) -> None:
        match event:
            case Proven(node, token):
                end.token, end.node = token, node
                self.ends[token] = end
                self.mesh_step(mesh_messages.Met(token, end.dialled, node))
            case Asked(node, token, ready):
                end.token, end.node = token, node
                self.ends[token] = end
                self.mesh_step(
                    mesh_messages.Asked(
                        token, node, ready.advertise, ready.hidden, ready.prev_token
                    )
                )
            case Opened(node, token, ready):
                self.mesh_step(
                    mesh_messages.Answered(
                        token, end.dialled, node, ready.advertise, ready.hidden
                    )
                )
            case Told(message):
                self.told(end, message)
            case Frame(Kind.CHANNEL, body):
                self.route(ask.Frame(end.token, wire.decode(body)))
            case Failed(error):
                self.failed(end, error)

    def told(self, end: End, message: object) -> None:
        match message:
            case Peers(hints):
                self.mesh_step(mesh_messages.GotPeers(end.token, hints))
            case Bye(text):
                self.mesh_step(mesh_messages.GotBye(end.token, text))
            case Ping(number):
                self.say(end.token, Pong(number))

    def failed(self, end: End, error: Exception) -> None:
        reason = getattr(error, "reason", "")
        if self.ends.get(end.token) is end and end.session.open:
            self.world.problem(f"{self.name} lost a link to {error}")
        end.send(end.session.take())
        end.closed = True
        self.world.at(self.world.now + self.world.latency() * 2, end.other.end_of_file)
        self.ends.pop(end.token, None)
        if end.dialled:
            self.mesh_step(mesh_messages.DialRejected(end.dialled, reason, str(error)))
        self.count(f"rejected_{reason}")

    def lost(self, end: End, reason: str) -> None:
        """A connection ended by itself."""
        was_open = end.session.open and self.ends.get(end.token) is end
        if self.ends.get(end.token) is end:
            del self.ends[end.token]
        if was_open:
            self.mesh_step(mesh_messages.Lost(end.token, reason))
        elif end.dialled:
            self.mesh_step(mesh_messages.DialFailed(end.dialled, reason))

    def late(self, end: End, data: bytes) -> None:
        """Frames of a link that is gone reach the cores."""
        if not self.alive or not end.session.open:
            return
        for event in end.session.receive(data):
            if isinstance(event, Frame) and event.kind is Kind.CHANNEL:
                self.count("late_sent")
                self.when_running(
                    self.route, ask.Frame(end.token, wire.decode(event.body))
                )

    # The group

    def route(self, message: object) -> None:
        """Hand what came over a link to the directory, or to the shard it is for."""
        if isinstance(message, ask.Frame) and not isinstance(
            message.message, wire.Catalogue | wire.Joined | wire.Left
        ):
            self.post(message.message.shard, message)
        else:
            self.request(message)

    def request(self, message: object) -> object:
        """Run a turn of the directory."""
        answer = None
        for effect in self.directory.step(message):
            match effect:
                case ToShards(request):
                    self.post_all(request)
                case Send(tokens, sent):
                    self.send(tokens, sent)
                case Cut(token, why):
                    self.world.problem(f"{self.name} cut {token}: {why}")
                case _:
                    answer = effect.answer if hasattr(effect, "answer") else None
        return answer

    def connect(self, cluster: str) -> None:
        self.request(ask.Connect((cluster,)))

    def disconnect(self, cluster: str) -> None:
        """Leave a cluster; what follows happens when every shard has closed it."""
        if cluster in self.directory.own and cluster not in self.directory.closing:
            self.closing[(cluster,)] = SHARDS
            self.request(ask.Disconnect((cluster,)))

    def closed_one(self, cluster: str) -> None:
        self.closing[(cluster,)] -= 1
        if not self.closing[(cluster,)]:
            del self.closing[(cluster,)]
            self.request(ask.Closed((cluster,)))

    def post_all(self, message: object) -> None:
        for index in range(SHARDS):
            self.post(index, message)

    def post(self, index: int, message: object, *, inline: bool = True) -> None:
        """Put a message into a shard's queue, or run it if the shard is idle."""
        if inline and not self.inbox[index] and self.world.random.random() < 0.5:
            self.turn(index, message)
            return
        self.inbox[index].append(message)
        delay = self.world.random.choice((0.0, 0.001, 0.02))
        self.world.at(self.world.now + delay, self.when_running, self.drain, index)

    def drain(self, index: int) -> None:
        while self.inbox[index]:
            self.turn(index, self.inbox[index].popleft())

    def call(self, index: int, message: object) -> object:
        """Run a local request: after what waits already, like a caller would."""
        self.drain(index)
        return self.turn(index, message)

    def turn(self, index: int, message: object) -> object:
        """Run one turn of a shard and carry out its effects."""
        shard = self.shards[index]
        effects = shard.step(message, self.world.now, self.wall())
        answer = None
        for effect in effects:
            if type(effect).__name__ == "Reply":
                answer = effect.answer  # type: ignore[union-attr]
            else:
                self.run(index, effect)
        self.world.after_turn(self, index)
        if isinstance(message, ask.CloseCluster):
            self.closed_one(message.cluster)
        return answer

    def run(self, index: int, effect: Effect) -> None:
        match effect:
            case Send(tokens, message):
                self.send(tokens, message)
            case Watch(n):
                self.watching.setdefault(n, set()).add(index)
                if n not in self.actors:
                    self.post(index, ask.ActorDown(n, "gone"), inline=False)
            case Notify(cluster, events):
                self.story[str(cluster)] += events
            case Evict():
                self.world.evicted(self, effect)
            case Settled(number):
                self.settled.add(number)
            case Cut(token, why):
                self.world.problem(f"{self.name} cut {token}: {why}")
            case Report(level, event, fields):
                if level == "error":
                    self.world.problem(f"{self.name} {event} {fields}")

    def send(self, tokens: tuple[int, ...], message: wire.Message) -> None:
        body = wire.encode(message)
        for token in tokens:
            self.frame(token, Kind.CHANNEL, body)
            if self.world.random.random() < self.world.block_rate:
                self.block(token)

    def block(self, token: int) -> None:
        """The link is full for a while."""
        self.count("blocked")
        # The shell tells a shard within the turn that has filled the link; here the
        # others hear of it as well, later, which they must bear.
        for index in range(SHARDS):
            self.post(index, ask.Blocked(token), inline=False)
        self.world.at(
            self.world.now + self.world.random.random() * 0.5,
            self.when_running,
            self.post_all,
            ask.Writable(token),
        )

    # Actors

    def spawn(self) -> int:
        n = self.next_actor
        self.next_actor += 1
        self.actors.add(n)
        return n

    def end_actor(self, n: int, reason: object) -> None:
        """An actor of this node dies: each shard that watches it hears of it."""
        if n in self.actors:
            self.actors.discard(n)
            for index in self.watching.pop(n, ()):
                self.post(index, ask.ActorDown(n, reason))

    def count(self, what: str) -> None:
        self.stats[what] = self.stats.get(what, 0) + 1
