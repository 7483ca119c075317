"""Everything a core may ask of the world. The shell runs them in order."""

from collections.abc import Hashable

import msgspec

from group._core.events import Event
from group._core.messages import Message
from group._core.rows import Row


class _Effect(msgspec.Struct, frozen=True, gc=False):
    """A value: built once, compared by type and content."""


class Send(_Effect, frozen=True):
    """Queue a message on each of these links, in order."""

    tokens: tuple[int, ...]
    message: Message


class Cut(_Effect, frozen=True):
    """Close this link: the peer broke the protocol."""

    token: int
    why: str


class Watch(_Effect, frozen=True):
    """Report the death of this local actor as an `ActorDown`."""

    n: int


class Notify(_Effect, frozen=True):
    """Hand a batch of events to a subscriber."""

    subscriber: Hashable
    events: tuple[Event, ...]


class Evict(_Effect, frozen=True):
    """Stop a local actor: it has lost `key` to `winner`."""

    n: int
    cluster: str
    key: str
    winner: Row


class Reply(_Effect, frozen=True):
    """The answer to the request of this turn."""

    answer: object


class Settled(_Effect, frozen=True):
    """The fence `id` has been answered by every link it was sent to."""

    id: int


class Report(_Effect, frozen=True):
    """Something an operator may want to read."""

    level: str
    event: str
    fields: dict[str, object]


class ToShards(_Effect, frozen=True):
    """(Catalogue only.) Hand a request to every shard, in this order."""

    request: object


Effect = Send | Cut | Watch | Notify | Evict | Reply | Settled | Report | ToShards
