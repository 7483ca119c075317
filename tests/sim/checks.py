"""What must hold at every turn of every shard. Names as in the protocol.

Nothing here trusts the tables under test more than it must: positions are compared
with what the origin recorded, monitors' stories with the views, ends of actors with
what their callers knew.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from group._core import effects
from group._core import messages as wire
from group._core import requests as ask
from group._core.hlc import MAX_SKEW_MS
from group._core.keys import shard_of
from group._core.lanes import Inbound, Lane
from tests.sim.profiles import SHARDS
from transport import NodeId

if TYPE_CHECKING:
    from tests.sim.host import Host
    from tests.sim.world import World

Claim = tuple[NodeId, int, int]
"""Origin, actor, stamp."""

# Turns of these change no row and no position, and most turns are of these: they are
# checked now and then, the others always.
QUIET = {
    *(ask.Tick, ask.Settle, ask.Blocked, ask.Writable),
    *(wire.Beat, wire.HeadsQuery, wire.Heads, wire.Need, wire.Hello),
    *(wire.Ask, wire.Fence, wire.Fenced),
}
# Turns of these change no copy of a peer's lane.
LOCAL = {ask.Register, ask.Unregister, ask.Join, ask.Leave, ask.ActorDown}
NOW_AND_THEN = 16


class Checks:
    """Watches all hosts of a history."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.turns = 0
        # The hash of each lane at each of its positions: by node, shard and number,
        # and by the lane itself.
        self.history: dict[tuple[NodeId, int, int], dict[int, int]] = {}
        self._hashes: dict[Lane, dict[int, int]] = {}
        # Where each copy of a lane is, if that is known.
        self._cursors: dict[Inbound, int] = {}
        self.kills: set[tuple[NodeId, int, str, str]] = set()
        # Claims that each host has seen of others, and which of them each of its own
        # claims came after.
        self.seen: dict[tuple[NodeId, str, str], set[Claim]] = {}
        self.after: dict[tuple[NodeId, int, str, str], frozenset[Claim]] = {}
        # Every claim that a caller was ever told of: the only ones that may win.
        self.made: set[tuple[NodeId, int, str, str]] = set()

    def after_turn(self, host: "Host", index: int, message: object) -> None:
        """Check one shard after one of its turns."""
        self.turns += 1
        now_and_then = self.turns % NOW_AND_THEN == 0
        kind = type(message)
        if type(message) is ask.Frame:
            kind = type(message.message)
        if kind in QUIET and not now_and_then:
            return
        self._record(host, index)
        problems: list[str] = []
        if kind not in LOCAL or now_and_then:
            problems += self.positions(host, index)
        # What a shard has changed before it failed is told by its successor.
        stories = host.stories
        if (now_and_then or stories.news) and True not in host.replica.down:
            problems += stories.check(host.replica.views, thoroughly=now_and_then)
        if kind is ask.ActorDown:
            problems += rows_of_the_dead(host, index, message)
        elif kind is ask.Rebuild:
            problems += rows_lost(host, index)
        if problems:
            self.world.problem(f"{host.name} {', '.join(problems)}")

    def _record(self, host: "Host", index: int) -> None:
        for lane in host.replica.tables[index].lanes.values():
            hashes = self._hashes.get(lane)
            if hashes is None:
                at = (host.node, index, lane.cid)
                hashes = self._hashes[lane] = self.history.setdefault(at, {})
            if lane.head not in hashes or lane._touched:
                hashes[lane.head] = lane.hash()

    def positions(self, host: "Host", index: int) -> list[str]:
        """A1, A2: copies are prefixes of their origin, and never go back."""
        problems: list[str] = []
        for node, copies in host.replica.tables[index].inbound.items():
            for copy in copies.values():
                # None of a new copy, which may begin anywhere.
                cursor, before = copy.cursor, self._cursors.get(copy)
                if cursor is None:
                    self._cursors.pop(copy, None)
                elif cursor != before or copy._touched:
                    self._cursors[copy] = cursor
                    self._moved(node, index, copy, before or 0, problems)
                    self._see(host, node, copy)
        return problems

    def _moved(
        self, node: NodeId, index: int, copy: Inbound, least: int, problems: list[str]
    ) -> None:
        at, cid = copy.cursor or 0, copy.cid
        if at < least:
            problems.append(f"A2 <-{node} lane {cid}/{index} at {at}, was at {least}")
        if copy.hash() != self._hash_at(node, cid, index, at):
            problems.append(f"A1 <-{node} lane {cid}/{index} at {at}")

    def _hash_at(self, node: NodeId, cid: int, index: int, cursor: int) -> int | None:
        if not cursor:
            return 0
        return self.history.get((node, index, cid), {}).get(cursor)

    # A4: nobody is ended by a claim that its node had seen when it registered

    def _see(self, host: "Host", node: NodeId, copy: Inbound) -> None:
        for key, row in copy.rows.items():
            if isinstance(key, str):
                at = (host.node, copy.cluster, key)
                self.seen.setdefault(at, set()).add((node, row.n, row.stamp))

    def registered(self, host: "Host", request: ask.Register) -> None:
        """A claim was made, or renewed."""
        seen = self.seen.get((host.node, request.cluster, request.key), ())
        at = (host.node, request.n, request.cluster, request.key)
        self.after.setdefault(at, frozenset(seen))
        self.made.add(at)

    # A3: an actor is ended once for a claim, by its own node; I6: by one that was made

    def evicted(self, host: "Host", effect: effects.Evict) -> None:
        """A loser is ended."""
        winner = effect.winner
        victim = (host.node, effect.n, effect.cluster, effect.key)
        claim = (winner.origin, winner.n, winner.stamp)
        if victim in self.kills:
            self.world.problem(f"A3 {victim} ended twice")
        if winner.origin == host.node:
            self.world.problem(f"A3 {victim} ended by a claim of its own node")
        if claim in self.after.get(victim, ()) and self._causes_count():
            self.world.problem(f"A4 {victim} ended by a claim that it came after")
        if (winner.origin, winner.n, effect.cluster, effect.key) not in self.made:
            self.world.problem(f"I6 {victim} ended by a claim that nobody made")
        self.kills.add(victim)
        # While an answer travels its claim may end: on slow links that is no wonder,
        # and no protocol can help.
        where = "_on_slow_links" if self.world.network.is_slow else ""
        self.world.count(f"kills{where}")
        if not self._lives(effect):
            self.world.count(f"needless_kills{where}")

    def _causes_count(self) -> bool:
        profile = self.world.profile
        # With a rank a claim that was seen, and lost with its node, may return to win.
        return not profile.ranked and profile.skew * 2_000 < MAX_SKEW_MS

    def _lives(self, effect: effects.Evict) -> bool:
        winner = effect.winner
        host = self.world.hosts.get(winner.origin.name)
        if host is None or host.node != winner.origin:
            return False
        index = shard_of(effect.cluster, effect.key, SHARDS)
        lane = host.replica.tables[index].lanes.get(effect.cluster)
        row = None if lane is None else lane.rows.get(effect.key)
        return row is not None and (row.n, row.stamp) == (winner.n, winner.stamp)


def rows_of_the_lost(world: "World", node: NodeId) -> Iterator[str]:
    """L3: nobody shows rows of a node that has been gone for long enough."""
    for host in world.in_order():
        for tables in host.replica.tables:
            copies = tables.inbound.get(node, {})
            if any(copy.rows for copy in copies.values()):
                yield f"L3 {host.name} still shows rows of {node!r}"


def rows_of_the_dead(host: "Host", index: int, down: object) -> Iterator[str]:
    """A7: no own row is of an actor whose end has been handled."""
    assert isinstance(down, ask.ActorDown)
    n = down.n
    for cluster, lane in host.replica.tables[index].lanes.items():
        if any(row.n == n for row in lane.rows.values()):
            yield f"A7 {cluster!r}/{index} holds a row of dead actor {n}"


def rows_lost(host: "Host", index: int) -> Iterator[str]:
    """No row of a live actor is lost by a shard that fails."""
    for cluster, lane in host.replica.tables[index].lanes.items():
        for row_key in host.ledger.rows(cluster):
            key = row_key if isinstance(row_key, str) else row_key[0]
            if shard_of(cluster, key, SHARDS) == index and row_key not in lane.rows:
                yield f"I2 {cluster!r}/{index} has lost {row_key}"
