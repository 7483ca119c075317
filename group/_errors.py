"""GroupError and its leaves, as users meet them.

GroupError
  KeyTakenError NotRegisteredError NotOwnerError NotJoinedError
  NotLocalError DeadActorError CondemnedError
  NotConnectedError InvalidClusterError
  InvalidKeyError InvalidMetaError InvalidArgumentError ConfigError
  StoppedError AlreadyStartedError NoSuchGroupError NoProcessError
  ShardTimeoutError
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import transport
from actors import Timeout
from group._core.errors import (
    MAX_SHOWN,
    ConfigError,
    GroupError,
    InvalidArgumentError,
    InvalidClusterError,
    InvalidKeyError,
    InvalidMetaError,
    shown,
)
from group._words import duration

if TYPE_CHECKING:
    from actors import AnyRef

__all__ = [
    "AlreadyStartedError",
    "CondemnedError",
    "ConfigError",
    "DeadActorError",
    "GroupError",
    "InvalidArgumentError",
    "InvalidClusterError",
    "InvalidKeyError",
    "InvalidMetaError",
    "KeyTakenError",
    "NoProcessError",
    "NoSuchGroupError",
    "NotConnectedError",
    "NotJoinedError",
    "NotLocalError",
    "NotOwnerError",
    "NotRegisteredError",
    "ShardTimeoutError",
    "StoppedError",
    "StreamClosedError",
]


class KeyTakenError(GroupError):
    """The key belongs to another actor.

    Attributes:
        key: The key.
        ref: The actor that has it.
        meta: That actor's meta.
        node: The name of that actor's node.
    """

    code = "B022"

    def __init__(
        self,
        key: str,
        ref: AnyRef,
        meta: Mapping[str, object],
        node: str,
        *,
        actor: str = "actor",
        age: float | None = None,
    ) -> None:
        # Words of the message: the actor's class, and seconds since it registered.
        since = "" if age is None else f" since {duration(age)}"
        super().__init__(
            f"key {shown(key)} is already registered by <{actor} on {node}>{since} "
            f"(meta {shown(meta)}); "
            f"use lookup({shown(key)}) or get_or_start(...)"
        )
        self.key = key
        self.ref = ref
        self.meta = meta
        self.node = node


class NotRegisteredError(GroupError):
    """Nobody has the key."""

    code = "B026"

    def __init__(self, key: str) -> None:
        super().__init__(f"key {shown(key)} is not registered by anyone")
        self.key = key


class NotOwnerError(GroupError):
    """The key belongs to an actor of another node."""

    code = "B026"

    def __init__(self, key: str, node: str) -> None:
        super().__init__(
            f"key {shown(key)} is registered by an actor of node {node}; "
            "only that node can unregister it"
        )
        self.key = key
        self.node = node


class NotJoinedError(GroupError):
    """The actor is no member."""

    code = "B027"

    def __init__(self, key: str, actor: str) -> None:
        super().__init__(f"{actor} has not joined {shown(key)}; join it first")
        self.key = key


class NotLocalError(GroupError, transport.NotLocalError):
    """Only actors of this node can be registered, joined or made monitor here."""

    code = "B024"

    def __init__(self, actor: str, node: str, here: str) -> None:
        super().__init__(
            f"{actor} is an actor of node {node}, not of {here}; "
            f"use the group that runs on {node}"
        )
        self.node = node


class DeadActorError(GroupError):
    """The actor has ended."""

    code = "B024"

    def __init__(self, actor: str) -> None:
        super().__init__(f"actor {actor} has ended; start another one")


class CondemnedError(GroupError):
    """The actor has lost a key to another one and is about to end."""

    code = "B025"

    def __init__(self, actor: str, lost: str | None = None) -> None:
        what = "a conflict" if lost is None else shown(lost)
        super().__init__(
            f"actor {actor} is being stopped after losing {what}; "
            "let another actor take its place"
        )


class NotConnectedError(GroupError):
    """This node is not in the cluster."""

    code = "B031"

    def __init__(self, cluster: str, connected: Iterable[str]) -> None:
        names = ", ".join(map(repr, sorted(connected))) or "none"
        if len(names) > MAX_SHOWN:
            names = f"{names[: MAX_SHOWN - 3]}..."
        super().__init__(
            f"not connected to cluster {shown(cluster)}: "
            f"call g.connect({shown(cluster)}) first (connected: {names})"
        )
        self.cluster = cluster


class StoppedError(GroupError):
    """The group has been stopped, or is just stopping."""

    code = "B036"

    def __init__(self, group: str) -> None:
        super().__init__(f"group {shown(group)} is stopped")
        self.group = group


class StreamClosedError(GroupError):
    """The event stream has been closed, or its group has been stopped."""

    code = "B036"

    def __init__(self) -> None:
        super().__init__("this event stream is closed")


class AlreadyStartedError(GroupError):
    """The node already runs a group of this name."""

    code = "B013"

    def __init__(self, group: str, node: str) -> None:
        super().__init__(f"group {shown(group)} already runs on node {shown(node)}")
        self.group = group
        self.node = node


class NoSuchGroupError(GroupError):
    """No group of this name or pattern is there."""

    code = "B043"

    def __init__(self, group: str) -> None:
        super().__init__(f"no such group: {shown(group)}")
        self.group = group


class NoProcessError(GroupError):
    """The group is there, but none of its actors fits what was asked."""

    code = "B043"

    def __init__(self, group: str) -> None:
        super().__init__(f"no actor of group {shown(group)} fits")
        self.group = group


class ShardTimeoutError(GroupError, Timeout):
    """The shard did not answer in time; the request is not carried out after this."""

    code = "B037"

    def __init__(self, shard: int, timeout: float, queue: int) -> None:
        super().__init__(
            f"shard {shard} did not answer in {duration(timeout)} (queue {queue})"
        )
        self.shard = shard
        self.timeout = timeout
        self.queue = queue
