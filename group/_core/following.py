"""Lanes of the peers: kept exact by position, replaced by snapshots, audited by beats.

A copy is a prefix of its origin's lane: the rows at exactly the position `cursor`.
Whatever arrives either keeps that true or is refused.
"""

from group._core.lanes import Inbound, Staged
from group._core.messages import (
    PUTS,
    Beat,
    DelOwner,
    DelReg,
    Heads,
    HeadsQuery,
    Hello,
    MessageError,
    Need,
    Op,
    Ops,
    Put,
    PutReg,
    SnapBegin,
    SnapEnd,
    SnapRows,
)
from group._core.peers import Peer
from group._core.reasons import from_wire
from group._core.rows import Row, RowKey, row_digest
from group._core.tables import Tables
from group._core.turn import Turn
from transport import NodeId

MAX_STAGED_ROWS = 5_000_000
MAX_STAGED_BYTES = 256 << 20
RESYNC = "resync"
# Seconds between two warnings about the same clock.
SKEW_QUIET = 60.0


class Following:
    """The copies that one shard keeps of the lanes of its peers."""

    def __init__(self, tables: Tables, turn: Turn) -> None:
        self.shard = tables.shard
        self.tables = tables
        self.clock = tables.clock
        self.turn = turn
        self.change = 0
        # When it was last said of a node that its clock runs wild.
        self._skew_said: dict[NodeId, float] = {}

    # Sessions

    def hello(self, peer: Peer, token: int) -> None:
        """Begin a session: say what we still hold of the peer's lanes."""
        have = []
        for cid, copy in self.tables.inbound.get(peer.node, {}).items():
            copy.staged = None
            if copy.cursor is not None and copy.cluster in self.tables.lanes:
                have.append((cid, copy.cursor))
        self.turn.send(token, Hello(self.shard, self.clock.last, have))

    def unlinked(self, peer: Peer) -> None:
        """The link is gone: half a snapshot is none."""
        for copy in self.tables.inbound.get(peer.node, {}).values():
            copy.staged = None

    def keep_only(self, peer: Peer) -> None:
        """Drop copies of lanes that the peer's new catalogue does not name."""
        for cid in list(self.tables.inbound.get(peer.node, ())):
            if cid not in peer.cids:
                self.forget(peer, cid, "cluster_disconnect")

    def forget(self, peer: Peer, cid: int, reason: object) -> None:
        """Drop one copy and its rows."""
        copies = self.tables.inbound.get(peer.node, {})
        copy = copies.pop(cid, None)
        if copy is not None:
            peer.heard ^= copy.seal
            peer.stale.pop(cid, None)
            self.tables.drop(copy, reason)

    def leave(self, peer: Peer, cluster: str) -> None:
        """Drop the copy of a cluster that we leave, cursor and all."""
        for cid, copy in list(self.tables.inbound.get(peer.node, {}).items()):
            if copy.cluster == cluster:
                self.forget(peer, cid, "cluster_disconnect")

    def purge(self, peer: Peer, reason: object) -> None:
        """Drop everything of a peer that is gone for good."""
        for cid in list(self.tables.inbound.get(peer.node, ())):
            self.forget(peer, cid, reason)
        self.tables.inbound.pop(peer.node, None)
        self._skew_said.pop(peer.node, None)

    def restart(self, peer: Peer) -> None:
        """Trust no cursor any more; the hello that follows asks for exact snapshots."""
        peer.heard = 0
        peer.stale.clear()
        peer.behind = peer.token is not None
        for copy in self.tables.inbound.get(peer.node, {}).values():
            copy.rehash()
            copy.seal = 0
            copy.cursor = None
            copy.staged = None

    def _copy(self, peer: Peer, cid: int) -> Inbound | None:
        """Return our copy of a lane; None when we are not in its cluster."""
        cluster = peer.cids.get(cid)
        if cluster is None:
            raise MessageError(f"unknown cluster number {cid}")
        if cluster not in self.tables.lanes:
            # Lawful: we have left, and the peer does not know it yet.
            self.turn.count("discarded")
            return None
        copies = self.tables.inbound.setdefault(peer.node, {})
        copy = copies.get(cid)
        if copy is None:
            copy = copies[cid] = Inbound(cid, cluster)
        return copy

    # Operations

    def on_ops(self, peer: Peer, ops: Ops) -> None:
        """Apply the part of a batch that is new."""
        copy = self._copy(peer, ops.cid)
        if copy is None:
            return
        if copy.cursor is None:
            if ops.first != 1:
                self.turn.count("discarded")
                return
            # The lane from its very beginning needs no snapshot before it.
            self.tables.drop(copy, RESYNC)
            copy.cursor = 0
        if ops.first > copy.cursor + 1:
            self.turn.count("gaps")
            self._need(peer, copy, copy.cursor)
            return
        skip = copy.cursor + 1 - ops.first
        for op in ops.ops[skip:]:
            self._apply(peer.node, copy, op)
        if skip < len(ops.ops):
            copy.cursor = ops.first + len(ops.ops) - 1
            peer.stale[copy.cid] = None
        else:
            self.turn.count("duplicates")

    def _apply(self, origin: NodeId, copy: Inbound, op: Op) -> None:
        # The usual ones first: this is done for each operation of each peer.
        if isinstance(op, PUTS):
            row_key, row = self._row(origin, copy.cluster, op)
            old = copy.rows.get(row_key)
            if old is not None and old.n == row.n and old.stamp != row.stamp:
                raise MessageError(f"stamp of {op.key!r} changed")
            self.tables.put_remote(copy, row_key, row)
        elif isinstance(op, DelReg):
            self.tables.pop_remote(copy, op.key, from_wire(op.reason))
        elif isinstance(op, DelOwner):
            self.tables.drop_owner(copy, op.n, from_wire(op.reason))
        else:
            self.tables.pop_remote(copy, (op.key, op.n), from_wire(op.reason))

    def _row(self, origin: NodeId, cluster: str, put: Put) -> tuple[RowKey, Row]:
        if not self.tables.owns(cluster, put.key):
            raise MessageError(f"{put.key!r} is not of shard {self.shard}")
        if not self.clock.see(put.stamp, self.turn.wall):
            self._skewed(origin)
        row = Row(origin, put.n, put.cls, put.stamp, put.meta)
        if isinstance(put, PutReg):
            return put.key, row
        return (put.key, put.n), row

    def _skewed(self, origin: NodeId) -> None:
        self.turn.count("skewed")
        if self.turn.now >= self._skew_said.get(origin, -SKEW_QUIET) + SKEW_QUIET:
            self._skew_said[origin] = self.turn.now
            self.turn.report("warning", "clock_skew", peer=origin.name)

    # Snapshots

    def on_snap_begin(self, peer: Peer, begin: SnapBegin) -> None:
        """Make room for a snapshot; a newer one supersedes one under way."""
        copy = self._copy(peer, begin.cid)
        if copy is not None:
            if begin.count > MAX_STAGED_ROWS:
                raise MessageError(
                    f"snapshot of {begin.count} rows, more than {MAX_STAGED_ROWS}"
                )
            copy.staged = Staged(begin.head, begin.count)

    def on_snap_rows(self, peer: Peer, rows: SnapRows) -> None:
        """Stage some rows."""
        copy = self._copy(peer, rows.cid)
        if copy is None or copy.staged is None:
            return
        staged = copy.staged.rows
        for put in rows.rows:
            row_key, row = self._row(peer.node, copy.cluster, put)
            staged[row_key] = row
            copy.staged.size += len(put.key) + len(put.meta)
        if copy.staged.size > MAX_STAGED_BYTES:
            raise MessageError(f"snapshot of more than {MAX_STAGED_BYTES} bytes")
        if len(staged) > copy.staged.count:
            self.turn.count("bad_snapshots")
            copy.staged = None

    def on_snap_end(self, peer: Peer, end: SnapEnd) -> None:
        """Install a snapshot that is complete, as a replacement; refuse any other."""
        copy = self._copy(peer, end.cid)
        if copy is None:
            return
        staged, copy.staged = copy.staged, None
        if staged is None:
            # Lawful after we left and came back; the next snapshot is on its way.
            self.turn.count("end_without_begin")
            return
        if not _complete(staged, end):
            self.turn.count("bad_snapshots")
            self._need(peer, copy, None)
            return
        if copy.cursor is not None and end.head < copy.cursor:
            self.turn.count("old_snapshots")
            return
        self.tables.replace(copy, staged.rows, end.hash, RESYNC)
        copy.cursor = end.head
        peer.stale[copy.cid] = None
        self.turn.count("snapshots_installed")

    def _need(self, peer: Peer, copy: Inbound, cursor: int | None) -> None:
        self.turn.send(peer.token, Need(self.shard, copy.cid, cursor))

    # Audit

    def on_beat(self, peer: Peer, beat: Beat) -> None:
        """Compare digests when the peer has sent us all and knows our clusters."""
        self.clock.see(beat.hlc, self.turn.wall)
        if beat.digest is None or beat.change != self.change:
            return
        if self._heard(peer) == beat.digest:
            peer.behind = False
            peer.synced = True
        else:
            self.turn.count("digests_differ")
            self.turn.send(peer.token, HeadsQuery(self.shard))

    def _heard(self, peer: Peer) -> int:
        copies = self.tables.inbound.get(peer.node, {})
        for cid in peer.stale:
            copy = copies.get(cid)
            if copy is not None:
                seal = copy.digest()
                peer.heard ^= copy.seal ^ seal
                copy.seal = seal
        peer.stale.clear()
        return peer.heard

    def on_heads(self, peer: Peer, heads: Heads) -> None:
        """Ask again for each lane that is not where the peer says it is."""
        for cid, head, rows_hash in heads.lanes:
            if cid not in peer.cids:
                continue
            copy = self._copy(peer, cid)
            if copy is None:
                continue
            if copy.cursor != head:
                self._need(peer, copy, copy.cursor)
            elif copy.hash() != rows_hash:
                # On an ordered link this means a bug or bad memory.
                self.turn.count("audit_mismatches")
                self.turn.report(
                    "error",
                    "audit_mismatch",
                    peer=peer.node.name,
                    cluster=copy.cluster,
                    shard=self.shard,
                    position=head,
                    ours=f"{copy.hash():016x}",
                    theirs=f"{rows_hash:016x}",
                )
                self._need(peer, copy, None)


def _complete(staged: Staged, end: SnapEnd) -> bool:
    if (staged.head, staged.count) != (end.head, end.count):
        return False
    if len(staged.rows) != staged.count:
        return False
    rows_hash = 0
    for row_key, row in staged.rows.items():
        rows_hash ^= row_digest(row_key, row)
    return rows_hash == end.hash
