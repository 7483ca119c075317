"""Links: two actors that end together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from actors._current import current
from actors._ends.signals import deliver_exit
from actors._ends.watch import on_down
from actors._home import cell_of
from actors._ref import ForeignRef

if TYPE_CHECKING:
    from actors._types import Answer, AnyRef, Cancel


def link(ref: AnyRef, *, me: AnyRef | None = None) -> None:
    """Link the current actor with another: the crash of one ends the other.

    Two-way, and single however often it is called. An end with reason "normal" harms
    nobody. With `trap_exits` an actor gets `Exit(ref, reason)` instead, for every
    reason. Linking the dead gives an exit with reason "noproc".

    Args:
        ref: The other actor, here or elsewhere.
        me: Whom to link instead of the current actor.

    Raises:
        NoCurrentActorError: This is a plain thread and no `me` was given.
    """
    here = current() if me is None else me
    if isinstance(ref, ForeignRef):
        _link_foreign(here, ref)
        return
    if cell_of(ref).ended:
        with cell_of(here).lock:
            cell_of(here).links[ref] = _nothing
        deliver_exit(here, ref, "noproc", linked=True)
        return
    _bind(ref, here)
    _bind(here, ref)


def unlink(ref: AnyRef, *, me: AnyRef | None = None) -> None:
    """Undo `link`; afterwards no exit comes from it, not even one that waits."""
    here = current() if me is None else me
    _unbind(here, ref)
    if not isinstance(ref, ForeignRef):
        _unbind(ref, here)


def _nothing() -> bool:
    return False


def _bind(here: AnyRef, there: AnyRef) -> None:
    """Let the death of `there` be an exit signal to `here`."""
    cell = cell_of(here)
    with cell.lock:
        if cell.ended or there in cell.links:
            return
        cell.links[there] = _nothing
    _keep(
        here,
        there,
        on_down(there, lambda r: deliver_exit(here, there, r, linked=True)),
    )


def _keep(here: AnyRef, there: AnyRef, cancel: Cancel) -> None:
    cell = cell_of(here)
    with cell.lock:
        if there in cell.links:
            cell.links[there] = cancel
            return
    cancel()


def _unbind(here: AnyRef, there: AnyRef) -> None:
    cell = cell_of(here)
    with cell.lock:
        cancel = cell.links.pop(there, None)
    if cancel is not None:
        cancel()


def _link_foreign(here: AnyRef, ref: ForeignRef[Answer]) -> None:
    cell = cell_of(here)
    with cell.lock:
        if cell.ended or ref in cell.links:
            return
        cell.links[ref] = _nothing
    # Whoever carries the link tells the other end of the death of `here`, too.
    ref.add_link(here)
    _keep(here, ref, partial(_unlink_foreign, here, ref))


def _unlink_foreign(here: AnyRef, ref: ForeignRef[Answer]) -> bool:
    ref.remove_link(here)
    return True
