"""What `Group.status()` and `Group.explain()` give: values that print as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeAlias

from group._words import duration, uptime

State: TypeAlias = Literal["up", "suspect", "down"]

_COLUMNS = ("NODE", "STATE", "UP", "KEYS", "MEMBERS", "ACTORS", "QUEUE", "RTT")
_RIGHT = frozenset({"KEYS", "MEMBERS", "ACTORS", "QUEUE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One node that runs the group, as this node sees it.

    Attributes:
        name: The node's name.
        address: Its "host:port".
        state: "up", "suspect" (silent, its rows are kept for a while) or "down".
        since: Seconds in this state.
        keys: Registrations that it owns; for a node that is down, that it had.
        members: Memberships that it owns, or had.
        actors: Actors that live there; None when this node cannot know.
        queue: Bytes that wait to be sent to it; for this node requests that wait.
        rtt: Seconds of the last round trip; None for this node itself.
        version: The version of its program.
        cause: Why it is suspect or down.
    """

    name: str
    address: str
    state: State
    since: float
    keys: int
    members: int
    actors: int | None = None
    queue: int = 0
    rtt: float | None = None
    version: str = "-"
    cause: str | None = None

    def __str__(self) -> str:
        return f"{self.name}@{self.address}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRow:
    """One shard of this node.

    Attributes:
        shard: Its number, from 0.
        keys: Registrations in it, of all nodes.
        members: Memberships in it, of all nodes.
        queue: Requests that wait for it.
        restarts: How often it has been restarted.
    """

    shard: int
    keys: int
    members: int
    queue: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRow:
    """One cluster that this node is in.

    Attributes:
        cluster: Its name, None for the default one.
        nodes: The nodes in it, this one included, sorted.
        keys: Registrations in it, of all nodes.
        members: Memberships in it, of all nodes.
        ttl_left: Seconds until its lease is judged; None without one.
    """

    cluster: str | None
    nodes: tuple[str, ...]
    keys: int
    members: int
    ttl_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How a group is, seen from one node. `str()` draws it as `groupctl status` does.

    Attributes:
        group: The group's name.
        node: The name of this node.
        address: The address of this node.
        keys: Registrations of all nodes.
        members: Memberships of all nodes.
        conflicts: Keys of this node that two nodes have held, since the start.
        nodes: This node first, then the others.
        shards: The shards of this node.
        clusters: The clusters that this node is in.
        refused: Words for each peer that was refused, or refused us, and why; not for
            an address where nobody is any more and `nodes` has one that is down.
        counters: What else has been counted since the start.
    """

    group: str
    node: str
    address: str
    keys: int
    members: int
    conflicts: int
    nodes: tuple[NodeRow, ...]
    shards: tuple[ShardRow, ...]
    clusters: tuple[ClusterRow, ...] = ()
    refused: tuple[str, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)

    def counting_actors(self, actors: Mapping[str, int]) -> Status:
        """Return the same with the actors that live on other nodes, by node."""
        rows = (
            row if row.actors is not None else replace(row, actors=actors.get(row.name))
            for row in self.nodes
        )
        return replace(self, nodes=tuple(rows))

    def to_dict(self) -> dict[str, object]:
        """Return the same as plain data that JSON can hold."""
        return _fields(self)

    def __str__(self) -> str:
        down = sum(row.state == "down" for row in self.nodes)
        head = "   ".join(
            (
                f"{self.group} on {self.node}@{self.address}",
                f"{_counted(len(self.nodes) - down, 'node')} up, {down} down",
                _counted(len(self.shards), "shard"),
                _counted(self.keys, "key"),
                _counted(self.members, "member"),
                _counted(self.conflicts, "conflict"),
            )
        )
        refused = (f"refused: {words}" for words in self.refused)
        return "\n".join((head, *_table(self.nodes), *refused))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRow:
    """One actor that says a key is its own.

    Attributes:
        node: The name of the actor's node.
        actor: The name of the actor's class.
        age: Seconds since it registered.
        meta: Its meta.
        wins: Whether it is the one that readers of this node are given.
        state: The state of its node.
    """

    node: str
    actor: str
    age: float
    meta: Mapping[str, object]
    wins: bool
    state: State = "up"

    def __str__(self) -> str:
        where = self.node if self.state == "up" else f"{self.node}, {self.state}"
        return (
            f"<{self.actor} on {where}> since {duration(self.age)} (meta {self.meta})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a key has the owner that it has, or none, as this node sees it.

    Attributes:
        group: The group's name.
        node: The name of this node.
        cluster: The cluster, None for the default one.
        key: The key.
        shard: The number of its shard.
        connected: Whether this node is in the cluster; if not, it sees nothing.
        claims: Who says that the key is its own; the winner first.
        members: How many members each node has under the key.
        monitors: How many monitors here are told of its events.
    """

    group: str
    node: str
    cluster: str | None
    key: str
    shard: int
    connected: bool
    claims: tuple[ClaimRow, ...] = ()
    members: Mapping[str, int] = field(default_factory=dict)
    monitors: int = 0

    def to_dict(self) -> dict[str, object]:
        """Return the same as plain data that JSON can hold."""
        return _fields(self)

    def __str__(self) -> str:
        cluster = "" if self.cluster is None else f" of cluster {self.cluster!r}"
        return "\n".join(
            (
                f"{self.key!r}{cluster} in group {self.group!r} on {self.node}, "
                f"shard {self.shard}",
                *self._owners(),
                f"  members: {self._members()}",
                f"  monitors here: {self.monitors}",
            )
        )

    def _owners(self) -> list[str]:
        if not self.connected:
            return ["  not connected to this cluster: nothing of it is seen here"]
        if not self.claims:
            return ["  registered by nobody"]
        return [
            f"  {'registered by' if claim.wins else 'also claimed by'} {claim}"
            for claim in self.claims
        ]

    def _members(self) -> str:
        each = (f"{count} on {node}" for node, count in sorted(self.members.items()))
        return ", ".join(each) or "none"


Row: TypeAlias = NodeRow | ShardRow | ClusterRow | ClaimRow


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _table(nodes: Iterable[NodeRow]) -> list[str]:
    """Draw the nodes; the columns keep their order, and grow with what is in them."""
    rows = [(row, _cells(row)) for row in nodes]
    widths = {
        column: max([len(column), *(len(cells[at]) for _, cells in rows)])
        for at, column in enumerate(_COLUMNS)
    }
    lines = [_line(widths, _COLUMNS, "VERSION")]
    for row, cells in rows:
        if row.state == "down":
            lines.append(f"{row!s:{widths['NODE']}}  {_epitaph(row)}")
        else:
            lines.append(_line(widths, cells, row.version))
    return lines


def _cells(row: NodeRow) -> tuple[str, ...]:
    if row.state == "down":
        return (str(row), *[""] * (len(_COLUMNS) - 1))
    return (
        str(row),
        row.state,
        uptime(row.since),
        str(row.keys),
        str(row.members),
        "-" if row.actors is None else str(row.actors),
        str(row.queue),
        "-" if row.rtt is None else f"{row.rtt * 1000:.1f} ms",
    )


def _line(widths: Mapping[str, int], cells: Iterable[str], last: str) -> str:
    padded = (
        f"{cell:>{width}}" if column in _RIGHT else f"{cell:<{width}}"
        for (column, width), cell in zip(widths.items(), cells, strict=True)
    )
    return "  ".join((*padded, last))


def _epitaph(row: NodeRow) -> str:
    had = f"(was {_counted(row.keys, 'key')}, {_counted(row.members, 'member')})"
    return f"DOWN {uptime(row.since)} ago: {row.cause or 'unknown cause'} {had}"


def _fields(value: Status | Explanation | Row) -> dict[str, object]:
    return {each.name: plain(getattr(value, each.name)) for each in fields(value)}


def plain(value: object) -> object:
    """Return what JSON can hold; all else as words."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Row):
        return _fields(value)
    # What meta may hold besides: bytes and actor refs.
    return str(value)
