"""The exit cell of any local actor, ours or a plain Pykka one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors._adopt import adopted, given_cell
from actors._errors import ActorError
from actors._ref import ActorRef, ForeignRef

if TYPE_CHECKING:
    from actors._ends.cell import Cell
    from actors._types import AnyRef


def cell_of(ref: AnyRef) -> Cell:
    """Give the cell of a local actor; a plain Pykka actor is adopted for it.

    Raises:
        ActorError: The actor lives elsewhere.
    """
    if isinstance(ref, ActorRef):
        return ref.cell
    if isinstance(ref, ForeignRef):
        raise ActorError(f"{ref} does not live in this interpreter")
    return adopted(ref)


def known_cell(ref: AnyRef) -> Cell | None:
    """Give the cell of a local actor if it has one already."""
    return ref.cell if isinstance(ref, ActorRef) else given_cell(ref)
