"""The verbs of a subcluster that wait, for coroutines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from actors import AnyRef
from group._core.events import Entry
from group._core.keys import Pattern

if TYPE_CHECKING:
    from group._coroutines.aio import Aio
    from group._verbs.writes import Meta


class ClusterAio:
    """The verbs of `Aio` with the cluster filled in; `Cluster.aio`."""

    def __init__(self, aio: Aio, name: str) -> None:
        """Made by `Cluster.aio`."""
        self._aio = aio
        self._name = name

    async def register(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Claim a key; see `Group.register`."""
        await self._aio.register(
            key, meta, actor=actor, cluster=self._name, timeout=timeout
        )

    async def unregister(self, key: str, *, timeout: float = 5.0) -> None:
        """Give up a key; see `Group.unregister`."""
        await self._aio.unregister(key, cluster=self._name, timeout=timeout)

    async def join(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Make an actor a member; see `Group.join`."""
        await self._aio.join(
            key, meta, actor=actor, cluster=self._name, timeout=timeout
        )

    async def leave(
        self, key: str, *, actor: AnyRef | None = None, timeout: float = 5.0
    ) -> None:
        """End a membership; see `Group.leave`."""
        await self._aio.leave(key, actor=actor, cluster=self._name, timeout=timeout)

    async def get_or_start(
        self,
        key: str,
        factory: Callable[[], AnyRef],
        *,
        meta: Mapping[str, object] | None = None,
        timeout: float = 5.0,
    ) -> Entry:
        """Find or start the owner of a key; see `Group.get_or_start`."""
        return await self._aio.get_or_start(
            key, factory, meta=meta, cluster=self._name, timeout=timeout
        )

    async def monitor(self, pattern: Pattern, *, actor: AnyRef | None = None) -> None:
        """Let an actor get events; see `Group.monitor`."""
        await self._aio.monitor(pattern, actor=actor, cluster=self._name)

    async def demonitor(self, pattern: Pattern, *, actor: AnyRef | None = None) -> None:
        """Take that back; see `Group.demonitor`."""
        await self._aio.demonitor(pattern, actor=actor, cluster=self._name)

    async def wait_for(self, key: str, *, timeout: float) -> Entry:
        """Wait for a registration; see `Group.wait_for`."""
        return await self._aio.wait_for(key, cluster=self._name, timeout=timeout)

    async def wait_for_member(
        self, key: str, *, count: int = 1, timeout: float
    ) -> list[Entry]:
        """Wait for members; see `Group.wait_for_member`."""
        return await self._aio.wait_for_member(
            key, count=count, cluster=self._name, timeout=timeout
        )

    async def disconnect(self, *, timeout: float = 60.0) -> None:
        """Leave the cluster; see `Group.disconnect`."""
        await self._aio.disconnect(self._name, timeout=timeout)
