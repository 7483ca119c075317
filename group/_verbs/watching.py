"""The verbs that wait and watch: monitors, event streams, wait_for, settle."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVar

from actors import (
    ActorDeadError,
    AnyRef,
    ForeignRef,
    Future,
    Timeout,
    is_ref,
    stop_with,
    whereis,
)
from group._clock import monotonic
from group._core.arguments import check_count, check_timeout
from group._core.errors import shown
from group._core.events import Entry, Event
from group._core.keys import (
    ALL,
    Pattern,
    check_cluster,
    check_key,
    check_pattern,
    is_prefix,
    shard_of,
)
from group._core.requests import DONE, Settle, Subscribe, Unsubscribe
from group._errors import KeyTakenError, ShardTimeoutError
from group._events.monitors import Add, Remove
from group._events.stream import EventStream
from group._events.subscribers import StreamSubscriber, Subscriber
from group._instance import LOOK_AGAIN
from group._running import in_event_loop
from group._tree.runner import Runner
from group._verbs.reads import Reads
from group._verbs.shared import ATTEMPTS, too_few_members, unregistered
from group._verbs.writes import Writes

REQUEST_TIMEOUT = 5.0
"""Seconds within which monitors and streams are set up."""


_Found = TypeVar("_Found")


class _Knock(Subscriber):
    """Wakes a waiting caller at any event of its key."""

    def __init__(self) -> None:
        self.knocked = threading.Event()

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Wake the caller; it looks for itself."""
        del shard, events
        self.knocked.set()


class Watching(Reads, Writes):
    """wait_for, get_or_start, settle, monitor, events."""

    def wait_for(
        self, key: str, *, cluster: str | None = None, timeout: float
    ) -> Entry:
        """Wait until a key is registered, anywhere, and return its owner.

        Raises:
            Timeout: Nobody has registered it.
            InvalidKeyError: Not a key.
            StoppedError: The group is stopped.
        """
        found = self._wait(
            key, cluster, timeout, lambda: self.lookup(key, cluster=cluster)
        )
        if found is None:
            raise unregistered(key, timeout)
        return found

    def wait_for_member(
        self,
        key: str,
        *,
        count: int = 1,
        cluster: str | None = None,
        timeout: float,
    ) -> list[Entry]:
        """Wait until a group has at least `count` members, and return them.

        Raises:
            Timeout: It has fewer.
            InvalidKeyError: Not a key.
            StoppedError: The group is stopped.
        """
        check_count(count)

        def enough() -> list[Entry] | None:
            members = self.members(key, cluster=cluster)
            return members if len(members) >= count else None

        found = self._wait(key, cluster, timeout, enough)
        if found is None:
            here = self.member_count(key, cluster=cluster)
            raise too_few_members(key, here, count, timeout)
        return found

    def get_or_start(
        self,
        key: str,
        factory: Callable[[], AnyRef],
        *,
        meta: Mapping[str, object] | None = None,
        cluster: str | None = None,
        timeout: float = 5.0,
    ) -> Entry:
        """Return the owner of a key, starting and registering one if there is none.

        When two callers race, one actor is registered and both get it; the other's is
        stopped with "shutdown".

        Args:
            key: The key.
            factory: Returns the ref of an actor it has started.
            meta: Registered with it.
            cluster: None is the default cluster.
            timeout: Seconds in all.

        Raises:
            ShardTimeoutError: The shard did not answer in time.
            GroupError: As `register`.
        """
        deadline = monotonic() + check_timeout(timeout)
        entry = self.lookup(key, cluster=cluster)
        if entry is not None:
            return entry
        ref = factory()
        if not is_ref(ref):
            raise TypeError(f"factory() returned {shown(ref)}, which is no actor ref")
        try:
            self.register(
                key,
                meta,
                actor=ref,
                cluster=cluster,
                timeout=max(0.0, deadline - monotonic()),
            )
        except KeyTakenError as taken:
            stop_with(ref, "shutdown")
            return Entry(taken.ref, taken.meta)
        except BaseException:
            if not isinstance(ref, ForeignRef):
                stop_with(ref, "shutdown")
            raise
        entry = self.lookup(key, cluster=cluster)
        return Entry(ref, meta or {}) if entry is None else entry

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until every linked peer has applied all that was written here before.

        And until this node has applied what each of them had written when it answered.

        Raises:
            ShardTimeoutError: A peer did not answer in time.
            StoppedError: The group is stopped.
        """
        self._check_running()
        seconds = check_timeout(timeout)
        deadline = monotonic() + seconds
        number, passed = self._instance.fences.new()
        asked: dict[int, int] = {}
        try:
            while not passed.done():
                ask_for_fence(self._instance.runners, number, asked, deadline)
                _pause(passed, deadline)
            self._check_running()
        except Timeout:
            waiting = max(runner.waiting for runner in self._instance.runners)
            raise ShardTimeoutError(0, seconds, waiting) from None
        finally:
            self._instance.fences.forget(number)

    def monitor(
        self,
        pattern: Pattern,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
    ) -> None:
        """Let an actor get `Events` of the keys that match a pattern.

        One message per turn of a shard; events that several patterns match come once.
        A second time changes nothing. Ends with the actor.

        Args:
            pattern: A key, a prefix that ends in "/", or `group.ALL`.
            actor: An actor of this node; the current one if not given.
            cluster: Events of this cluster alone; this node need not be in it.

        Raises:
            NoCurrentActorError: No actor was given and none runs here.
            NotLocalError: The actor belongs to another node.
            DeadActorError: The actor has ended.
            InvalidKeyError: Not a pattern.
            ShardTimeoutError: The monitor registry did not answer in time.
            StoppedError: The group is stopped.
        """
        checked, place = check_pattern(pattern), check_cluster(cluster)
        ref, _ = self._owner(actor)
        self._ask_registry(Add(ref, place, checked))

    def demonitor(
        self,
        pattern: Pattern,
        *,
        actor: AnyRef | None = None,
        cluster: str | None = None,
    ) -> None:
        """Take back exactly this pattern of a monitor; nothing happens without one.

        Raises:
            NoCurrentActorError: No actor was given and none runs here.
            NotLocalError: The actor belongs to another node.
            InvalidKeyError: Not a pattern.
            ShardTimeoutError: The monitor registry did not answer in time.
            StoppedError: The group is stopped.
        """
        checked, place = check_pattern(pattern), check_cluster(cluster)
        ref, _ = self._owner(actor)
        self._ask_registry(Remove(ref, place, checked))

    def events(
        self,
        pattern: Pattern = ALL,
        *,
        cluster: str | None = None,
        snapshot: bool = False,
    ) -> EventStream:
        """Return the events of a pattern as a stream, for a thread or a coroutine.

        Use it with `with` or `async with`, and iterate it; in a coroutine it never
        blocks. Bounded: a reader that is too slow is told `Lagged(missed)`, and the
        stream begins again with the rows that are there.

        Args:
            pattern: A key, a prefix that ends in "/", or `group.ALL`.
            cluster: Events of this cluster alone.
            snapshot: Begin with an event for each row that is there, in the same turn.

        Raises:
            InvalidKeyError: Not a pattern.
            StoppedError: The group is stopped.
        """
        self._check_running()
        checked, place = check_pattern(pattern), check_cluster(cluster)
        instance = self._instance
        stream = EventStream(
            instance.config.max_events,
            stale=snapshot,
            close_hook=lambda: self._unsubscribe(subscriber),
            on_lag=lambda: instance.restart(subscriber, [(place, checked)]),
        )
        subscriber = StreamSubscriber(stream, lambda: self._forget(subscriber))
        instance.streams.add(stream)
        for runner in instance.runners:
            runner.post(Subscribe(subscriber, place, checked))
        if snapshot:
            instance.restart(subscriber, [(place, checked)])
        if not in_event_loop():
            # What happens after this call is in the stream. In a coroutine it is, too:
            # what comes to a shard after this comes after the requests in its queue.
            for runner in instance.runners:
                runner.call(None, REQUEST_TIMEOUT)
        if instance.stopped.is_set():
            # The end may have come before it knew of this stream.
            stream.finish()
        return stream

    # Helpers

    def _unsubscribe(self, subscriber: StreamSubscriber) -> None:
        for runner in self._instance.runners:
            runner.post(Unsubscribe(subscriber, "", None))

    def _forget(self, subscriber: StreamSubscriber) -> None:
        # The garbage collector may call this within a turn, or anything else: so
        # without taking a lock. The next tick sees to what is put there.
        for runner in self._instance.runners:
            runner.enqueue(Unsubscribe(subscriber, "", None))

    def _ask_registry(self, message: Add | Remove) -> None:
        deadline = monotonic() + REQUEST_TIMEOUT
        crashes = 0
        while not (answered := self._tell_registry(message, deadline)):
            crashes += answered is False
            if monotonic() > deadline or crashes == ATTEMPTS:
                self._check_running()
                raise ShardTimeoutError(0, REQUEST_TIMEOUT, 0)
            # Being restarted; the next one has all that it knew.
            self._instance.await_restart()
        for runner in self._instance.runners:
            # What happens after this call is told, or not any more. A shard that takes
            # longer has it in its queue, and handles it all the same.
            with suppress(Timeout):
                runner.call(None, max(0.0, deadline - monotonic()))

    def _tell_registry(self, message: Add | Remove, deadline: float) -> bool | None:
        """Return whether it is done; None if nobody was there to do it."""
        self._check_running()
        registry = whereis(self._instance.registry_name)
        if registry is None:
            return None
        try:
            answer = registry.ask(message, block=False)
        except ActorDeadError:
            return None
        # As every actor of ours answers: its get() would raise what has crashed it.
        assert isinstance(answer, Future)
        handled = threading.Event()
        answer.add_done_callback(lambda _: handled.set())
        handled.wait(max(0.0, deadline - monotonic()))
        return answer.succeeded()

    def _wait(
        self,
        key: str,
        cluster: str | None,
        timeout: float,
        look: Callable[[], _Found | None],
    ) -> _Found | None:
        name, place = check_key(key), check_cluster(cluster)
        deadline = monotonic() + check_timeout(timeout)
        found = look()
        if found is not None:
            return found
        knock = _Knock()
        runners = concerned(self._instance.runners, place, name)
        try:
            # Within the `try`: Ctrl-C must leave nobody behind that is told for ever.
            self._instance.waiting.add(knock.knocked)
            for runner in runners:
                runner.post(Subscribe(knock, place, name))
            while (found := look()) is None:
                # Cleared before the look that follows, so no knock is missed.
                left = deadline - monotonic()
                if left <= 0 or not knock.knocked.wait(left):
                    return look()
                self._check_running()
                knock.knocked.clear()
            return found
        finally:
            self._instance.waiting.discard(knock.knocked)
            for runner in runners:
                runner.post(Unsubscribe(knock, place, name))


def _pause(passed: Future[None], deadline: float) -> None:
    """Wait for a future, not for long; raise Timeout after the deadline."""
    try:
        passed.get(timeout=min(LOOK_AGAIN, max(0.0, deadline - monotonic())))
    except Timeout:
        if monotonic() >= deadline:
            raise


def ask_for_fence(
    runners: list[Runner], number: int, asked: dict[int, int], deadline: float
) -> None:
    """Ask the shards to settle; those that crashed since they were asked, again."""
    for runner in runners:
        life = runner.begun
        if asked.get(runner.index) != life:
            answer = runner.call(Settle(number), max(0.0, deadline - monotonic()))
            if answer == DONE:
                asked[runner.index] = life


def concerned(runners: list[Runner], cluster: str, key: str) -> list[Runner]:
    """Return the shards that have a key, or some of the keys of a prefix."""
    if is_prefix(key):
        return runners
    shard = shard_of(cluster, key, len(runners))
    return runners[shard : shard + 1]
