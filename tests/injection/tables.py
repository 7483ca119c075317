"""What must hold in the tables of a shard that is quiet."""

from __future__ import annotations

from collections.abc import Iterator

from group import Group
from group._core.changes import GROUPS, REGISTRY
from group._core.keys import DEFAULT
from group._core.tables import Tables


def out_of_step(mine: Group, other: Group, index: int) -> Iterator[str]:
    """I5: what one side holds of the other is exactly what that has."""
    tables = mine._instance.store.tables[index]
    copies = tables.inbound.get(other.node.id, {})
    for cluster, lane in other._instance.store.tables[index].lanes.items():
        copy = copies.get(lane.cid)
        if cluster not in tables.lanes or not lane.head:
            continue
        if copy is None or (copy.cursor, copy.hash()) != (lane.head, lane.hash()):
            at = None if copy is None else copy.cursor
            where = f"{mine.node.name}<-{other.node.name} {cluster!r}/{index}"
            yield f"I5 {where} at {at}, head {lane.head}"


def untidy(tables: Tables) -> Iterator[str]:
    """A6: rows, owners, prefixes and watches are in step."""
    for cluster, lane in tables.lanes.items():
        for row_key, row in lane.rows.items():
            if row_key not in lane.by_owner.of(row.n):
                yield f"A6 {row_key} is not under its owner"
            if cluster not in tables.watched.get(row.n, {}):
                yield f"A6 {row.n}, the owner of {row_key}, is not watched"
    for prefix in ("user/", "room/"):
        yield from _badly_indexed(tables, REGISTRY, prefix)
        yield from _badly_indexed(tables, GROUPS, prefix)
    if tables.changes or tables.evictions:
        yield f"changes that nobody was told of: {tables.changes}"


def _badly_indexed(tables: Tables, kind: str, prefix: str) -> Iterator[str]:
    view = tables.views[DEFAULT]
    shown = view.registry if kind == REGISTRY else view.groups
    keys = {key for key in shown if key.startswith(prefix)}
    wanted = {key for key in keys if tables.owns(DEFAULT, key)}
    index = tables.prefixes.get((kind, DEFAULT))
    under = set() if index is None else set(index.under(prefix))
    if under != wanted:
        yield f"A6 under {prefix} are {under}, not {wanted}"
