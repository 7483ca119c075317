"""Why actors end, and the messages that say so: frozen, picklable values."""

from __future__ import annotations

import traceback as tracebacks
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from actors._types import AnyRef

# Any frozen, picklable value. Known ones: "normal", "shutdown", "killed", "noproc",
# Crash and NodeDown.
Reason: TypeAlias = object


@dataclass(frozen=True, slots=True)
class Crash:
    """The actor ended by an exception, which is kept as text only.

    A live exception would hold the frames of its traceback, and with them the dead
    actor.

    Attributes:
        type: The name of the exception's class.
        message: Its text.
        traceback: Where it was raised, as Python prints it.
    """

    type: str
    message: str
    traceback: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type

    @classmethod
    def of(cls, error: BaseException) -> Crash:
        """Describe an exception without keeping it."""
        return cls(
            type(error).__name__,
            _words(error),
            "".join(tracebacks.format_exception(error)),
        )


def _words(error: BaseException) -> str:
    """Give str(error), even where the exception's own __str__ fails."""
    with suppress(Exception):
        return str(error)
    return ""


@dataclass(frozen=True, slots=True)
class NodeDown:
    """The node of the actor was lost; the actor itself may live on over there.

    Attributes:
        node: The name of that node.
        cause: Why it was given up, in words.
    """

    node: str
    cause: str

    def __str__(self) -> str:
        return f"node {self.node} is down: {self.cause}"


_numbers = count(1)


@dataclass(frozen=True, slots=True)
class MonitorRef:
    """One watch for one death. Unique in this interpreter, hashable."""

    id: int

    @classmethod
    def new(cls) -> MonitorRef:
        """Give a monitor that equals no other."""
        return cls(next(_numbers))


@dataclass(frozen=True, slots=True)
class Down:
    """What a monitor gets when its actor has ended, exactly once.

    Attributes:
        monitor: What `monitor` returned.
        ref: The actor that has ended.
        reason: Why: "normal", "shutdown", "killed", "noproc", `Crash`, `NodeDown`, or
            what `exit` was given.
    """

    monitor: MonitorRef
    ref: AnyRef
    reason: Reason


@dataclass(frozen=True, slots=True)
class Exit:
    """What an actor with `trap_exits` gets instead of being ended.

    Attributes:
        ref: The linked actor that has ended, or who called `exit`; None when that was
            no actor.
        reason: Why, as in `Down`.
    """

    ref: AnyRef | None
    reason: Reason


@dataclass(frozen=True, slots=True)
class DecodeFailed:
    """A message from elsewhere that could not be made into an object here."""

    type: str
    message: str
