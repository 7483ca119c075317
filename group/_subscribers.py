"""Who is told of events: actors that monitor, and event streams."""

from abc import ABC, abstractmethod

from actors import ActorDeadError, AnyRef
from group._core.events import Event, Events
from group._stream import EventStream


class Subscriber(ABC):
    """Somebody who gets batches of events. Called in a shard's turn: must be quick."""

    @abstractmethod
    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Take what happened in one turn of a shard."""


class ActorSubscriber(Subscriber):
    """An actor of this node; equal for equal actors and the same group."""

    def __init__(self, group: str, ref: AnyRef) -> None:
        self.group = group
        self.ref = ref

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Put one message into the actor's mailbox; the dead get none."""
        del shard
        try:
            self.ref.tell(Events(events, self.group))
        except ActorDeadError:
            # Its own monitor takes the subscription away in a moment.
            return

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ActorSubscriber) and self.ref == other.ref

    def __hash__(self) -> int:
        return hash(self.ref)


class StreamSubscriber(Subscriber):
    """An event stream."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Put the events into the stream; never blocks."""
        self.stream.put(shard, events)
