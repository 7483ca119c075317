"""EventStream: the events of a group as a bounded queue, for threads and coroutines."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from threading import Condition
from types import TracebackType
from typing import TypeAlias

from actors import Timeout
from group._core.events import Event, Lagged
from group._errors import StreamClosedError

Item: TypeAlias = Event | Lagged
Sleepers: TypeAlias = list[asyncio.Future[None]]


class EventStream(Iterator[Item], AsyncIterator[Item]):
    """What happens to the keys of a pattern, in order, until the stream is closed.

    Iterate it in a thread or in a coroutine. Several may share it; then each event goes
    to one of them. A slow reader holds nobody up: when too many events wait, newer ones
    are dropped and the reader is told `Lagged(missed)`, after which the stream begins
    again, with an event for each row that is there.

    Written by the shards, with `put` and `restart`. The order holds per shard.
    """

    def __init__(
        self,
        max_events: int = 10_000,
        *,
        stale: bool = False,
        close_hook: Callable[[], None] | None = None,
        on_lag: Callable[[], None] | None = None,
    ) -> None:
        """Make an empty stream.

        Args:
            max_events: Events that wait at most. A batch is never cut, and the rows of
                a snapshot come on top.
            stale: Begin with a snapshot: drop a source's events until it restarts.
            close_hook: Called once, by the first `close`, in its thread.
            on_lag: Called when the reader is told that it lagged, in its thread. Must
                not block; must see to it that every source calls `restart`. Without
                it the stream goes on with a hole.
        """
        self._max_events = max_events
        self._close_hook = close_hook
        self._on_lag = on_lag
        self._changed = Condition()
        # Its lock guards all that follows.
        self._waiting: deque[Event] = deque()
        self._bound = max_events
        self._missed = 0  # As if a Lagged stood at the end of those that wait.
        self._fresh: set[int] | None = set() if stale else None  # None: all sources.
        self._ended = False
        self._sleepers: Sleepers = []

    # --- for the group; from any thread, never blocks ---

    def put(self, source: int, events: Sequence[Event]) -> None:
        """Add what happened in one turn of a shard."""
        with self._changed:
            if self._ended or not events:
                return
            if self._missed:
                self._missed += len(events)
                return
            if self._fresh is not None and source not in self._fresh:
                return  # The snapshot that is to come has it.
            if len(self._waiting) < self._bound:
                self._waiting.extend(events)
            else:
                self._missed = len(events)
                self._fresh = set()
            sleepers = self._wake()
        _rouse(sleepers)

    def restart(self, source: int, snapshot: Sequence[Event]) -> None:
        """Add the rows of a shard, and from now on its events.

        `put` and `restart` of one source come in the order of its turns. Does nothing
        if this source need not restart, or if the reader has lagged once more and has
        not been told yet: it will ask again.
        """
        with self._changed:
            fresh = self._fresh
            if self._ended or self._missed or fresh is None or source in fresh:
                return
            fresh.add(source)
            self._waiting.extend(snapshot)
            self._bound += len(snapshot)
            sleepers = self._wake()
        _rouse(sleepers)

    def finish(self) -> None:
        """End the stream after what waits: the group has stopped."""
        with self._changed:
            self._ended = True
            sleepers = self._wake()
        _rouse(sleepers)

    def abandon(self) -> None:
        """In a forked child: end the stream without its lock, which may be taken."""
        self._changed = Condition()
        self._ended = True
        self._missed = 0
        self._waiting.clear()
        self._close_hook = None

    # --- for readers ---

    def get(self, timeout: float | None = None) -> Item:
        """Take what comes next.

        Args:
            timeout: Seconds to wait; None waits until something happens.

        Raises:
            Timeout: Nothing has happened.
            StreamClosedError: The stream is closed.
        """
        with self._changed:
            if not self._changed.wait_for(self._ready, timeout):
                raise Timeout(f"no event in {timeout:g} s")
            item = self._take()
        return self._told(item)

    def close(self) -> None:
        """End the stream at once, for all readers; what waits is dropped."""
        with self._changed:
            self._ended = True
            self._missed = 0
            self._waiting.clear()
            hook, self._close_hook = self._close_hook, None
            sleepers = self._wake()
        _rouse(sleepers)
        if hook is not None:
            hook()

    @property
    def waiting(self) -> int:
        """How many events wait to be read."""
        return len(self._waiting)

    def __next__(self) -> Item:
        try:
            return self.get()
        except StreamClosedError:
            raise StopIteration from None

    async def __anext__(self) -> Item:
        while True:
            with self._changed:
                sleeper = None if self._ready() else self._new_sleeper()
                item = self._take()
            if sleeper is None:
                break
            try:
                await sleeper
            finally:
                self._forget(sleeper)
        try:
            return self._told(item)
        except StreamClosedError:
            raise StopAsyncIteration from None

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> EventStream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._ended else f"{self.waiting} waiting"
        return f"<EventStream {state}>"

    # --- with the lock held ---

    def _ready(self) -> bool:
        return bool(self._waiting or self._missed or self._ended)

    def _take(self) -> Item | None:
        """Take what comes next; None: nothing is there, or this is the end."""
        if self._waiting:
            item = self._waiting.popleft()
            if not self._waiting:
                self._bound = self._max_events
            return item
        if not self._missed:
            return None
        missed, self._missed = self._missed, 0
        if self._on_lag is None:
            self._fresh = None
        return Lagged(missed)

    def _new_sleeper(self) -> asyncio.Future[None]:
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append(sleeper)
        return sleeper

    def _wake(self) -> Sleepers:
        """Wake the threads, and return the coroutines that are to be woken."""
        self._changed.notify_all()
        sleepers, self._sleepers = self._sleepers, []
        return sleepers

    # --- without it ---

    def _told(self, item: Item | None) -> Item:
        if item is None:
            raise StreamClosedError
        if isinstance(item, Lagged) and self._on_lag is not None:
            self._on_lag()
        return item

    def _forget(self, sleeper: asyncio.Future[None]) -> None:
        # A reader that was cancelled would stay in the list until the next event.
        with self._changed, suppress(ValueError):
            self._sleepers.remove(sleeper)


def _rouse(sleepers: Sleepers) -> None:
    for sleeper in sleepers:
        # RuntimeError: its loop has been closed, and nobody waits any more.
        with suppress(RuntimeError):
            sleeper.get_loop().call_soon_threadsafe(_end_sleep, sleeper)


def _end_sleep(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
