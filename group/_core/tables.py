"""The rows of one shard, by origin and as everybody here sees them, always in step.

Tables outlive the shard that writes them: they belong to the group's Data actor, and a
shard that is restarted takes them up again. One writer: the turn of their shard.
"""

from collections.abc import Iterable
from typing import ClassVar

from group._core.changes import GROUPS, REGISTRY, Change
from group._core.conflict import Rank, winner
from group._core.effects import Evict
from group._core.hlc import Clock
from group._core.keys import shard_of
from group._core.lanes import Inbound, Lane
from group._core.rows import Row, RowKey
from group._core.subscriptions import Subscriptions
from group._core.views import Members, Place, PrefixIndex, View
from transport import NodeId

REPAIR = "resync"


class Tables:
    """Own lanes, copies of the peers' lanes, and their projection to the view."""

    index_class: ClassVar[type[PrefixIndex]] = PrefixIndex

    def __init__(
        self, me: NodeId, place: tuple[int, int], views: dict[str, View], rank: Rank
    ) -> None:
        self.me = me
        self.shard, self.shards = place
        self.views = views
        self.rank = rank
        self.lanes: dict[str, Lane] = {}
        self.inbound: dict[NodeId, dict[int, Inbound]] = {}
        self.contested: dict[tuple[str, str], dict[NodeId, Row]] = {}
        self.losing: dict[tuple[str, str], None] = {}
        self.prefixes: dict[tuple[str, str], PrefixIndex] = {}
        self._places: dict[str, Place] = {}
        self.watched: dict[int, dict[str, None]] = {}
        self.clock = Clock()
        self.subscriptions = Subscriptions()
        # What the running turn has changed and nobody has been told yet. A turn that
        # crashes leaves it here, so that its successor can tell.
        self.changes: list[Change] = []
        self.evictions: list[Evict] = []

    def owns(self, cluster: str, key: str) -> bool:
        """Tell whether a key belongs to this shard."""
        return shard_of(cluster, key, self.shards) == self.shard

    def let_go(self) -> None:
        """Hold no row any more: nobody takes turns or reads here again."""
        for each in (
            *(self.lanes, self.inbound, self.contested, self.losing, self.prefixes),
            *(self._places, self.changes, self.evictions),
        ):
            each.clear()

    # Clusters

    def open(self, lane: Lane) -> None:
        """Begin an own lane."""
        self.lanes[lane.cluster] = lane
        self.views.setdefault(lane.cluster, View())
        self._places.pop(lane.cluster, None)

    def close(self, cluster: str) -> Lane | None:
        """Drop an own lane and its rows, with events."""
        lane = self.lanes.pop(cluster, None)
        if lane is None:
            return None
        self.hide(cluster, lane.clear(), "cluster_disconnect")
        self.prefixes.pop((REGISTRY, cluster), None)
        self.prefixes.pop((GROUPS, cluster), None)
        self._places.pop(cluster, None)
        return lane

    # The view

    def project(
        self,
        cluster: str,
        row_key: RowKey,
        old: Row | None,
        new: Row | None,
        reason: object,
    ) -> None:
        """Bring the view in step with one row of one origin that has changed."""
        if type(row_key) is not str:
            self._project_member(cluster, row_key[0], old, new, reason)
            return
        row = old if new is None else new
        if row is None:
            return
        shown = self.views[cluster].registry.get(row_key)
        if self.contested or (shown is not None and shown.origin != row.origin):
            self._project_rival(cluster, row_key, old, new, reason)
        else:
            self._show(cluster, row_key, shown, new, reason)

    def reveal(self, cluster: str, rows: dict[RowKey, Row], reason: object) -> None:
        """Show many rows of one origin that are new.

        As `project` for each. What is written out here is the usual case: a key that
        nobody has.
        """
        place = self._places.get(cluster) or self._place(cluster)
        registry, index = place.registry, place.registered.add
        for row_key, row in rows.items():
            if type(row_key) is not str or self.contested or row_key in registry:
                self.project(cluster, row_key, None, row, reason)
                continue
            registry[row_key] = row
            if self.losing or self.subscriptions.clusters:
                self._changed(REGISTRY, cluster, row_key, None, row, reason)
            index(row_key)

    def hide(
        self, cluster: str, rows: Iterable[tuple[RowKey, Row]], reason: object
    ) -> None:
        """Bring the view in step with many rows of one origin that are gone.

        As `project` for each. What is written out here is the usual case: a key that
        only this origin claims.
        """
        place = self._places.get(cluster) or self._place(cluster)
        registry = place.registry
        hidden: list[str] = []
        for row_key, row in rows:
            if type(row_key) is not str or self.contested:
                self.project(cluster, row_key, row, None, reason)
            elif registry.get(row_key) is row:
                del registry[row_key]
                if self.losing or self.subscriptions.clusters:
                    self._changed(REGISTRY, cluster, row_key, row, None, reason)
                hidden.append(row_key)
        place.registered.discard_all(hidden)

    def _project_member(
        self, cluster: str, key: str, old: Row | None, new: Row | None, reason: object
    ) -> None:
        place = self._places.get(cluster) or self._place(cluster)
        groups = place.groups
        members = groups.get(key)
        if new is not None:
            if members is None:
                # With its first member: nobody ever sees an empty group.
                groups[key] = Members(new)
            else:
                members.put(new)
        elif members is not None and old is not None:
            members.pop(old)
            if not members.rows:
                del groups[key]
        if self.losing or self.subscriptions.clusters:
            self._changed(GROUPS, cluster, key, old, new, reason)
        if new is not None and members is None:
            place.joined.add(key)
        elif new is None and key not in groups:
            place.joined.discard(key)

    def _place(self, cluster: str) -> Place:
        registered = self._index(REGISTRY, cluster)
        joined = self._index(GROUPS, cluster)
        place = Place(self.views[cluster], registered, joined)
        self._places[cluster] = place
        return place

    def _project_rival(
        self, cluster: str, key: str, old: Row | None, new: Row | None, reason: object
    ) -> None:
        """Show a claim of a key that another node claims, too, or may claim."""
        shown = self.views[cluster].registry.get(key)
        claims = self.contested.get((cluster, key))
        row = old if new is None else new
        if claims is None:
            if shown is None or row is None or shown.origin == row.origin:
                self._show(cluster, key, shown, new, reason)
                return
            if new is None:
                return
            claims = {shown.origin: shown}
            self.contested[(cluster, key)] = claims
        self._contest(cluster, key, claims, new, old, reason)

    def _contest(
        self,
        cluster: str,
        key: str,
        claims: dict[NodeId, Row],
        new: Row | None,
        old: Row | None,
        reason: object,
    ) -> None:
        if new is not None:
            claims[new.origin] = new
        elif old is not None:
            claims.pop(old.origin, None)
        best = winner(key, claims.values(), self.rank)
        mine = claims.get(self.me)
        if mine is not None and mine is not best:
            self.losing[(cluster, key)] = None
        else:
            self.losing.pop((cluster, key), None)
        if len(claims) == 1:
            del self.contested[(cluster, key)]
        shown = self.views[cluster].registry.get(key)
        if new is not None and shown is not None and best.origin != shown.origin:
            reason = "conflict"
        if best is not shown:
            self._show(cluster, key, shown, best, reason)

    def _show(
        self, cluster: str, key: str, old: Row | None, new: Row | None, reason: object
    ) -> None:
        place = self._places.get(cluster) or self._place(cluster)
        if new is not None:
            place.registry[key] = new
        elif old is not None:
            del place.registry[key]
        if self.losing or self.subscriptions.clusters:
            self._changed(REGISTRY, cluster, key, old, new, reason)
        if new is None:
            place.registered.discard(key)
        elif old is None:
            place.registered.add(key)

    def _changed(
        self,
        kind: str,
        cluster: str,
        key: str,
        old: Row | None,
        new: Row | None,
        reason: object,
    ) -> None:
        """Note a change of the view right after it, before anything that may fail.

        A change that is not noted is never told; an index that is left behind by a
        crash is made anew by `reproject`. Not called while nobody can want to hear of
        it: no subscriber, and no claim of ours that is losing.
        """
        if old is None and new is None:
            return
        if old is not None and new is not None and _looks_same(old, new):
            return
        self.changes.append(Change(kind, cluster, key, old, new, reason))

    def _index(self, kind: str, cluster: str) -> PrefixIndex:
        index = self.prefixes.get((kind, cluster))
        if index is None:
            index = self.prefixes[(kind, cluster)] = self.index_class()
        return index

    def rewatch(self) -> None:
        """Make the list of watched actors from the own rows anew."""
        for cluster, lane in self.lanes.items():
            for row in lane.rows.values():
                self.watched.setdefault(row.n, {})[cluster] = None

    def reproject(self) -> None:
        """Make the view of this shard from the rows anew; differences become events."""
        self.contested.clear()
        self.losing.clear()
        for cluster, view in self.views.copy().items():
            claims, members = self._expected(cluster)
            self._repair_registry(cluster, view, claims)
            self._repair_groups(cluster, view, members)
        self._reindex()

    def _reindex(self) -> None:
        indexes: dict[tuple[str, str], PrefixIndex] = {}
        for cluster, view in self.views.copy().items():
            for kind, keys in ((REGISTRY, view.registry), (GROUPS, view.groups)):
                index = indexes[(kind, cluster)] = self.index_class()
                for key in list(keys):
                    if self.owns(cluster, key):
                        index.add(key)
        self.prefixes = indexes
        self._places.clear()

    def _expected(
        self, cluster: str
    ) -> tuple[dict[str, dict[NodeId, Row]], dict[tuple[str, NodeId, int], Row]]:
        claims: dict[str, dict[NodeId, Row]] = {}
        members: dict[tuple[str, NodeId, int], Row] = {}
        for rows in self._slices(cluster):
            for row_key, row in rows.items():
                if isinstance(row_key, str):
                    claims.setdefault(row_key, {})[row.origin] = row
                else:
                    members[(row_key[0], row.origin, row.n)] = row
        return claims, members

    def _slices(self, cluster: str) -> list[dict[RowKey, Row]]:
        lane = self.lanes.get(cluster)
        slices = [] if lane is None else [lane.rows]
        for copies in self.inbound.values():
            slices += [copy.rows for copy in copies.values() if copy.cluster == cluster]
        return slices

    def _repair_registry(
        self, cluster: str, view: View, claims: dict[str, dict[NodeId, Row]]
    ) -> None:
        for key in list(view.registry):
            if key not in claims and self.owns(cluster, key):
                self._show(cluster, key, view.registry[key], None, REPAIR)
        for key, rows in claims.items():
            best = winner(key, rows.values(), self.rank)
            if len(rows) > 1:
                self.contested[(cluster, key)] = rows
                if best.origin != self.me and self.me in rows:
                    self.losing[(cluster, key)] = None
            shown = view.registry.get(key)
            if shown is not best:
                self._show(cluster, key, shown, best, REPAIR)

    def _repair_groups(
        self, cluster: str, view: View, members: dict[tuple[str, NodeId, int], Row]
    ) -> None:
        # A copy, for other shards put their groups in meanwhile.
        for key, group in view.groups.copy().items():
            if not self.owns(cluster, key):
                continue
            for (origin, n), row in list(group.rows.items()):
                if (key, origin, n) not in members:
                    self._project_member(cluster, key, row, None, REPAIR)
        for (key, origin, n), row in members.items():
            shown = view.groups.get(key)
            old = None if shown is None else shown.rows.get((origin, n))
            if old is not row:
                self._project_member(cluster, key, old, row, REPAIR)

    # Own rows

    def put_own(self, lane: Lane, row_key: RowKey, row: Row) -> None:
        """Store an own row and show it. The caller logs the operation."""
        old = lane.put(row_key, row)
        self.project(lane.cluster, row_key, old, row, None)

    def pop_own(self, lane: Lane, row_key: RowKey, reason: object) -> Row | None:
        """Remove an own row from lane and view. The caller logs the operation."""
        old = lane.pop(row_key)
        if old is not None:
            self.project(lane.cluster, row_key, old, None, reason)
        return old

    def drop_owner(self, lane: Lane | Inbound, n: int, reason: object) -> bool:
        """Remove an actor's rows from a lane, or a copy of one; tell if it had any."""
        gone = lane.pop_owner(n)
        self.hide(lane.cluster, gone, reason)
        return bool(gone)

    # Rows of peers

    def put_remote(
        self, copy: Inbound, row_key: RowKey, row: Row, reason: object = None
    ) -> None:
        """Apply a peer's row. `reason` is why another actor's row there is gone."""
        old = copy.put(row_key, row)
        self.project(copy.cluster, row_key, old, row, reason)

    def pop_remote(self, copy: Inbound, row_key: RowKey, reason: object) -> None:
        """Remove a peer's row."""
        old = copy.pop(row_key)
        if old is not None:
            self.project(copy.cluster, row_key, old, None, reason)

    def replace(
        self, copy: Inbound, rows: dict[RowKey, Row], rows_hash: int, reason: object
    ) -> None:
        """Make a copy equal to an exact slice; only differences become events."""
        if not copy.rows:
            copy.fill(rows, rows_hash)
            self.reveal(copy.cluster, rows, reason)
            return
        for row_key in copy.ordered():
            if row_key not in rows:
                self.pop_remote(copy, row_key, reason)
        for row_key, row in rows.items():
            old = copy.rows.get(row_key)
            if old is None or not old.equals(row):
                self.put_remote(copy, row_key, row, reason)

    def drop(self, copy: Inbound, reason: object) -> None:
        """Remove every row of a peer's lane."""
        self.hide(copy.cluster, copy.clear(), reason)


def _looks_same(one: Row, other: Row) -> bool:
    return one.same_actor(other) and one.meta == other.meta
