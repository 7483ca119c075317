"""A seeded world of some nodes that claim keys: the real cores, no thread, no clock.

One seed is one history: the same events in the same order, always. What the shell does
with threads and sockets is done here with a queue of events in virtual time. Links keep
the order of what they carry, and lose what is on the way when they break.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import NamedTuple, cast

from actors import AnyRef
from group._core import effects
from group._core import messages as wire
from group._core import requests as ask
from group._core.conflict import Rank
from group._core.directory import Directory
from group._core.events import Entry
from group._core.keys import DEFAULT
from group._core.narrate import Narrator
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from transport import NodeId

KEYS = ("key/1", "key/2")
SECONDS = 20.0
"""Of virtual time, with faults; what follows is calm."""
CALM = 15.0
"""Virtual seconds after which nothing changes any more, at the latest."""
HEARTBEAT, GRACE = 1.0, 2.0
EPOCH = 1_000_000.0
SKEW = 20.0
"""Seconds that the clock of a node may be off."""

OF_CATALOGUE = (wire.Catalogue, wire.Joined, wire.Left)


class BrokenError(Exception):
    """Something does not hold that must."""


class Claim(NamedTuple):
    """Whose claim of which key."""

    node: NodeId
    n: int
    key: str


class Line:
    """The connection between two nodes, while there is one."""

    def __init__(self, one: SimulatedNode, two: SimulatedNode, token: int) -> None:
        self.ends = (one, two)
        self.token = token
        self.open = True
        # When the last message to each end arrives: the next one not before.
        self.busy_until = dict.fromkeys((one.id, two.id), 0.0)

    def other(self, node: SimulatedNode) -> SimulatedNode:
        """Return the node at the other end."""
        one, two = self.ends
        return two if node is one else one


class SimulatedNode:
    """One life of a node: the real directory, and one real shard."""

    def __init__(self, world: World, name: str, rank: Rank) -> None:
        self.world = world
        self.id = NodeId(name, world.random.randbytes(16))
        self.alive = True
        self.skew = world.random.uniform(-SKEW, SKEW)
        self.directory = Directory(self.id)
        self.views: dict[str, View] = {}
        self.tables = Tables(self.id, (0, 1), self.views, rank)
        self.shard = Shard(self.tables, Narrator("simulation", _entry), set(), 8)
        self.lines: dict[int, Line] = {}
        self.watched: set[int] = set()
        self.actors = 0
        self.decide(ask.Connect((DEFAULT,)))

    def decide(self, message: object) -> None:
        """Run a turn of the directory."""
        for effect in self.directory.step(message):
            if isinstance(effect, effects.ToShards):
                self.turn(effect.request)
            elif isinstance(effect, effects.Send):
                self._send(effect)

    def turn(self, message: object) -> object:
        """Run a turn of the shard; return the answer."""
        answer: object = None
        wall = int((EPOCH + self.world.now + self.skew) * 1000)
        for effect in self.shard.step(message, self.world.now, wall):
            match effect:
                case effects.Reply():
                    answer = effect.answer
                case effects.Send():
                    self._send(effect)
                case effects.Watch(n):
                    self.watched.add(n)
                case effects.Evict():
                    self.world.evicted(self, effect)
                case effects.Cut(_, why):
                    raise BrokenError(f"{self.id.name} cut a link: {why}")
                case _:
                    pass
        return answer

    def _send(self, send: effects.Send) -> None:
        body = wire.encode(send.message)
        for token in send.tokens:
            if token in self.lines:
                self.world.carry(self.lines[token], self, body)

    def receive(self, line: Line, body: bytes) -> None:
        """Take what has come over a link that still holds."""
        if not self.alive or self.lines.get(line.token) is not line:
            return
        frame = ask.Frame(line.token, wire.decode(body))
        if isinstance(frame.message, OF_CATALOGUE):
            self.decide(frame)
        else:
            self.turn(frame)

    def end_actor(self, n: int, reason: object) -> None:
        """An actor of this node ends."""
        if self.alive and n in self.watched:
            self.watched.discard(n)
            self.turn(ask.ActorDown(n, reason))

    def linked(self) -> set[NodeId]:
        """Return the nodes that it has a link with."""
        return {line.other(self).id for line in self.lines.values()}

    def claims(self) -> dict[str, Row]:
        """Return the claims that this node holds for actors of its own."""
        rows = self.tables.lanes[DEFAULT].rows
        return {key: row for key, row in rows.items() if isinstance(key, str)}

    def owner(self, key: str) -> Row | None:
        """Return who has a key, as this node sees it."""
        return self.views[DEFAULT].registry.get(key)


class World:
    """One history.

    Args:
        seed: Decides everything.
        nodes: How many.
        rank: The order of claims.
        encoded: Makes the meta of a claim.
    """

    def __init__(
        self,
        seed: int,
        nodes: int,
        rank: Rank,
        encoded: Callable[[random.Random], bytes],
    ) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.made = self.lost = 0
        self._rank = rank
        self._encoded = encoded
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._claims: dict[Claim, Row] = {}
        self._ended: set[Claim] = set()
        self._faulty = True
        self.nodes = {
            name: SimulatedNode(self, name, rank)
            for name in [f"n{number}" for number in range(1, nodes + 1)]
        }

    def run(self) -> None:
        """Live through the history.

        Raises:
            BrokenError: Something did not hold; says what.
        """
        for one, two in combinations(self.nodes, 2):
            self._link(one, two)
        for name in self.nodes:
            self._later(self.random.uniform(0, HEARTBEAT), partial(self._tick, name))
        self._later(0.0, self._call)
        self._later(0.0, self._fault)
        self._later(SECONDS, self._heal)
        while self._events and self.now < SECONDS + CALM:
            self.now, _, happen = heapq.heappop(self._events)
            happen()
        self._check_agreement()

    def _later(self, seconds: float, happen: Callable[[], object]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + seconds, self._count, happen))

    # What happens

    def _tick(self, name: str) -> None:
        self.nodes[name].turn(ask.Tick())
        self._later(HEARTBEAT, partial(self._tick, name))

    def _call(self) -> None:
        """Somebody claims a key, gives one up, or ends."""
        if not self._faulty:
            return
        self._later(self.random.expovariate(4.0), self._call)
        node = self.nodes[self.random.choice(sorted(self.nodes))]
        held = node.claims()
        what = self.random.random()
        if what < 0.7 or not held:
            node.actors += 1
            self._claim(node, node.actors, self.random.choice(KEYS))
            return
        key = self.random.choice(sorted(held))
        if what < 0.8:
            self._claim(node, held[key].n, key)
        elif what < 0.9:
            node.turn(ask.Unregister(DEFAULT, key, self.now))
        else:
            node.end_actor(held[key].n, "normal")

    def _claim(self, node: SimulatedNode, n: int, key: str) -> None:
        meta = self._encoded(self.random)
        answer = node.turn(ask.Register(n, "Actor", DEFAULT, key, meta, self.now))
        if answer == ask.DONE:
            self.made += 1
            self._claims[Claim(node.id, n, key)] = node.claims()[key]

    def _fault(self) -> None:
        """Cut nodes off from others for a while, or kill one."""
        if not self._faulty:
            return
        self._later(self.random.uniform(1.0, 6.0), self._fault)
        names = sorted(self.nodes)
        if self.random.random() < 0.15:
            self._restart(self.random.choice(names))
            return
        side = set(self.random.sample(names, self.random.randint(1, len(names) - 1)))
        lasts = self.random.choice((0.3, 1.0, 4.0, 6.0))
        for one, two in combinations(names, 2):
            if (one in side) != (two in side):
                self._part(one, two)
                self._later(lasts, partial(self._link, one, two))

    def _restart(self, name: str) -> None:
        for other in self.nodes:
            if other != name:
                self._part(name, other)
                self._give_up(self.nodes[other], self.nodes[name].id)
        self.nodes[name].alive = False
        self.nodes[name] = SimulatedNode(self, name, self._rank)
        for other in self.nodes:
            if other != name:
                self._link(name, other)

    def _heal(self) -> None:
        self._faulty = False
        for one, two in combinations(self.nodes, 2):
            self._link(one, two)

    # Links

    def _line(self, one: str, two: str) -> Line | None:
        first, second = self.nodes[one], self.nodes[two]
        lines = first.lines.values()
        return next((line for line in lines if line.other(first) is second), None)

    def _link(self, one: str, two: str) -> None:
        if self._line(one, two) is not None:
            return
        self._count += 1
        line = Line(self.nodes[one], self.nodes[two], self._count)
        for node in line.ends:
            node.lines[line.token] = line
        for node in line.ends:
            node.decide(ask.LinkUp(line.token, line.other(node).id))

    def _part(self, one: str, two: str) -> None:
        line = self._line(one, two)
        if line is None:
            return
        line.open = False
        for node in line.ends:
            del node.lines[line.token]
            node.decide(ask.LinkDown(line.token))
            lost = line.other(node).id
            self._later(GRACE, partial(self._lost, node, lost))

    def _lost(self, node: SimulatedNode, peer: NodeId) -> None:
        """Give a peer up, unless it has come back."""
        if node.alive and peer not in node.linked():
            self._give_up(node, peer)

    def _give_up(self, node: SimulatedNode, peer: NodeId) -> None:
        node.decide(ask.PeerDown(peer, "lost"))

    def carry(self, line: Line, sender: SimulatedNode, body: bytes) -> None:
        """Bring a message to the other end of a link, in its order."""
        receiver = line.other(sender)
        arrives = self.now + self.random.choice((0.001, 0.01, 0.2))
        arrives = max(arrives, line.busy_until[receiver.id])
        line.busy_until[receiver.id] = arrives
        self._later(arrives - self.now, partial(receiver.receive, line, body))

    # What must hold

    def evicted(self, node: SimulatedNode, evict: effects.Evict) -> None:
        """A claim has lost: by the rule, once, and on its own node."""
        self.lost += 1
        claim = Claim(node.id, evict.n, evict.key)
        loser, winner = self._claims[claim], evict.winner
        if claim in self._ended:
            raise BrokenError(f"{_words(loser, evict.key)} has lost the key twice")
        self._ended.add(claim)
        if self._order(evict.key, loser) >= self._order(evict.key, winner):
            raise BrokenError(
                f"{_words(loser, evict.key)} has lost to {_words(winner, evict.key)}, "
                "which does not rank above it"
            )
        self._later(0.1, partial(node.end_actor, evict.n, "conflict"))

    def _order(self, key: str, row: Row) -> tuple[object, int, NodeId, int]:
        return (self._rank(key, row), row.stamp, row.origin, row.n)

    def _check_agreement(self) -> None:
        """When all is calm, all nodes show the one claim that is left."""
        for key in KEYS:
            held = [
                node.claims()[key]
                for node in self.nodes.values()
                if key in node.claims()
            ]
            if len(held) > 1:
                raise BrokenError(
                    f"{key!r} is still claimed by {len(held)} actors when all nodes "
                    f"are linked again: {'; '.join(_words(row, key) for row in held)}"
                )
            for node in self.nodes.values():
                shown = node.owner(key)
                wanted = held[0] if held else None
                if _of(shown) != _of(wanted):
                    raise BrokenError(
                        f"{node.id.name} shows {_words(shown, key)} as owner, "
                        f"but it is {_words(wanted, key)}"
                    )


def _of(row: Row | None) -> tuple[NodeId, int, int] | None:
    return None if row is None else (row.origin, row.n, row.stamp)


def _words(row: Row | None, key: str) -> str:
    if row is None:
        return f"nobody for {key!r}"
    return f"actor {row.n} of {row.origin.name} for {key!r}"


def _entry(row: Row) -> Entry:
    return Entry(cast("AnyRef", (row.origin, row.n)), {})
