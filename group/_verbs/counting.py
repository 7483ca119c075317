"""How many rows there are, and whose: counted by lane, not by looking at each row."""

from collections.abc import Iterable

from group._core.lanes import Rows
from group._core.tables import Tables
from transport import NodeId


def rows_of(tables: Tables, node: NodeId | None = None) -> Iterable[Rows]:
    """Return the lanes of one node in a shard, or those of all nodes."""
    slices: list[Rows] = []
    if node in (None, tables.me):
        slices += tables.lanes.copy().values()
    for origin, copies in tables.inbound.copy().items():
        if node in (None, origin):
            slices += copies.copy().values()
    return slices


def count(slices: Iterable[Rows]) -> tuple[int, int]:
    """Count registrations and memberships.

    Any thread, while shards write: what is in a list is there, and is counted in C.
    """
    keys = members = 0
    for each in slices:
        kinds = list(map(type, list(each.rows)))
        found = kinds.count(str)
        keys += found
        members += len(kinds) - found
    return keys, members
