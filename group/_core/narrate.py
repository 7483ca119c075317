"""Events, made from the differences of the view and from nothing else."""

from collections.abc import Callable

from group._core.changes import GROUPS, REGISTRY, Change
from group._core.events import Entry, Event, EventType
from group._core.keys import Pattern, is_prefix
from group._core.rows import Row
from group._core.tables import Tables
from group._core.views import View

_CAME = {REGISTRY: EventType.REGISTERED, GROUPS: EventType.JOINED}
_WENT = {REGISTRY: EventType.UNREGISTERED, GROUPS: EventType.LEFT}


class Narrator:
    """Tells changes of one group's view as events.

    Args:
        group: Name of the group, for the events.
        realise: Makes what readers get of a row; must not raise.
    """

    def __init__(self, group: str, realise: Callable[[Row], Entry]) -> None:
        self.group = group
        self.realise = realise

    def entry(self, row: Row) -> Entry:
        """Return what readers get of a row, made once."""
        entry = row.entry
        if entry is None:
            entry = row.entry = self.realise(row)
        return entry

    def tell(self, change: Change) -> list[Event]:
        """Return one event, or two when one owner has taken another's place."""
        kind, cluster, key = change.kind, change.cluster, change.key
        old, new, reason = change.old, change.new, change.reason
        if new is None:
            return [] if old is None else [self._went(kind, cluster, key, old, reason)]
        if old is None:
            return [self._came(kind, cluster, key, new, None)]
        if old.same_actor(new):
            return [self._came(kind, cluster, key, new, old)]
        return [
            self._went(kind, cluster, key, old, reason),
            self._came(kind, cluster, key, new, None),
        ]

    def _came(
        self, kind: str, cluster: str, key: str, row: Row, before: Row | None
    ) -> Event:
        ref, meta = self.entry(row)
        return Event(
            type=_CAME[kind],
            group=self.group,
            cluster=cluster or None,
            key=key,
            ref=ref,
            meta=meta,
            previous_meta=None if before is None else self.entry(before).meta,
        )

    def _went(
        self, kind: str, cluster: str, key: str, row: Row, reason: object
    ) -> Event:
        ref, meta = self.entry(row)
        return Event(
            type=_WENT[kind],
            group=self.group,
            cluster=cluster or None,
            key=key,
            ref=ref,
            meta=meta,
            reason=reason,
        )

    def describe(
        self, tables: Tables, cluster: str, pattern: Pattern
    ) -> tuple[Event, ...]:
        """Tell the rows of one shard that match a pattern as if they just came."""
        view = tables.views.get(cluster)
        if view is None:
            return ()
        events = []
        for key in _keys(tables, cluster, pattern, REGISTRY, view):
            row = view.registry.get(key)
            if row is not None:
                events.append(self._came(REGISTRY, cluster, key, row, None))
        for key in _keys(tables, cluster, pattern, GROUPS, view):
            members = view.groups.get(key)
            rows = members.snapshot() if members is not None else ()
            events += [self._came(GROUPS, cluster, key, row, None) for row in rows]
        return tuple(events)


def _keys(
    tables: Tables, cluster: str, pattern: Pattern, kind: str, view: View
) -> list[str]:
    if isinstance(pattern, str) and not is_prefix(pattern):
        return [pattern] if tables.owns(cluster, pattern) else []
    if isinstance(pattern, str):
        index = tables.prefixes.get((kind, cluster))
        return [] if index is None else index.under(pattern)
    keys = list(view.registry if kind == REGISTRY else view.groups)
    return [key for key in keys if tables.owns(cluster, key)]
