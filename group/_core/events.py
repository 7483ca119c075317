"""What monitors, event streams and readers are given."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, overload

import msgspec

if TYPE_CHECKING:
    from actors import AnyRef


class EventType(enum.StrEnum):
    """What happened to a key. Equal to the plain words, so either can be matched."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    JOINED = "joined"
    LEFT = "left"


# A msgspec.Struct, and not a dataclass like the other values: one is made for every
# change of the view, in 75 ns where a frozen dataclass takes 800.
class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change of the view that this node has of a cluster.

    Frozen. Replaying the events of a monitor from its snapshot gives the view.

    Attributes:
        type: What happened.
        group: The name of the group.
        cluster: The cluster, None for the default one.
        key: The key.
        ref: The actor that is or was registered or joined.
        meta: Its meta, read-only; on `unregistered` and `left` the last one.
        previous_meta: The meta that a second registration or join replaces; None on
            a first one, and on `unregistered` and `left`.
        reason: None on `registered` and `joined`. Else "unregister", "leave", the
            exit reason of the actor, `NodeDown`, "cluster_disconnect" or "conflict".
    """

    type: EventType
    group: str
    cluster: str | None
    key: str
    ref: AnyRef
    meta: Mapping[str, object]
    previous_meta: Mapping[str, object] | None = None
    reason: object = None


@dataclass(frozen=True, slots=True)
class Events(Sequence[Event]):
    """Events that were found in one turn, in their order: one message to a monitor.

    Frozen; iterate it, index it, or match `Events(events, group)`.

    Attributes:
        events: At least one event, all of the same group.
        group: The name of the group.
    """

    events: tuple[Event, ...]
    group: str

    def __len__(self) -> int:
        return len(self.events)

    @overload
    def __getitem__(self, index: int) -> Event: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Event, ...]: ...

    def __getitem__(self, index: int | slice) -> Event | tuple[Event, ...]:
        return self.events[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)


@dataclass(frozen=True, slots=True)
class Lagged:
    """Events were dropped because the reader was too slow; a snapshot follows.

    Attributes:
        missed: How many, at least 1.
    """

    missed: int


class Entry(NamedTuple):
    """An actor under a key, and what was said about it when it came."""

    ref: AnyRef
    meta: Mapping[str, object]


class Record(NamedTuple):
    """One row of a group's tables, with all that names it; `cluster` None: default."""

    kind: Literal["registered", "member"]
    cluster: str | None
    key: str
    ref: AnyRef
    meta: Mapping[str, object]


class Found(NamedTuple):
    """The group of a scope that a name has led to, and its actors, newest first."""

    group: str
    refs: tuple[AnyRef, ...]


class FoundOne(NamedTuple):
    """The group of a scope that a name has led to, and the actor chosen from it."""

    group: str
    ref: AnyRef
