"""Watch for deaths: `on_down`, and the monitors made of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors._current import current
from actors._home import cell_of
from actors._mail import deliver
from actors._reasons import Down, MonitorRef
from actors._ref import ForeignRef

if TYPE_CHECKING:
    from actors._ends.cell import Cell
    from actors._types import Answer, AnyRef, Cancel, OnDown


def on_down(ref: AnyRef, callback: OnDown) -> Cancel:
    """Call `callback(reason)` once when a local actor has died.

    It is called after the actor's hooks, with its mail refused and its names free, in
    the dying actor's thread; if the actor is dead already, now. It must not block.

    Returns:
        A function that takes the callback back and says whether it could.
    """
    return cell_of(ref).watch(callback)


def monitor(ref: AnyRef, *, watcher: AnyRef | None = None) -> MonitorRef:
    """Let the current actor get `Down(monitor, ref, reason)` when `ref` has died.

    Exactly once per monitor, after all that the dead one told the watcher; at once if
    it is dead already, with its true reason while that is known here, else "noproc".

    Args:
        ref: Any actor, here or elsewhere, also a plain Pykka one.
        watcher: Who gets the message instead of the current actor.

    Raises:
        NoCurrentActorError: This is a plain thread and no watcher was given.
    """
    me = current() if watcher is None else watcher
    watch = MonitorRef.new()
    cell = cell_of(me)
    with cell.lock:
        cell.monitors[watch] = _too_late
    if isinstance(ref, ForeignRef):
        ref.add_monitor(watch, me)
        _keep(cell, watch, partial(_forget, ref, watch))
    else:
        _keep(cell, watch, on_down(ref, lambda r: deliver(me, Down(watch, ref, r))))
    return watch


def _too_late() -> bool:
    return False


def _forget(ref: ForeignRef[Answer], watch: MonitorRef) -> bool:
    ref.remove_monitor(watch)
    return True


def _keep(cell: Cell, watch: MonitorRef, cancel: Cancel) -> None:
    """Remember how to take the monitor back, unless that is over already."""
    with cell.lock:
        if watch in cell.monitors:
            cell.monitors[watch] = cancel
            return
    cancel()


def demonitor(monitor: MonitorRef, *, watcher: AnyRef | None = None) -> None:
    """Take a monitor back: no `Down` from it any more, not even one that waits."""
    cell = cell_of(current() if watcher is None else watcher)
    with cell.lock:
        cancel = cell.monitors.pop(monitor, None)
    if cancel is not None:
        cancel()
