"""The verbs that read: on the caller's thread, from this node's view, no lock."""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Literal

from actors import AnyRef
from group._core.arguments import check_limit
from group._core.changes import GROUPS, REGISTRY
from group._core.errors import InvalidArgumentError, shown
from group._core.events import Entry, Record
from group._core.keys import DEFAULT, check_cluster, check_key, is_prefix
from group._core.rows import Row
from group._core.views import View
from group._verbs.shared import Verbs

Extract = Callable[[Mapping[str, object]], object]
Kind = Literal["registered", "member"]
_NOWHERE = View()


class Reads(Verbs):
    """lookup, whereis, members, counts, entries, keys."""

    def lookup(
        self,
        key: str,
        *,
        cluster: str | None = None,
        extract_meta: Extract | None = None,
    ) -> Entry | None:
        """Return the owner of a key as this node sees it; None if nobody has it.

        Costs a dict read. Safe from any thread.

        Args:
            key: Any key; one that ends in "/" is never there.
            cluster: None is the default cluster; one that this node is not in is empty.
            extract_meta: Instead of the group's own; what it raises is raised here.

        Raises:
            InvalidKeyError: Not a key.
            StoppedError: The group is stopped.
        """
        # Not by a method of its own, here and in `members`: that is half of the time.
        view = self._instance.front if cluster is None else self._view(cluster)
        try:
            row = view.registry.get(key)
        except TypeError:
            # Not hashable, and so not a key; the check says that better.
            row = None
        if row is None:
            self._check_absent(key)
            return None
        if extract_meta is None and row.entry is not None:
            return row.entry
        return self._entry(row, extract_meta)

    def whereis(self, key: str, *, cluster: str | None = None) -> AnyRef | None:
        """Return the actor that owns a key, as `lookup`."""
        entry = self.lookup(key, cluster=cluster)
        return None if entry is None else entry.ref

    def members(
        self,
        key_or_prefix: str,
        *,
        cluster: str | None = None,
        limit: int | None = None,
        extract_meta: Extract | None = None,
    ) -> list[Entry]:
        """Return the members of a group, or of all groups under a prefix.

        Under a prefix an actor is there once for each group that it has joined.

        Args:
            key_or_prefix: A prefix ends in "/".
            cluster: None is the default cluster.
            limit: At most so many, whichever are found first.
            extract_meta: Instead of the group's own; what it raises is raised here.

        Raises:
            InvalidKeyError: Not a key.
            InvalidArgumentError: `limit` is not a whole number of 0 or more.
            StoppedError: The group is stopped.
        """
        if extract_meta is None and limit is None:
            view = self._instance.front if cluster is None else self._view(cluster)
            try:
                group = view.groups.get(key_or_prefix)
            except TypeError:
                # Not hashable, and so not a key; a check says that better.
                group = None
            if group is not None:
                # What somebody has joined needs no check.
                version, entries = group.kept
                if version != group.version:
                    entries = group.entries(self._instance.narrator.entry)
                return [*entries]
        most = check_limit(limit)
        rows = self._member_rows(key_or_prefix, cluster, most)
        return [self._entry(row, extract_meta) for row in rows]

    def local_members(
        self,
        key_or_prefix: str,
        *,
        cluster: str | None = None,
        limit: int | None = None,
        extract_meta: Extract | None = None,
    ) -> list[Entry]:
        """Return the members that are actors of this node, as `members`."""
        me, most = self._instance.me, check_limit(limit)
        rows = self._member_rows(key_or_prefix, cluster, None)
        local = [row for row in rows if row.origin == me]
        return [self._entry(row, extract_meta) for row in local[:most]]

    def registry_count(self, *, cluster: str | None = None) -> int:
        """Return how many keys are registered, on all nodes."""
        return len(self._view(cluster).registry)

    def local_registry_count(self, *, cluster: str | None = None) -> int:
        """Return how many keys are registered to actors of this node."""
        me = self._instance.me
        rows = list(self._view(cluster).registry.values())
        return sum(row.origin == me for row in rows)

    def member_count(self, key_or_prefix: str, *, cluster: str | None = None) -> int:
        """Return how many members a group has, or all groups under a prefix."""
        view = self._view(cluster)
        keys = self._keys_under(GROUPS, check_key(key_or_prefix), cluster)
        groups = [view.groups.get(key) for key in keys]
        return sum(len(group.rows) for group in groups if group is not None)

    def local_member_count(
        self, key_or_prefix: str, *, cluster: str | None = None
    ) -> int:
        """Return how many of those members are actors of this node."""
        me = self._instance.me
        rows = self._member_rows(key_or_prefix, cluster, None)
        return sum(row.origin == me for row in rows)

    def local_entries(self) -> list[Record]:
        """Return every row that an actor of this node owns, in all clusters."""
        self._check_running()
        records = []
        for tables in self._instance.store.tables:
            for cluster, lane in tables.lanes.copy().items():
                for row_key, row in lane.rows.copy().items():
                    if isinstance(row_key, str):
                        kind: Kind = "registered"
                        key = row_key
                    else:
                        kind, key = "member", row_key[0]
                    records.append(self._record(kind, cluster, key, row))
        return records

    def entries(
        self,
        prefix: str | None = None,
        *,
        kind: Kind | None = None,
        cluster: str | None = None,
        local: bool = False,
    ) -> Iterator[Record]:
        """Yield the rows of a cluster: registrations by key, then memberships.

        Those of the moment of the call, as far as they are still there when yielded.

        Args:
            prefix: Only keys under this prefix, or this one key; None is all.
            kind: "registered" or "member"; None is both.
            cluster: None is the default cluster.
            local: Only rows of actors of this node.

        Raises:
            InvalidKeyError: Not a prefix.
            StoppedError: The group is stopped.
        """
        place, me = check_cluster(cluster), self._instance.me
        rows = self._rows(prefix, kind, cluster)
        return (
            self._record(each, place, key, row)
            for each, key, row in rows
            if not local or row.origin == me
        )

    def keys(
        self,
        prefix: str | None = None,
        *,
        kind: Kind | None = None,
        cluster: str | None = None,
    ) -> list[str]:
        """Return the keys that are registered or joined, sorted, each once."""
        return sorted({key for _, key, _ in self._rows(prefix, kind, cluster)})

    # Helpers

    def _view(self, cluster: str | None) -> View:
        views = self._instance.store.views
        if cluster is not None:
            if type(cluster) is not str or cluster == DEFAULT:
                cluster = check_cluster(cluster)
            view = views.get(cluster)
            if view is None:
                # What is there needs no check.
                check_cluster(cluster)
                self._check_running()
                return _NOWHERE
            return view
        try:
            return views[DEFAULT]
        except KeyError:
            # Gone with the group's end; there is no check on the way of a read.
            raise self._instance.ended() from None

    def _check_absent(self, key: str) -> None:
        check_key(key)
        self._check_running()

    def _entry(self, row: Row, extract: Extract | None = None) -> Entry:
        if extract is None:
            return row.entry or self._instance.narrator.entry(row)
        ref = self._instance.narrator.entry(row).ref
        meta = extract(self._instance.raw_meta(row))
        return Entry(ref, meta)  # type: ignore[arg-type]  # what the extractor makes

    def _record(self, kind: Kind, cluster: str, key: str, row: Row) -> Record:
        ref, meta = self._entry(row)
        return Record(kind, cluster or None, key, ref, meta)

    def _keys_under(
        self, kind: str, key_or_prefix: str | None, cluster: str | None
    ) -> list[str]:
        self._check_running()
        place = check_cluster(cluster)
        if key_or_prefix is None:
            view = self._view(cluster)
            return list(view.registry if kind == REGISTRY else view.groups)
        name = check_key(key_or_prefix)
        if not is_prefix(name):
            return [name]
        found: list[str] = []
        for tables in self._instance.store.tables:
            index = tables.prefixes.get((kind, place))
            if index is not None:
                found += index.under(name)
        return found

    def _member_rows(
        self, key_or_prefix: str, cluster: str | None, limit: int | None
    ) -> list[Row]:
        groups = self._view(cluster).groups
        found: list[Row] = []
        for key in self._keys_under(GROUPS, check_key(key_or_prefix), cluster):
            group = groups.get(key)
            if group is not None:
                found += group.snapshot()
            if limit is not None and len(found) >= limit:
                return found[:limit]
        return found

    def _rows(
        self, prefix: str | None, kind: Kind | None, cluster: str | None
    ) -> Iterator[tuple[Kind, str, Row]]:
        if kind not in (None, "registered", "member"):
            raise InvalidArgumentError(
                f"kind must be 'registered', 'member' or None, got {shown(kind)}",
                "B035",
            )
        view = self._view(cluster)
        registry, groups = (
            sorted(self._keys_under(each, prefix, cluster)) if kind != other else []
            for each, other in ((REGISTRY, "member"), (GROUPS, "registered"))
        )
        return chain(_claims(view, registry), _memberships(view, groups))


def _claims(view: View, keys: list[str]) -> Iterator[tuple[Kind, str, Row]]:
    for key in keys:
        row = view.registry.get(key)
        if row is not None:
            yield "registered", key, row


def _memberships(view: View, keys: list[str]) -> Iterator[tuple[Kind, str, Row]]:
    for key in keys:
        group = view.groups.get(key)
        for row in () if group is None else group.snapshot():
            yield "member", key, row
