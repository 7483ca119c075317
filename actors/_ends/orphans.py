"""Threads of actors that were ended while busy: they cannot be stopped, but counted."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from actors._log import log

if TYPE_CHECKING:
    from threading import Thread
    from types import FrameType

    from actors._ends.cell import Cell

# Where a Pykka actor's thread runs the user's code.
_HOOKS = frozenset({"_handle_receive", "on_start", "on_stop", "on_failure"})
# Single dict operations only: no lock needed.
_cells: dict[Cell, Thread] = {}


def add(cell: Cell) -> None:
    """Count a thread that goes on although its actor is dead."""
    thread = cell.thread
    if thread is None or not thread.is_alive():
        return
    _cells[cell] = thread
    log.warning(
        "actor_thread_abandoned",
        actor=cell.ref,
        thread=thread.name,
        reason=cell.reason,
        traceback=_stack(thread),
    )


def ended(cell: Cell) -> None:
    """Note that such a thread has come to its end after all."""
    thread = _cells.pop(cell, None)
    if thread is not None:
        log.info("abandoned_actor_thread_ended", actor=cell.ref, thread=thread.name)


def orphans() -> list[Thread]:
    """Give the threads that still run for actors that are dead."""
    return [thread for thread in list(_cells.values()) if thread.is_alive()]


def busy(cell: Cell) -> bool:
    """Say whether a plain actor's thread is in the actor's own code."""
    frame = None if cell.thread is None else _frame(cell.thread)
    while frame is not None:
        if frame.f_code.co_name in _HOOKS:
            return True
        frame = frame.f_back
    return False


def forget() -> None:
    """Forget all threads; they do not exist in a forked child."""
    _cells.clear()


def _frame(thread: Thread) -> FrameType | None:
    frames: dict[int, FrameType] = getattr(sys, "_current_frames", dict)()
    return frames.get(thread.ident or 0)


def _stack(thread: Thread) -> str:
    frame = _frame(thread)
    return "" if frame is None else "".join(traceback.format_stack(frame))
