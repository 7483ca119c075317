"""What must hold in one node after each turn, and what has to be remembered for that.

Names as in the protocol. Nothing here believes hashes or indexes: they are made anew.
"""

from typing import NamedTuple

from group._core import effects
from group._core.lanes import Rows
from group._core.rows import row_digest
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from tests.search.scope import CLUSTER, KEY
from transport import NodeId

Claim = tuple[NodeId, int, int]
"""Origin, actor, stamp."""


class Claimed(NamedTuple):
    """An own claim, and the claims of others that its node had seen by then."""

    n: int
    stamp: int
    after: frozenset[Claim]


class Written(NamedTuple):
    """What one peer must have applied when a fence is settled.

    Attributes:
        cid: Of the own lane.
        theirs: The peer's number for the cluster: it may leave, and owes nothing.
    """

    peer: NodeId
    token: int
    cid: int
    head: int
    theirs: int


class Ghosts:
    """The memory of a judge.

    Attributes:
        positions: Hash of the rows that the own lane had at (cid, position).
        cursors: Where this node is in the lanes that it follows.
        problems: What does not hold that must.
    """

    def __init__(self, me: NodeId) -> None:
        self.me = me
        self.positions: dict[tuple[int, int], int] = {}
        self.cursors: dict[tuple[NodeId, int], int] = {}
        self.seen: set[Claim] = set()
        self.claimed: Claimed | None = None
        self.ended: set[tuple[int, int]] = set()
        self.promised: dict[int, list[Written]] = {}
        self.problems: list[str] = []

    def problem(self, words: str) -> None:
        """Note that something is wrong."""
        self.problems.append(words)

    # After each turn

    def judge(self, tables: Tables, views: dict[str, View]) -> None:
        """Look at everything that can be seen from within the node."""
        for lane in tables.lanes.values():
            at = (lane.cid, lane.head)
            found = self._rows(lane)
            if self.positions.setdefault(at, found) != found:
                self.problem(f"A1 own rows at {lane.head} are not what they were")
        self._copies(tables)
        self._indexes(tables, views)

    def _copies(self, tables: Tables) -> None:
        known: dict[tuple[NodeId, int], int] = {}
        for node, copies in tables.inbound.items():
            for cid, copy in copies.items():
                self._rows(copy)
                if copy.cursor is not None:
                    known[(node, cid)] = copy.cursor
                if copy.cursor is not None and copy.cursor < self.cursors.get(
                    (node, cid), 0
                ):
                    self.problem(f"A2 went back to {copy.cursor} in a lane of {node}")
                if any(row.origin != node for row in copy.rows.values()):
                    self.problem("A6 a row of another origin")
                if copy.cluster not in tables.lanes and copy.rows:
                    self.problem("A6 rows of a cluster that was left")
                self._see(node, copy)
        self.cursors = known

    def _see(self, node: NodeId, copy: Rows) -> None:
        row = copy.rows.get(KEY)
        if row is not None:
            self.seen.add((node, row.n, row.stamp))

    def _rows(self, rows: Rows) -> int:
        """Return the hash of rows, made anew; compare it with the one that is kept."""
        found = 0
        for row_key, row in rows.rows.items():
            found ^= row_digest(row_key, row)
        if rows.hash() != found:
            self.problem("A6 a hash is off")
        owned = {(row.n, row_key) for row_key, row in rows.rows.items()}
        index = {(n, key) for n in rows.by_owner for key in rows.by_owner.of(n)}
        if owned != index:
            self.problem(f"A6 rows {owned} by owner are {index}")
        return found

    def _indexes(self, tables: Tables, views: dict[str, View]) -> None:
        for (kind, cluster), index in tables.prefixes.items():
            view = views.get(cluster) or View()
            shown = view.registry if kind == "registry" else view.groups
            if set(index.under("k/")) != set(shown):
                self.problem(f"A6 the {kind} prefixes are off")
        for view in views.values():
            if any(not group.rows for group in view.groups.values()):
                self.problem("I4 an empty group")

    # Fences

    def promise(self, number: int, shard: Shard) -> None:
        """Note what is written at the moment of a fence."""
        lane = shard.tables.lanes.get(CLUSTER)
        self.promised[number] = [
            Written(peer.node, token, lane.cid, lane.head, peer.interest[CLUSTER])
            for token, peer in shard.outbound.peers.items()
            if lane is not None and lane.head and CLUSTER in peer.interest
        ]

    def kept(self, number: int) -> list[Written]:
        """Return what a fence that is settled has promised."""
        written = self.promised.pop(number, None)
        if written is None:
            self.problem("F1 a fence is settled twice")
        return written or []

    # Claims, and those that lose

    def registered(self, n: int, tables: Tables, *, condemned: bool) -> None:
        """A caller was told that its claim is made."""
        if condemned:
            self.problem(f"A3 condemned {n} has registered")
        row = tables.lanes[CLUSTER].rows.get(KEY)
        if row is None or row.n != n:
            self.problem(f"I2 the claim of {n} is not there")
        elif self.claimed is None or self.claimed[:2] != (n, row.stamp):
            self.claimed = Claimed(n, row.stamp, frozenset(self.seen))

    def evicted(self, effect: effects.Evict) -> None:
        """A loser is to be ended."""
        winner, mine = effect.winner, self.claimed
        if mine is None or mine.n != effect.n:
            self.problem(f"A3 {effect.n} has no claim and is ended")
            return
        if (mine.n, mine.stamp) in self.ended:
            self.problem(f"A3 {mine.n} is ended twice")
        if winner.origin == self.me:
            self.problem(f"A3 {mine.n} is ended by a claim of its own node")
        if (winner.origin, winner.n, winner.stamp) in mine.after:
            self.problem(f"A4 {mine.n} is ended by a claim that it came after")
        self.ended.add((mine.n, mine.stamp))
