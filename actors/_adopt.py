"""Watch plain Pykka actors without touching their class and without polling."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors._cell import Cell
    from actors._types import AnyRef


def adopted(ref: AnyRef) -> Cell:
    """Give the cell of a plain Pykka actor."""
    raise NotImplementedError(ref)
