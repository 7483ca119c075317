"""Refuse to wait for an answer that cannot come."""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING

from actors._current import current_cell
from actors._errors import DeadlockError

if TYPE_CHECKING:
    from actors._ends.cell import Cell


def _name(cell: Cell) -> str:
    return cell.ref.actor_class.__name__


def refuse_self(giver: Cell) -> None:
    """Raise DeadlockError if the giver of the answer is who runs here."""
    if giver.ident == get_ident() and not giver.ended:
        raise DeadlockError(
            f"{_name(giver)} asked itself and is waiting for its own reply; "
            "call the method directly"
        )


def begin_wait(giver: Cell, *, bounded: bool) -> Cell | None:
    """Note who waits for whom; give the waiting actor's cell for `end_wait`.

    A wait with a time limit ends by itself, so others are not refused because of it.

    Raises:
        DeadlockError: The giver waits, perhaps through others, for this actor.
    """
    refuse_self(giver)
    me = current_cell()
    if me is None:
        return None
    if not bounded:
        # Set first, then look: of two who close a circle, one at least sees it.
        me.waits_for = giver
    circle = _circle(me, giver)
    if circle:
        me.waits_for = None
        names = " -> ".join(_name(cell) for cell in [me, *circle, me])
        raise DeadlockError(f"{names}: each waits for the next one's reply")
    return me


def end_wait(me: Cell | None) -> None:
    """Forget the wait noted by `begin_wait`."""
    if me is not None:
        me.waits_for = None


def _circle(me: Cell, giver: Cell) -> list[Cell]:
    """Give those who wait for each other from `giver` to `me`, or nothing."""
    path = [giver]
    while (following := path[-1].waits_for) is not None:
        if following is me:
            return path
        if following in path:
            return []
        path.append(following)
    return []
