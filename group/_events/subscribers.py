"""Who is told of events: actors that monitor, and event streams."""

import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence

from actors import ActorDeadError, AnyRef, inject
from group._core.events import Event, Events, Lagged
from group._events.stream import EventStream


class Subscriber(ABC):
    """Somebody who gets batches of events. Called in a shard's turn: must be quick."""

    @abstractmethod
    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Take what happened in one turn of a shard."""

    def restart(self, shard: int, snapshot: Sequence[Event]) -> None:
        """Take the rows that a shard has now, in place of what was missed."""
        del shard, snapshot


class ActorSubscriber(Subscriber):
    """An actor of this node. There is one for each actor that monitors a group.

    An actor that does not keep up is told so once, with `Lagged`, when it has handled
    what waits; then it gets the rows that are there, as if they had just come.

    Args:
        group: The group's name.
        ref: The actor.
        max_events: Events that may wait in its mailbox. A batch is never cut.
        on_lag: Called in the actor's thread when it is told that it lagged; must see
            to it that every shard calls `restart`, and must not block.
        stale: Begin with a snapshot: drop a shard's events until it restarts.
    """

    def __init__(
        self,
        group: str,
        ref: AnyRef,
        max_events: int,
        on_lag: Callable[["ActorSubscriber"], None],
        *,
        stale: bool = False,
    ) -> None:
        self.group = group
        self.ref = ref
        self._max_events = max_events
        self._on_lag = on_lag
        # Guards all that follows. What waits here has one envelope each in the
        # actor's mailbox, which takes it out when its turn comes.
        self._lock = threading.Lock()
        self._batches: deque[tuple[Event, ...]] = deque()
        self._waiting = 0
        self._missed = 0
        # None: no shard needs to restart.
        self._fresh: set[int] | None = set() if stale else None

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Put one message into the actor's mailbox; the dead get none."""
        with self._lock:
            if self._missed:
                self._missed += len(events)
                return
            if self._fresh is not None and shard not in self._fresh:
                return  # The snapshot that is to come has it.
            if self._waiting < self._max_events:
                self._batches.append(events)
                self._waiting += len(events)
                load: Callable[[], object] = self._next
            else:
                self._missed = len(events)
                self._fresh = set()
                load = self._lagged
            self._announce(load)

    def restart(self, shard: int, snapshot: Sequence[Event]) -> None:
        """Put the rows of a shard into the mailbox, and from now on its events."""
        with self._lock:
            fresh = self._fresh
            if self._missed or fresh is None or shard in fresh:
                return
            fresh.add(shard)
            if snapshot:
                self._batches.append(tuple(snapshot))
                self._waiting += len(snapshot)
                self._announce(self._next)

    def _announce(self, load: Callable[[], object]) -> None:
        try:
            inject(self.ref, load, None)
        except ActorDeadError:
            # Its own monitor takes the subscription away in a moment.
            return

    def _next(self) -> Events:
        with self._lock:
            batch = self._batches.popleft()
            self._waiting -= len(batch)
        return Events(batch, self.group)

    def _lagged(self) -> Lagged:
        with self._lock:
            missed, self._missed = self._missed, 0
        self._on_lag(self)
        return Lagged(missed)


class StreamSubscriber(Subscriber):
    """An event stream, for as long as somebody holds it.

    Args:
        stream: The stream.
        dropped: Called when nobody holds it any more, by whichever thread notices,
            whatever that has locked.
    """

    def __init__(self, stream: EventStream, dropped: Callable[[], None]) -> None:
        self._stream = weakref.ref(stream, lambda _: dropped())

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Put the events into the stream; never blocks."""
        stream = self._stream()
        if stream is not None:
            stream.put(shard, events)

    def restart(self, shard: int, snapshot: Sequence[Event]) -> None:
        """Put the rows of a shard into the stream."""
        stream = self._stream()
        if stream is not None:
            stream.restart(shard, snapshot)
