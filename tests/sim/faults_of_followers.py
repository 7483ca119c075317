"""Planted faults of those who follow: links, cursors, snapshots, audits, views."""

from group._core import following, messages, requests
from group._core.changes import Change
from group._core.following import Following
from group._core.lanes import Inbound, Staged
from group._core.peers import Peer
from group._core.rows import Row, RowKey
from group._core.sessions import Sessions
from group._core.tables import Tables
from group._core.views import Members
from tests.sim.planting import Patch, fault


@fault("partitions", histories=600, first=140)
def no_link_fence(patch: Patch) -> None:
    """R0: frames of an old link are applied as if they were of the current one."""
    known: dict[tuple[int, int], Peer] = {}
    link_up, find = Sessions.link_up, Sessions.find

    def remember(self: Sessions, up: requests.LinkUp) -> None:
        link_up(self, up)
        known[(id(self), up.token)] = self.peers[up.node.name]

    def find_any(self: Sessions, token: int) -> Peer | None:
        old = known.get((id(self), token))
        current = None if old is None else self.peers.get(old.node.name)
        if current is not None and current.hello:
            return current
        return find(self, token)

    patch.setattr(Sessions, "link_up", remember)
    patch.setattr(Sessions, "find", find_any)


@fault()
def additive_snapshot(patch: Patch) -> None:
    """R3: a snapshot only adds."""
    replace = Tables.replace

    def add(
        self: Tables,
        copy: Inbound,
        rows: dict[RowKey, Row],
        rows_hash: int,
        reason: object,
    ) -> None:
        rows = {**copy.rows, **rows} if rows else rows
        replace(self, copy, rows, rows_hash, reason)

    patch.setattr(Tables, "replace", add)


@fault()
def keep_rows_of_the_dead(patch: Patch) -> None:
    """A peer that is gone for good is not purged."""
    patch.setattr(Following, "purge", lambda self, peer, reason: None)


@fault()
def keep_rows_of_the_old_incarnation(patch: Patch) -> None:
    """A peer that is back under its name is not purged of its last life."""
    purge = Following.purge

    def other_causes(self: Following, peer: Peer, reason: object) -> None:
        if "another incarnation" not in str(getattr(reason, "cause", "")):
            purge(self, peer, reason)

    patch.setattr(Following, "purge", other_causes)


@fault()
def close_keeps_rows(patch: Patch) -> None:
    """R4: a peer that left a cluster keeps its rows here."""
    patch.setattr(Following, "forget", lambda self, peer, cid, reason: None)


@fault()
def catalogue_keeps_rows(patch: Patch) -> None:
    """R1: clusters that a peer left while it was out of reach keep its rows."""
    patch.setattr(Following, "keep_only", lambda self, peer: None)


@fault()
def leave_keeps_cursor(patch: Patch) -> None:
    """R4: after leaving a cluster, positions in it are still believed."""

    def forget_rows(self: Following, peer: Peer, cluster: str) -> None:
        for copy in self.tables.inbound.get(peer.node, {}).values():
            if copy.cluster == cluster:
                self.tables.drop(copy, "cluster_disconnect")

    patch.setattr(Following, "leave", forget_rows)


@fault()
def unknown_cursor_fits_all(patch: Patch) -> None:
    """R2: a cursor that is unknown is taken for any position."""
    on_ops = Following.on_ops

    def anywhere(self: Following, peer: Peer, ops: messages.Ops) -> None:
        copy = self._copy(peer, ops.cid)
        if copy is not None and copy.cursor is None:
            copy.cursor = ops.first - 1
        on_ops(self, peer, ops)

    patch.setattr(Following, "on_ops", anywhere)


@fault("chaos")
def apply_across_gap(patch: Patch) -> None:
    """R2: operations after a gap are applied."""
    on_ops = Following.on_ops

    def jump(self: Following, peer: Peer, ops: messages.Ops) -> None:
        copy = self._copy(peer, ops.cid)
        if copy is not None and copy.cursor is not None:
            copy.cursor = max(copy.cursor, ops.first - 1)
        on_ops(self, peer, ops)

    patch.setattr(Following, "on_ops", jump)


@fault("chaos")
def apply_duplicates(patch: Patch) -> None:
    """R2: operations that are applied already are applied again."""
    on_ops = Following.on_ops

    def again(self: Following, peer: Peer, ops: messages.Ops) -> None:
        copy = self._copy(peer, ops.cid)
        if copy is not None and copy.cursor is not None:
            copy.cursor = min(copy.cursor, ops.first - 1)
        on_ops(self, peer, ops)

    patch.setattr(Following, "on_ops", again)


@fault("chaos")
def install_partial_snapshot(patch: Patch) -> None:
    """R3: whatever has come of a snapshot is installed."""

    def complete(staged: Staged, end: messages.SnapEnd) -> bool:
        return True

    patch.setattr(following, "_complete", complete)


@fault("chaos", histories=400)
def old_snapshot_wins(patch: Patch) -> None:
    """R3: a snapshot of an earlier position takes the copy back."""
    on_snap_end = Following.on_snap_end

    def whenever(self: Following, peer: Peer, end: messages.SnapEnd) -> None:
        copy = self._copy(peer, end.cid)
        if copy is not None and copy.cursor is not None and copy.staged is not None:
            copy.cursor = min(copy.cursor, end.head)
        on_snap_end(self, peer, end)

    patch.setattr(Following, "on_snap_end", whenever)


@fault("chaos")
def no_heads(patch: Patch) -> None:
    """R6: nobody asks for what the audit finds missing."""
    patch.setattr(Following, "on_heads", lambda self, peer, heads: None)


# What monitors are told


@fault("standard")
def meta_alone_is_no_news(patch: Patch) -> None:
    """A5: monitors are not told of a new meta."""
    patch.setattr("group._core.tables._looks_same", Row.same_actor)


@fault("standard")
def loser_is_not_unregistered(patch: Patch) -> None:
    """A5: the new owner of a contested key is told of, the old one's end is not."""
    changed = Tables._changed

    def only_the_new(
        self: Tables,
        kind: str,
        cluster: str,
        key: str,
        old: Row | None,
        new: Row | None,
        reason: object,
    ) -> None:
        gone = new is not None and reason == "conflict"
        changed(self, kind, cluster, key, None if gone else old, new, reason)

    patch.setattr(Tables, "_changed", only_the_new)


@fault("standard")
def members_linger(patch: Patch) -> None:
    """A5: a member that left stays in the view."""
    patch.setattr(Members, "pop", lambda self, row: None)


@fault("partitions")
def a_peer_down_is_not_told(patch: Patch) -> None:
    """A5: rows of a lost node go without a word."""
    purge = Following.purge

    def silently(self: Following, peer: Peer, reason: object) -> None:
        before: list[Change] = list(self.tables.changes)
        purge(self, peer, reason)
        self.tables.changes[:] = before

    patch.setattr(Following, "purge", silently)
