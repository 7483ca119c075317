"""Errors: what the caller got wrong, and what it cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pykka
from pykka import ActorDeadError

if TYPE_CHECKING:
    from actors._reasons import Reason

__all__ = [
    "ActorDeadError",
    "ActorError",
    "ChildError",
    "DeadlockError",
    "MaxChildrenError",
    "NoCurrentActorError",
    "StartError",
    "Timeout",
]


class Timeout(pykka.Timeout, TimeoutError):  # noqa: N818 - Pykka's name
    """A `timeout=` has passed. Both Pykka's Timeout and Python's TimeoutError."""


class ActorError(Exception):
    """An error of this package."""


class NoCurrentActorError(ActorError):
    """The code does not run inside an actor, and no actor was named."""

    def __init__(self) -> None:
        super().__init__(
            "no current actor: call this inside an actor, "
            "inside 'with actors.mailbox():', or pass actor=ref"
        )


class DeadlockError(ActorError):
    """The reply can never come: its giver waits for the asker."""


class StartError(ActorError):
    """An actor or child did not come up.

    Attributes:
        id: The child's id, or the class's name.
        reason: Why it ended while starting.
    """

    def __init__(self, child_id: object, reason: Reason) -> None:
        super().__init__(f"{child_id} did not start: {reason}")
        self.id = child_id
        self.reason = reason

    def __reduce__(self) -> tuple[type[StartError], tuple[object, Reason]]:
        return type(self), (self.id, self.reason)


class ChildError(ActorError):
    """The child is in a state in which this cannot be done to it.

    Attributes:
        id: The child's id.
        state: That state, or "not_found".
    """

    def __init__(self, child_id: object, state: str) -> None:
        super().__init__(f"child {child_id!r} is {state}")
        self.id = child_id
        self.state = state

    def __reduce__(self) -> tuple[type[ChildError], tuple[object, str]]:
        return type(self), (self.id, self.state)


class MaxChildrenError(ActorError):
    """The supervisor already has as many children as it may have."""
