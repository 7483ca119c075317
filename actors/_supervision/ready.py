"""Wait until a fresh actor is up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pykka._envelope import Envelope

from actors._future import Future
from actors._home import cell_of
from actors._inbox import NOTHING
from actors._plain import put_first
from actors._ref import ActorRef

if TYPE_CHECKING:
    from actors._ends.cell import Cell
    from actors._types import AnyRef


def came_up(
    ref: AnyRef, timeout: float | None = None, *, ran_before: bool = False
) -> bool:
    """Wait until `on_start` has returned, or the actor is dead; say if it went well.

    Not until it answers something: its first message may take long. An actor that
    came up and ended at once did come up.

    Args:
        ref: The actor.
        timeout: Seconds to wait; None for any time.
        ran_before: Others have started it. A plain Pykka actor then does not tell
            when it is up, so it must answer something.

    Raises:
        Timeout: Neither happened in time.
    """
    cell = cell_of(ref)
    ready: Future[object] = Future()
    ready.giver = cell
    dead = threading.Event()

    def died(_reason: object) -> None:
        dead.set()
        ready.set(None)

    cancel = cell.watch(died)
    cell.on_started = lambda: ready.set(None)
    if cell.started:
        ready.set(None)
    elif ran_before and not isinstance(ref, ActorRef):
        put_first(ref, Envelope(NOTHING, _Sign(cell, ready)))
    try:
        ready.get(timeout=timeout)
        if not cell.started:
            # Its names are free and its watchers told when we say so.
            dead.wait()
    finally:
        cancel()
        cell.on_started = None
    return cell.started


class _Sign(Future[object]):
    """An answer by which an actor shows that it has started."""

    def __init__(self, cell: Cell, ready: Future[object]) -> None:
        super().__init__()
        self._started = cell
        self._ready = ready

    def set(self, value: object = None) -> None:
        """Take the answer."""
        super().set(value)
        self._started.started = True
        self._ready.set(None)
