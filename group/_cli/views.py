"""How people read the answers that are lists: as tables, or as lines for programs."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from group._cli.paper import Paper
from group._words import duration

# What a peer has answered: looked at with care, and never trusted to be there.
Row: TypeAlias = Mapping[str, Any]
View: TypeAlias = Callable[[Paper, Namespace, str, Any], None]


def _names(paper: Paper, options: Namespace, text: str, data: Sequence[str]) -> None:
    del options, text
    paper.names(data)


def _actors_of_key(
    paper: Paper, options: Namespace, text: str, data: Sequence[Row] | Row
) -> None:
    del options, text
    rows = [data] if isinstance(data, Mapping) else data
    heads = ("ACTOR", "ID", "NODE", "META")
    paper.table(
        heads, [(row["actor"], row["id"], row["node"], row["meta"]) for row in rows]
    )


def _clusters(paper: Paper, options: Namespace, text: str, data: Sequence[Row]) -> None:
    del options, text
    heads = ("CLUSTER", "KEYS", "MEMBERS", "TTL LEFT", "NODES")
    rows = [
        (
            "(default)" if row["cluster"] is None else row["cluster"],
            row["keys"],
            row["members"],
            None if row["ttl_left"] is None else duration(row["ttl_left"]),
            ", ".join(row["nodes"]) + ("" if row["here"] else "  (not this node)"),
        )
        for row in data
    ]
    paper.table(heads, rows)


def busiest(options: Namespace, data: object) -> Sequence[Row]:
    """Return all actors, those with most of what --top says first.

    Where they have equally much, the user's come before those of the library.
    """
    if not isinstance(data, list):
        return []
    # A node of an older version does not say whose they are.
    return sorted(
        data, key=lambda row: (-row[options.top], row.get("own", False), row["id"])
    )


def _actors(paper: Paper, options: Namespace, text: str, data: Sequence[Row]) -> None:
    del options, text
    heads = ("MAILBOX", "RESTARTS", "ID", "ACTOR", "CHILD OF")
    rows = [
        (row["mailbox"], row["restarts"], row["id"], row["class"], _place(row))
        for row in data
    ]
    paper.table(heads, rows)


def _place(row: Row) -> str | None:
    if row["supervisor"] is None:
        return None
    return f"{row['supervisor']}, as {row['child']}"


VIEWS: dict[str, View] = {
    "nodes": _names,
    "keys": _names,
    "members": _actors_of_key,
    "lookup": _actors_of_key,
    "clusters": _clusters,
    "actors": _actors,
}
