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
        where: In words, where the child is; "" is here, or nobody knows.
    """

    def __init__(self, child_id: object, state: str, where: str = "") -> None:
        words = _STATES.get(state, f"child {{child!r}}{{where}} is {state}")
        super().__init__(words.format(child=child_id, where=where and f" {where}"))
        self.id = child_id
        self.state = state
        self.where = where

    def __reduce__(self) -> tuple[type[ChildError], tuple[object, str, str]]:
        return type(self), (self.id, self.state, self.where)


_STATES = {
    "already_started": "child {child!r} runs already{where} (already_started)",
    "already_present": "child {child!r} is down (already_present): restart_child "
    "starts it, delete_child makes room for another spec",
    "not_found": "there is no child {child!r} (not_found)",
    "running": "child {child!r} is running; terminate_child stops it",
}


class MaxChildrenError(ActorError):
    """The supervisor already has as many children as it may have."""
