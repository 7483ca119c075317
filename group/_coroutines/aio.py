"""The verbs that wait, for coroutines: the same names and arguments, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar, cast, overload

from actors import AnyRef, Future, Timeout, current
from group._clock import monotonic
from group._core.arguments import check_count, check_timeout
from group._core.events import Entry, Event
from group._core.keys import Pattern, check_cluster, check_key
from group._core.requests import Subscribe, Unsubscribe
from group._errors import ShardTimeoutError
from group._events.subscribers import Subscriber
from group._instance import LOOK_AGAIN, Instance
from group._verbs.shared import Verbs, too_few_members, unregistered
from group._verbs.watching import REQUEST_TIMEOUT, ask_for_fence, concerned

if TYPE_CHECKING:
    from group._cluster import Cluster, Clusters
    from group._group import Group
    from group._verbs.writes import Meta

STOP_TIMEOUT = 5.0

T = TypeVar("T")


class Aio:
    """The verbs of one group that wait, as coroutines; `Group.aio`.

    Nothing here blocks the event loop. Writes are carried out by a few threads of the
    group's own; `wait_for`, `wait_for_member` and `settle` wait in the loop and take no
    thread, however many wait. Reads and `dispatch` do not wait: use the group's.

    `actor=None` is the actor that is current where the coroutine runs, as anywhere
    else: the `mailbox()` that the loop's thread has opened, or the actor that runs the
    loop. Without one it is `NoCurrentActorError`; say `actor=`. The helping threads are
    no actors.

    A coroutine that is cancelled stops waiting at once. A write that a thread has
    begun is finished all the same; one that still waits for a thread is not made.
    Errors are those of the group's verbs.
    """

    def __init__(self, group: Group, instance: Instance) -> None:
        """Made by `Group.aio`."""
        self._group = group
        self._instance = instance

    # Writes

    async def register(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Claim a key for an actor; see `Group.register`."""
        ref = _actor(actor)
        await self._run(
            lambda left: self._group.register(
                key, meta, actor=ref, cluster=cluster, timeout=left
            ),
            timeout,
        )

    async def unregister(
        self, key: str, *, cluster: str | None = None, timeout: float = 5.0
    ) -> None:
        """Give up a key that an actor of this node holds; see `Group.unregister`."""
        await self._run(
            lambda left: self._group.unregister(key, cluster=cluster, timeout=left),
            timeout,
        )

    async def join(
        self,
        key: str,
        meta: Meta = None,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Make an actor a member of a group; see `Group.join`."""
        ref = _actor(actor)
        await self._run(
            lambda left: self._group.join(
                key, meta, actor=ref, cluster=cluster, timeout=left
            ),
            timeout,
        )

    async def leave(
        self,
        key: str,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> None:
        """End an actor's membership; see `Group.leave`."""
        ref = _actor(actor)
        await self._run(
            lambda left: self._group.leave(
                key, actor=ref, cluster=cluster, timeout=left
            ),
            timeout,
        )

    async def get_or_start(
        self,
        key: str,
        factory: Callable[[], AnyRef],
        *,
        meta: Mapping[str, object] | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> Entry:
        """Return the owner of a key, starting one if there is none.

        See `Group.get_or_start`. `factory` is a plain function; it runs on a thread on
        which no actor is current.
        """
        entry = self._group.lookup(key, cluster=cluster)
        if entry is not None:
            return entry
        return await self._run(
            lambda left: self._group.get_or_start(
                key, factory, meta=meta, cluster=cluster, timeout=left
            ),
            timeout,
        )

    async def monitor(
        self,
        pattern: Pattern,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
    ) -> None:
        """Let an actor get `Events`; see `Group.monitor`. Coroutines use `events()`."""
        ref = _actor(actor)
        await self._run(
            lambda _: self._group.monitor(pattern, actor=ref, cluster=cluster),
            2 * REQUEST_TIMEOUT,
        )

    async def demonitor(
        self,
        pattern: Pattern,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
    ) -> None:
        """Take that back; see `Group.demonitor`."""
        ref = _actor(actor)
        await self._run(
            lambda _: self._group.demonitor(pattern, actor=ref, cluster=cluster),
            2 * REQUEST_TIMEOUT,
        )

    # Waiting

    async def wait_for(
        self, key: str, *, cluster: str | None = None, timeout: float
    ) -> Entry:
        """Wait until a key is registered, anywhere; see `Group.wait_for`."""
        found = await self._wait(
            key, cluster, timeout, lambda: self._group.lookup(key, cluster=cluster)
        )
        if found is None:
            raise unregistered(key, timeout)
        return found

    async def wait_for_member(
        self,
        key: str,
        *,
        count: int = 1,
        cluster: str | None = None,
        timeout: float,
    ) -> list[Entry]:
        """Wait until a group has `count` members; see `Group.wait_for_member`."""
        check_count(count)

        def enough() -> list[Entry] | None:
            members = self._group.members(key, cluster=cluster)
            return members if len(members) >= count else None

        found = await self._wait(key, cluster, timeout, enough)
        if found is None:
            here = self._group.member_count(key, cluster=cluster)
            raise too_few_members(key, here, count, timeout)
        return found

    async def settle(self, timeout: float = 5.0) -> None:
        """Wait until every linked peer has applied what was written here before.

        See `Group.settle`.
        """
        self._check_running()
        seconds = check_timeout(timeout)
        deadline = monotonic() + seconds
        instance = self._instance
        number, passed = instance.fences.new()
        asked: dict[int, int] = {}

        def ask(_left: float) -> None:
            ask_for_fence(instance.runners, number, asked, deadline)

        try:
            while not passed.done():
                await self._run(ask, max(0.0, deadline - monotonic()))
                await _pause(passed, deadline)
            self._check_running()
        except Timeout:
            waiting = max(runner.waiting for runner in instance.runners)
            raise ShardTimeoutError(0, seconds, waiting) from None
        finally:
            instance.fences.forget(number)

    # Subclusters, and the end

    @overload
    async def connect(
        self, cluster_or_list: str, *, ttl: float | None = None, timeout: float = 60.0
    ) -> Cluster: ...

    @overload
    async def connect(
        self,
        cluster_or_list: list[str] | tuple[str, ...],
        *,
        ttl: float | None = None,
        timeout: float = 60.0,
    ) -> Clusters: ...

    async def connect(
        self,
        cluster_or_list: str | list[str] | tuple[str, ...],
        *,
        ttl: float | None = None,
        timeout: float = 60.0,
    ) -> Cluster | Clusters:
        """Join subclusters; see `Group.connect`. The view is for `async with`, too."""
        if isinstance(cluster_or_list, str):
            name = cluster_or_list
            return await self._run(
                lambda left: self._group.connect(name, ttl=ttl, timeout=left), timeout
            )
        names = cluster_or_list
        return await self._run(
            lambda left: self._group.connect(names, ttl=ttl, timeout=left), timeout
        )

    async def disconnect(
        self,
        cluster_or_list: str | list[str] | tuple[str, ...],
        *,
        timeout: float = 60.0,
    ) -> None:
        """Leave subclusters; see `Group.disconnect`."""
        await self._run(
            lambda left: self._group.disconnect(cluster_or_list, timeout=left), timeout
        )

    async def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """End this group on this node; see `Group.stop`."""
        if not self._instance.stopped.is_set():
            await self._instance.helpers.run(
                self._group.stop, check_timeout(timeout), urgent=True
            )

    # Helpers

    def _check_running(self) -> None:
        if self._instance.stopped.is_set():
            raise self._instance.ended()

    async def _run(self, call: Callable[[float], T], timeout: float) -> T:
        self._check_running()
        return await self._instance.helpers.run(call, check_timeout(timeout))

    async def _wait(
        self,
        key: str,
        cluster: str | None,
        timeout: float,
        look: Callable[[], T | None],
    ) -> T | None:
        name, place = check_key(key), check_cluster(cluster)
        deadline = monotonic() + check_timeout(timeout)
        found = look()
        if found is not None:
            return found
        knock = _Knock()
        runners = concerned(self._instance.runners, place, name)
        try:
            self._instance.waiting.add(knock)
            for runner in runners:
                runner.post(Subscribe(knock, place, name))
            while (found := look()) is None:
                # Cleared before the look that follows, so no knock is missed.
                left = deadline - monotonic()
                if left <= 0 or not await knock.heard(left):
                    return look()
                self._check_running()
            return found
        finally:
            self._instance.waiting.discard(knock)
            for runner in runners:
                runner.post(Unsubscribe(knock, place, name))


class _Knock(Subscriber):
    """Wakes a waiting coroutine at any event of its key, or at the group's end."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._knocked = asyncio.Event()

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Wake the coroutine; it looks for itself."""
        del shard, events
        self.set()

    def set(self) -> None:
        """Wake it. Any thread."""
        # RuntimeError: the loop has been closed, and nobody waits any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._knocked.set)

    async def heard(self, timeout: float) -> bool:
        """Wait for the next knock, at most so many seconds; tell whether one came."""
        try:
            async with asyncio.timeout(timeout):
                await self._knocked.wait()
        except TimeoutError:
            return False
        self._knocked.clear()
        return True


class Awaiting(Verbs):
    """aio, async with."""

    @property
    def aio(self) -> Aio:
        """The verbs that wait, for coroutines: `await g.aio.register(...)`."""
        return Aio(cast("Group", self), self._instance)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aio.stop()


def _actor(actor: AnyRef | None) -> AnyRef:
    """Settle whose actor it is here: on a helper's thread none is current."""
    return current() if actor is None else actor


async def _pause(passed: Future[None], deadline: float) -> None:
    """Wait for a future, not for long; raise Timeout after the deadline."""
    left = deadline - monotonic()
    answer = asyncio.ensure_future(passed)
    try:
        await asyncio.wait({answer}, timeout=max(0.0, min(LOOK_AGAIN, left)))
    finally:
        answer.cancel()
    if left <= 0 and not passed.done():
        raise Timeout
