"""End one of our actors: the same steps from its own thread and from outside."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import pykka
from pykka import ActorDeadError

from actors import _orphans as orphans
from actors._guard import Contained
from actors._live import live

if TYPE_CHECKING:
    from actors._reasons import Reason
    from actors._ref import ActorRef
    from actors._types import Answer

_pykka_log = logging.getLogger("pykka")


class _Registry(pykka.ActorRegistry):
    """Pykka's one registry, with a quicker way out of it."""

    @classmethod
    def drop(cls, ref: ActorRef[Answer]) -> None:
        """Do as `unregister`, which searches twice, and words what is not logged."""
        if _pykka_log.isEnabledFor(logging.DEBUG):
            cls.unregister(ref)
            return
        with cls._actor_refs_lock, suppress(ValueError):
            cls._actor_refs.remove(ref)


def leave(ref: ActorRef[Answer]) -> None:
    """Take no more mail, and leave Pykka's registry."""
    cell = ref.cell
    if cell.registered:
        # Once only: Pykka's registry is a list, and searched from its start.
        cell.registered = False
        _Registry.drop(ref)
    ref.actor_stopped.set()


def end(ref: ActorRef[Answer], reason: Reason) -> bool:
    """Close and empty the inbox, free the names, then tell the watchers.

    Returns:
        False if the actor was dead already.
    """
    cell, inbox = ref.cell, ref.actor_inbox
    leave(ref)
    inbox.close()
    live.pop(cell.number, None)
    ended = cell.end(reason)
    inbox.answer_stops()
    return ended


def fence(ref: ActorRef[Answer], reason: Reason = "killed") -> None:
    """End an actor from outside, at once and without its hooks.

    Its thread cannot be stopped: what it does now goes on, and is counted as an
    orphan until it returns. Its answers are dropped.
    """
    cell = ref.cell
    if cell.ended:
        return
    # Before its thread can see that it is over: it would say that it ended in order.
    cell.condemn(reason)
    # Closed first: a turn that begins after the look would not be answered.
    leave(ref)
    turn = cell.envelope
    busy = cell.thread is not None and (turn is not None or not cell.started)
    ended = end(ref, reason)
    if turn is not None and turn.reply_to is not None and ended:
        dead = ActorDeadError(f"{ref} was ended while handling the message: {reason}")
        with Contained("asker_not_told_of_the_end"):
            turn.reply_to.set_exception((ActorDeadError, dead, None))
    if busy and ended:
        orphans.add(cell)
