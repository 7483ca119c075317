"""End one of our actors: the same steps from its own thread and from outside."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pykka
from pykka import ActorDeadError

from actors._ends import orphans
from actors._ends.cell import Cell
from actors._guard import Contained
from actors._live import live

if TYPE_CHECKING:
    from actors._reasons import Reason
    from actors._ref import ActorRef
    from actors._types import Answer, AnyRef

# Places of Pykka's registry that are quickly looked through.
NEAR = 16

_pykka_log = logging.getLogger("pykka")


class _Registry(pykka.ActorRegistry):
    """Pykka's one registry, with a quicker way out of it."""

    @classmethod
    def drop(cls, ref: ActorRef[Answer]) -> None:
        """Do as `unregister`, which searches all, and words what is not logged."""
        if _pykka_log.isEnabledFor(logging.DEBUG):
            cls.unregister(ref)
            return
        with cls._actor_refs_lock:
            refs = cls._actor_refs
            # The oldest first: they often end in the order in which they came.
            start, near = 0, refs[: 3 * NEAR]
            if ref not in near:
                start, stop = _whereabouts(refs, ref.cell.number)
                near = refs[start:stop]
            if ref in near:
                del refs[start + near.index(ref)]
            elif ref in refs:
                refs.remove(ref)


def _whereabouts(refs: list[AnyRef], number: int) -> tuple[int, int]:
    """Say between which places of Pykka's registry an actor of ours should be.

    It is a list in the order of starts, and so are our numbers, so halves of it need
    not be searched. An actor that was made early and started late may be elsewhere, and
    among many plain actors, which are not numbered so, nothing is said.
    """
    start, stop = 0, len(refs)
    while stop - start > 3 * NEAR:
        middle = (start + stop) // 2
        there = _number_from(refs, middle)
        if there is None:
            return 0, 0
        if there <= number:
            start = middle
        else:
            stop = middle + NEAR
    return start, stop


def _number_from(refs: list[AnyRef], place: int) -> int | None:
    """Return the number of the first actor of ours, from a place on and near it."""
    for ref in refs[place : place + NEAR]:
        cell = getattr(ref, "cell", None)
        if type(cell) is Cell:
            return cell.number
    return None


def leave(ref: ActorRef[Answer]) -> None:
    """Take no more mail, and leave Pykka's registry."""
    cell = ref.cell
    if cell.registered:
        # Once only: who is not there is searched for everywhere.
        cell.registered = False
        _Registry.drop(ref)
    ref.actor_stopped.set()


def end(ref: ActorRef[Answer], reason: Reason) -> bool:
    """Close and empty the inbox, free the names, then tell the watchers.

    Returns:
        False if the actor was dead already.
    """
    cell, inbox = ref.cell, ref.actor_inbox
    # Before a mailbox's thread can see that it is over, and say why.
    cell.condemn(reason)
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
