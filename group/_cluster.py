"""Views of named subclusters: the verbs of a group with the cluster filled in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from actors import AnyRef
from group._core.choosing import How, Where
from group._core.events import Entry, Record
from group._core.keys import ALL, Pattern
from group._coroutines.cluster import ClusterAio
from group._errors import StoppedError
from group._verbs.reads import Extract, Kind
from transport import ForkError

if TYPE_CHECKING:
    from group._events.stream import EventStream
    from group._group import Group
    from group._verbs.writes import Meta


class Cluster:
    """One named subcluster of a group, on this node. Its verbs are the group's.

    As a context manager it leaves the cluster at the end of the block, if the
    `connect` that made it was the one that joined it.
    """

    def __init__(self, group: Group, name: str, *, connected: bool) -> None:
        self.group = group
        self.name = name
        # Whether this very call joined the cluster.
        self._ours = connected

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ours:
            # The group's end was the end of its clusters, and a forked child has none.
            with suppress(StoppedError, ForkError):
                self.group.disconnect(self.name)

    async def __aenter__(self) -> Cluster:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ours:
            with suppress(StoppedError, ForkError):
                await self.group.aio.disconnect(self.name)

    def __repr__(self) -> str:
        return f"<Cluster {self.name!r} of {self.group.name!r}>"

    @property
    def aio(self) -> ClusterAio:
        """The verbs that wait, for coroutines; see `Group.aio`."""
        return ClusterAio(self.group.aio, self.name)

    @property
    def ttl_left(self) -> float | None:
        """Seconds until the lease is judged; None without a lease."""
        return self.group.ttl_left(self.name)

    @property
    def connected(self) -> bool:
        """Whether this node is in the cluster."""
        return self.group.connected(self.name)

    def disconnect(self, *, timeout: float = 60.0) -> None:
        """Leave the cluster; see `Group.disconnect`."""
        self.group.disconnect(self.name, timeout=timeout)

    def nodes(self) -> list[str]:
        """Return the nodes in the cluster; see `Group.nodes`."""
        return self.group.nodes(self.name)

    def register(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Claim a key; see `Group.register`."""
        self.group.register(key, meta, actor=actor, cluster=self.name, timeout=timeout)

    def unregister(self, key: str, *, timeout: float = 5.0) -> None:
        """Give up a key; see `Group.unregister`."""
        self.group.unregister(key, cluster=self.name, timeout=timeout)

    def join(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Make an actor a member; see `Group.join`."""
        self.group.join(key, meta, actor=actor, cluster=self.name, timeout=timeout)

    def leave(
        self, key: str, *, actor: AnyRef | None = None, timeout: float = 5.0
    ) -> None:
        """End a membership; see `Group.leave`."""
        self.group.leave(key, actor=actor, cluster=self.name, timeout=timeout)

    def lookup(self, key: str, *, extract_meta: Extract | None = None) -> Entry | None:
        """Return the owner of a key; see `Group.lookup`."""
        return self.group.lookup(key, cluster=self.name, extract_meta=extract_meta)

    def whereis(self, key: str) -> AnyRef | None:
        """Return the actor that owns a key; see `Group.whereis`."""
        return self.group.whereis(key, cluster=self.name)

    def members(
        self,
        key_or_prefix: str,
        *,
        limit: int | None = None,
        extract_meta: Extract | None = None,
    ) -> list[Entry]:
        """Return members; see `Group.members`."""
        return self.group.members(
            key_or_prefix, cluster=self.name, limit=limit, extract_meta=extract_meta
        )

    def local_members(
        self,
        key_or_prefix: str,
        *,
        limit: int | None = None,
        extract_meta: Extract | None = None,
    ) -> list[Entry]:
        """Return members of this node; see `Group.local_members`."""
        return self.group.local_members(
            key_or_prefix, cluster=self.name, limit=limit, extract_meta=extract_meta
        )

    def pick(
        self,
        key: str,
        how: How = "closest",
        *,
        where: Where = "any",
        exclude: AnyRef | None = None,
    ) -> Entry:
        """Choose one member; see `Group.pick`."""
        return self.group.pick(
            key, how, where=where, exclude=exclude, cluster=self.name
        )

    def registry_count(self) -> int:
        """Count registered keys; see `Group.registry_count`."""
        return self.group.registry_count(cluster=self.name)

    def local_registry_count(self) -> int:
        """Count this node's; see `Group.local_registry_count`."""
        return self.group.local_registry_count(cluster=self.name)

    def member_count(self, key_or_prefix: str) -> int:
        """Count members; see `Group.member_count`."""
        return self.group.member_count(key_or_prefix, cluster=self.name)

    def local_member_count(self, key_or_prefix: str) -> int:
        """Count this node's; see `Group.local_member_count`."""
        return self.group.local_member_count(key_or_prefix, cluster=self.name)

    def entries(
        self,
        prefix: str | None = None,
        *,
        kind: Kind | None = None,
        local: bool = False,
    ) -> Iterator[Record]:
        """Yield rows; see `Group.entries`."""
        return self.group.entries(prefix, kind=kind, cluster=self.name, local=local)

    def keys(self, prefix: str | None = None, *, kind: Kind | None = None) -> list[str]:
        """Return keys; see `Group.keys`."""
        return self.group.keys(prefix, kind=kind, cluster=self.name)

    def wait_for(self, key: str, *, timeout: float) -> Entry:
        """Wait for a registration; see `Group.wait_for`."""
        return self.group.wait_for(key, cluster=self.name, timeout=timeout)

    def wait_for_member(
        self, key: str, *, count: int = 1, timeout: float
    ) -> list[Entry]:
        """Wait for members; see `Group.wait_for_member`."""
        return self.group.wait_for_member(
            key, count=count, cluster=self.name, timeout=timeout
        )

    def get_or_start(
        self,
        key: str,
        factory: Callable[[], AnyRef],
        *,
        meta: Mapping[str, object] | None = None,
        timeout: float = 5.0,
    ) -> Entry:
        """Find or start the owner of a key; see `Group.get_or_start`."""
        return self.group.get_or_start(
            key, factory, meta=meta, cluster=self.name, timeout=timeout
        )

    def monitor(self, pattern: Pattern, *, actor: AnyRef | None = None) -> None:
        """Let an actor get events; see `Group.monitor`."""
        self.group.monitor(pattern, actor=actor, cluster=self.name)

    def demonitor(self, pattern: Pattern, *, actor: AnyRef | None = None) -> None:
        """Take that back; see `Group.demonitor`."""
        self.group.demonitor(pattern, actor=actor, cluster=self.name)

    def events(self, pattern: Pattern = ALL, *, snapshot: bool = False) -> EventStream:
        """Stream events; see `Group.events`."""
        return self.group.events(pattern, cluster=self.name, snapshot=snapshot)

    def dispatch(self, key: str, message: object) -> int:
        """Send to owner and members; see `Group.dispatch`."""
        return self.group.dispatch(key, message, cluster=self.name)

    def dispatch_local(self, key: str, message: object) -> int:
        """Send to those of this node; see `Group.dispatch_local`."""
        return self.group.dispatch_local(key, message, cluster=self.name)


class Clusters(Sequence[Cluster]):
    """Several clusters that one `connect` has joined; left together."""

    def __init__(self, clusters: Sequence[Cluster]) -> None:
        self._clusters = tuple(clusters)

    def __enter__(self) -> Clusters:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for cluster in reversed(self._clusters):
            cluster.__exit__(kind, error, trace)

    async def __aenter__(self) -> Clusters:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for cluster in reversed(self._clusters):
            await cluster.__aexit__(kind, error, trace)

    def __getitem__(self, index: int) -> Cluster:  # type: ignore[override]  # no slices
        return self._clusters[index]

    def __len__(self) -> int:
        return len(self._clusters)
