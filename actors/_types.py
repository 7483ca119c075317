"""Names for what Pykka leaves untyped."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pykka

if TYPE_CHECKING:
    from actors._reasons import Reason

# Pykka's ActorRef is generic over the actor's class.
AnyRef: TypeAlias = pykka.ActorRef[Any]
# What a handler answers is known to its author alone.
Answer: TypeAlias = Any
ExcInfo: TypeAlias = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
)


class Reply(Protocol):
    """The place an answer goes to. The first answer wins, later ones are dropped."""

    def set(self, value: Any = None) -> None: ...

    def set_exception(self, exc_info: Any = None) -> None: ...


class Cancel(Protocol):
    """Takes back what was asked for."""

    def __call__(self) -> bool:
        """Say whether this call took it back: False means too late."""


OnDown: TypeAlias = "Callable[[Reason], None]"
