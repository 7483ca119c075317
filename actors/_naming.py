"""Names for actors, local to this interpreter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors import _names
from actors._errors import ActorDeadError, ActorError
from actors._home import cell_of

if TYPE_CHECKING:
    from actors._types import AnyRef


def register_name(name: str, ref: AnyRef) -> None:
    """Give a local actor a name; it is free again when the actor ends.

    An actor may have several names. Giving it the same one again changes nothing.

    Raises:
        ActorError: Another living actor has the name.
        ActorDeadError: The actor has ended.
    """
    cell = cell_of(ref)
    with cell.lock:
        if cell.ended:
            raise ActorDeadError(f"{ref} has ended and cannot be named {name!r}")
        with _names.lock:
            holder = _names.table.setdefault(name, ref)
        if holder is not ref:
            raise ActorError(f"name {name!r} is already registered to {holder}")
        cell.names.add(name)


def whereis(name: str) -> AnyRef | None:
    """Give the actor of that name, None if there is none."""
    return _names.table.get(name)


def unregister_name(name: str) -> None:
    """Free a name; nothing happens when nobody has it."""
    ref = whereis(name)
    if ref is None:
        return
    cell = cell_of(ref)
    with cell.lock:
        if name in cell.names:
            cell.names.discard(name)
            _names.release([name])
