"""The verbs for people who operate a group: status, explain, log_level."""

import errno
import os

from actors import census
from group._clock import monotonic, wall_ms
from group._core.config import check_log_level
from group._core.keys import check_cluster, check_key, matches, shard_of
from group._core.rows import Row
from group._looking.status import (
    ClaimRow,
    ClusterRow,
    Explanation,
    NodeRow,
    ShardRow,
    Status,
)
from group._looking.status import State as StateWord
from group._verbs.counting import count, rows_of
from group._verbs.reads import Reads
from group._version import VERSION
from group._words import duration
from transport import NodeId, State, Trouble

_STATES: dict[State, StateWord] = {
    State.UP: "up",
    State.SUSPECT: "suspect",
    State.DOWN: "down",
}
# Why an address is not reached where nothing runs any more, or that just ends: what the
# system says, and no peer.
_NOBODY_THERE = {
    "refused",
    "timed out",
    "connection closed during the handshake",
    *(os.strerror(number).lower() for number in errno.errorcode),
}


def _told(trouble: Trouble) -> str:
    times = f"{trouble.count} times, last" if trouble.count > 1 else "once,"
    ago = duration(wall_ms() / 1000 - trouble.last)
    return f"{trouble.words} ({times} {ago} ago)"


class Operating(Reads):
    """status, explain, log_level."""

    def log_level(self, level: object) -> None:
        """Change what this group logs on this node: "info", "verbose" or False.

        Takes effect at once.

        Raises:
            ConfigError: No such level.
            StoppedError: The group is stopped.
        """
        self._check_running()
        self._instance.log.level = check_log_level(level)

    def status(self) -> Status:
        """Return how this group is, as this node sees it. `str()` draws a table."""
        self._check_running()
        instance = self._instance
        counters: dict[str, int] = {}
        for runner in instance.runners:
            for what, number in runner.stats.items():
                counters[what] = counters.get(what, 0) + number
        views = list(instance.store.views.values())
        nodes = (self._own_row(), *self._peer_rows(), *self._gone_rows())
        return Status(
            group=instance.config.name,
            node=instance.node.name,
            address=instance.node.address,
            keys=sum(len(view.registry) for view in views),
            members=sum(
                len(group.rows)
                for view in views
                for group in list(view.groups.values())
            ),
            conflicts=instance.conflicts,
            nodes=nodes,
            shards=tuple(
                self._shard_row(index) for index in range(len(instance.runners))
            ),
            clusters=tuple(
                self._cluster_row(name) for name in list(instance.store.views)
            ),
            refused=self._refused(
                {row.address for row in nodes if row.state == "down"}
            ),
            counters=counters,
        )

    def explain(self, key: str, *, cluster: str | None = None) -> Explanation:
        """Return why a key has the owner that it has, as this node sees it.

        Raises:
            InvalidKeyError: Not a key.
            StoppedError: The group is stopped.
        """
        self._check_running()
        instance = self._instance
        name, place = check_key(key), check_cluster(cluster)
        shard = shard_of(place, name, instance.config.shards)
        tables = instance.store.tables[shard]
        view = self._view(cluster)
        shown = view.registry.get(name)
        others = tables.contested.get((place, name), {})
        claims = [row for row in [shown] if row is not None]
        claims += [row for row in list(others.values()) if row is not shown]
        members: dict[str, int] = {}
        group = view.groups.get(name)
        for row in () if group is None else group.snapshot():
            members[row.origin.name] = members.get(row.origin.name, 0) + 1
        return Explanation(
            group=instance.config.name,
            node=instance.node.name,
            cluster=cluster,
            key=name,
            shard=shard,
            connected=place in tables.lanes,
            claims=tuple(self._claim(row, wins=row is shown) for row in claims),
            members=members,
            monitors=sum(
                where == place and matches(pattern, name)
                for monitor in list(instance.store.monitors.values())
                for where, pattern in list(monitor.held)
            ),
        )

    # Rows of the tables

    def _claim(self, row: Row, *, wins: bool) -> ClaimRow:
        state = {peer.name: _STATES[peer.state] for peer in self._instance.node.peers()}
        return ClaimRow(
            node=row.origin.name,
            actor=row.cls,
            age=max(0.0, (wall_ms() - (row.stamp >> 16)) / 1000),
            meta=self._entry(row).meta,
            wins=wins,
            state=state.get(row.origin.name, "up"),
        )

    def _own_row(self) -> NodeRow:
        instance = self._instance
        keys, members = self._counts(instance.me)
        return NodeRow(
            name=instance.node.name,
            address=instance.node.address,
            state="up",
            since=monotonic() - instance.started_at,
            keys=keys,
            members=members,
            actors=len(census().actors),
            queue=sum(runner.waiting for runner in instance.runners),
            version=VERSION,
        )

    def _peer_rows(self) -> list[NodeRow]:
        rows = []
        running = self._instance.store.directory.peers.copy()
        for peer in self._instance.node.peers():
            if peer.name not in running:
                continue
            node = running[peer.name].node
            keys, members = self._counts(node)
            up = peer.state is State.UP
            rows.append(
                NodeRow(
                    name=peer.name,
                    address=peer.address,
                    state=_STATES[peer.state],
                    since=max(0.0, wall_ms() / 1000 - peer.since),
                    keys=keys,
                    members=members,
                    queue=peer.queued,
                    rtt=peer.rtt,
                    version=peer.version or "-",
                    cause=None if up else self._instance.node.down_cause(node),
                )
            )
        return sorted(rows, key=lambda row: row.name)

    def _gone_rows(self) -> list[NodeRow]:
        now = monotonic()
        return [
            NodeRow(
                name=gone.name,
                address=gone.address,
                state="down",
                since=now - gone.at,
                keys=gone.keys,
                members=gone.members,
                cause=gone.cause,
            )
            for gone in self._instance.departed.recent()
        ]

    def _refused(self, down: set[str]) -> tuple[str, ...]:
        """Return words for each trouble that the row of a node does not tell."""
        name = self._instance.config.name
        return tuple(
            _told(each)
            for each in self._instance.node.troubles()
            if each.channel in ("", name)
            and not (each.source in down and each.reason in _NOBODY_THERE)
        )

    def _counts(self, node: NodeId) -> tuple[int, int]:
        """Count the rows that a node owns."""
        tables = self._instance.store.tables
        return count([each for shard in tables for each in rows_of(shard, node)])

    def _shard_row(self, index: int) -> ShardRow:
        instance = self._instance
        tables = instance.store.tables[index]
        keys, members = count(rows_of(tables))
        # A key that two nodes claim is one key.
        contested = tables.contested.copy().values()
        runner = instance.runners[index]
        return ShardRow(
            shard=index,
            keys=keys - sum(len(claims) - 1 for claims in contested),
            members=members,
            queue=runner.waiting,
            restarts=max(0, runner.begun - 1),
        )

    def _cluster_row(self, name: str) -> ClusterRow:
        instance = self._instance
        view = self._view(name or None)
        nodes = instance.directory.nodes(name)
        return ClusterRow(
            cluster=name or None,
            nodes=tuple(nodes),
            keys=len(view.registry),
            members=sum(len(group.rows) for group in list(view.groups.values())),
            ttl_left=instance.leases.left(name, monotonic()),
        )
