"""Threads of actors that were ended while busy: they cannot be stopped, but counted."""

from __future__ import annotations

import sys
import traceback
from typing import TYPE_CHECKING

from actors._log import log

if TYPE_CHECKING:
    from threading import Thread

    from actors._cell import Cell

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


def _stack(thread: Thread) -> str:
    frames = getattr(sys, "_current_frames", dict)()
    frame = frames.get(thread.ident)
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
