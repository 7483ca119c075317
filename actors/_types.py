"""Names for what Pykka leaves untyped."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pykka

if TYPE_CHECKING:
    from actors._reasons import Reason

# Pykka's ActorRef is generic over the actor's class.
AnyRef: TypeAlias = pykka.ActorRef[Any]
# What a handler answers is known to its author alone.
Answer: TypeAlias = Any


class Reply(Protocol):
    """The place an answer goes to. The first answer wins, later ones are dropped."""

    def set(self, value: Answer = None) -> None: ...

    def set_exception(self, exc_info: Answer = None) -> None: ...


class Cancel(Protocol):
    """Takes back what was asked for."""

    def __call__(self) -> bool:
        """Say whether this call took it back: False means too late."""


OnDown: TypeAlias = "Callable[[Reason], None]"
