"""Which actor does this code run in?"""

from __future__ import annotations

import threading
from operator import attrgetter
from typing import TYPE_CHECKING

import pykka

from actors._errors import NoCurrentActorError

if TYPE_CHECKING:
    from actors._ends.cell import Cell
    from actors._types import AnyRef


class _Here(threading.local):
    cell: Cell | None = None


_here = _Here()
_target = attrgetter("_target")


def current_cell() -> Cell | None:
    """Give the cell of the actor of ours that runs here, if any."""
    return _here.cell


def enter(cell: Cell | None) -> Cell | None:
    """Make this thread run as that actor; give the one it ran as before."""
    before, _here.cell = _here.cell, cell
    return before


def actor_of_thread(thread: threading.Thread) -> object:
    """Give the actor whose loop a thread runs, if it runs one."""
    try:
        return getattr(_target(thread), "__self__", None)
    except AttributeError:
        # Thread.run() deletes its target when done.
        return None


def current() -> AnyRef:
    """Give the ref of the actor whose code runs here.

    That is our actors, open mailboxes, and plain Pykka actors on threads.

    Raises:
        NoCurrentActorError: This is a plain thread.
    """
    cell = _here.cell
    if cell is not None:
        return cell.ref
    actor = actor_of_thread(threading.current_thread())
    if isinstance(actor, pykka.Actor):
        return actor.actor_ref
    raise NoCurrentActorError
