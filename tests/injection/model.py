"""What callers were told, and what watchers were: two plain dicts to compare."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from actors import AnyRef
from group import ALL, Event, Group
from group._core.keys import Pattern

REGISTERED, MEMBER = "registered", "member"
_KINDS = {
    "registered": REGISTERED,
    "unregistered": REGISTERED,
    "joined": MEMBER,
    "left": MEMBER,
}


class Place(NamedTuple):
    """One row: which actor holds what."""

    cluster: str | None
    kind: str
    key: str
    ref: AnyRef


Rows = dict[Place, dict[str, object]]
"""Rows with their metas."""


class Model:
    """The rows that must be there, as far as callers can know."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def put(
        self, kind: str, key: str, ref: AnyRef, meta: object, cluster: str | None
    ) -> None:
        """A write was acknowledged."""
        assert isinstance(meta, Mapping)
        self.rows[Place(cluster, kind, key, ref)] = dict(meta)

    def drop(self, kind: str, key: str, ref: AnyRef, cluster: str | None) -> None:
        """A removal was acknowledged."""
        del self.rows[Place(cluster, kind, key, ref)]

    def died(self, ref: AnyRef) -> None:
        """An actor has ended."""
        self.rows = {at: meta for at, meta in self.rows.items() if at.ref != ref}

    def left(self, cluster: str, refs: Iterable[AnyRef]) -> None:
        """The node of these actors has left a cluster."""
        gone = list(refs)
        self.rows = {
            at: meta
            for at, meta in self.rows.items()
            if at.cluster != cluster or at.ref not in gone
        }

    def matching(self, cluster: str | None, pattern: Pattern) -> Rows:
        """Return the rows of a cluster that a pattern matches."""
        return {
            at: meta
            for at, meta in self.rows.items()
            if at.cluster == cluster and _matches(pattern, at.key)
        }


class Story:
    """What a watcher has been told, replayed over what was there when it began."""

    def __init__(self, before: Rows) -> None:
        self.rows = dict(before)
        self.told = 0
        self.problems: list[str] = []

    def replay(self, events: Iterable[Event]) -> None:
        """Apply events; note those that make no sense after the ones before."""
        for event in events:
            self.told += 1
            at = Place(event.cluster, _KINDS[event.type], event.key, event.ref)
            if event.type in ("registered", "joined"):
                self.problems += self._came(at, event)
                self.rows[at] = dict(event.meta)
            elif self.rows.pop(at, None) is None:
                self.problems.append(f"{event.type} {event.key} that was not there")

    def _came(self, at: Place, event: Event) -> Iterator[str]:
        known = self.rows.get(at)
        before = event.previous_meta
        if known is None and before is not None:
            yield f"{event.type} {event.key} again, but it was not there"
        elif known is not None and (before is None or dict(before) != known):
            yield f"{event.type} {event.key} after {before}, but it was {known}"
        if at.kind == REGISTERED and known is None:
            others = [each for each in self.rows if each[:3] == at[:3]]
            if others:
                yield f"{event.key} registered to two actors"


def rows_of(group: Group, cluster: str | None, *, local: bool = False) -> Rows:
    """Return what a group shows."""
    return {
        Place(cluster, record.kind, record.key, record.ref): dict(record.meta)
        for record in group.entries(cluster=cluster, local=local)
    }


def difference(found: Rows, wanted: Rows) -> str:
    """Say what is missing, what is too much and what is otherwise; "" if nothing."""
    words = [f"lacks {_words(at)}" for at in wanted if at not in found]
    words += [f"still has {_words(at)}" for at in found if at not in wanted]
    words += [
        f"has {_words(at)} with {found[at]}, not {wanted[at]}"
        for at in wanted
        if at in found and found[at] != wanted[at]
    ]
    return ", ".join(words)


def _words(at: Place) -> str:
    where = "" if at.cluster is None else f" in {at.cluster}"
    return f"{at.kind} {at.key}{where} of {at.ref}"


def _matches(pattern: Pattern, key: str) -> bool:
    if pattern is ALL or not isinstance(pattern, str):
        return True
    return key.startswith(pattern) if pattern.endswith("/") else key == pattern
