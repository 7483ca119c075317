"""Numbers and refs of the actors that live in this interpreter."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from actors._ends.cell import numbers

if TYPE_CHECKING:
    from actors._types import AnyRef

# Our own actors, from start to end. Single dict operations only: no lock needed.
live: dict[int, AnyRef] = {}
# Plain Pykka refs that were given a number; Pykka keeps them while they live.
_plain: weakref.WeakValueDictionary[int, AnyRef] = weakref.WeakValueDictionary()

_NUMBER = "actors_number"


def number_of_plain(ref: AnyRef) -> int:
    """Give a plain Pykka ref its number, the same each time."""
    fields = vars(ref)
    number = fields.get(_NUMBER)
    if number is None:
        # setdefault: of two threads that come first together, one number stays.
        number = fields.setdefault(_NUMBER, next(numbers))
        _plain[number] = ref
    result: int = number
    return result


def by_actor_id(number: int) -> AnyRef | None:
    """Give the living actor of this interpreter with that number."""
    ref = live.get(number)
    if ref is None:
        ref = _plain.get(number)
    return ref if ref is not None and ref.is_alive() else None
