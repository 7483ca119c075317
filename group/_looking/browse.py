"""The registry in pages, for people who look through it."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from actors import class_name
from group._core.changes import GROUPS, REGISTRY
from group._core.events import Entry
from group._core.keys import check_cluster, check_key
from group._core.views import View
from group._verbs.operating import Operating
from group._words import short

MAX_ROWS = 200
MAX_MEMBERS = 100
META_LENGTH = 240


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of the registry.

    Attributes:
        start: What keys begin with; "" for all.
        cluster: None is the default cluster.
        kind: "registered", "member" or None for both.
        after: Only keys that come after this one.
        before: Only keys that come before this one, the last of them.
        limit: How many.
    """

    start: str = ""
    cluster: str | None = None
    kind: str | None = None
    after: str | None = None
    before: str | None = None
    limit: int = 50


class Browsing(Operating):
    """browse, detail."""

    def browse(self, wanted: Wanted) -> dict[str, object]:
        """Return one page of keys in order, and where it stands among all.

        Costs a look at each key that fits, and a search for the page; nothing is
        sorted as a whole.
        """
        place = check_cluster(wanted.cluster)
        view = self._view(wanted.cluster)
        names = self._names(wanted)
        limit = max(1, min(wanted.limit, MAX_ROWS))
        if wanted.before is not None:
            fitting = [name for name in names if name < wanted.before]
            page = heapq.nlargest(limit, fitting)[::-1]
        else:
            after = "" if wanted.after is None else wanted.after
            page = heapq.nsmallest(limit, [name for name in names if name > after])
        first = sum(name < page[0] for name in names) if page else 0
        return {
            "cluster": place or None,
            "first": first,
            "total": len(names),
            "rows": [self._line(view, name) for name in page],
        }

    def detail(self, key: str, cluster: str | None) -> dict[str, object]:
        """Return all about one key: who claims it, and its first members."""
        explained = self.explain(key, cluster=cluster).to_dict()
        members = self.members(key, cluster=cluster, limit=MAX_MEMBERS)
        return {
            **explained,
            "claims": [
                {**_mapping(claim), "meta": short(_mapping(claim)["meta"], META_LENGTH)}
                for claim in _items(explained["claims"])
            ],
            "member_count": self.member_count(key, cluster=cluster),
            "member_rows": [self._person(entry) for entry in members],
        }

    def _names(self, wanted: Wanted) -> set[str]:
        """Find all keys that begin so: by the index as far as it goes."""
        text = wanted.start
        prefix = text[: text.rfind("/") + 1] or None
        if prefix is not None:
            check_key(prefix)
        found: set[str] = set()
        if wanted.kind != "member":
            found.update(self._keys_under(REGISTRY, prefix, wanted.cluster))
        if wanted.kind != "registered":
            found.update(self._keys_under(GROUPS, prefix, wanted.cluster))
        if prefix == text or not text:
            return found
        return {name for name in found if name.startswith(text)}

    def _line(self, view: View, key: str) -> dict[str, object]:
        row, group = view.registry.get(key), view.groups.get(key)
        owner = None if row is None else self._person(self._entry(row))
        count = 0 if group is None else len(group.rows)
        return {"key": key, "owner": owner, "members": count}

    def _person(self, entry: Entry) -> dict[str, object]:
        home, number = self._instance.node.address_of(entry.ref)
        return {
            "actor": class_name(entry.ref),
            "node": home.name,
            "id": number,
            "meta": short(entry.meta, META_LENGTH),
        }


def wanted_of(options: Mapping[str, object]) -> Wanted:
    """Read what another program wants; what it does not say is as usual."""

    def text(name: str) -> str | None:
        value = options.get(name)
        return value if isinstance(value, str) else None

    limit = options.get("limit")
    return Wanted(
        start=text("start") or "",
        cluster=text("cluster"),
        kind=text("kind"),
        after=text("after"),
        before=text("before"),
        limit=limit if isinstance(limit, int) else 50,
    )


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value


def _items(value: object) -> Iterable[object]:
    assert isinstance(value, list)
    return value
