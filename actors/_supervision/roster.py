"""Who supervises whom in this interpreter, for whoever wants to look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors._supervision.children import Children

# Single dict operations only: no lock needed.
_children: dict[int, Children] = {}
_supervisors: dict[int, int] = {}


def enlist(number: int, children: Children) -> None:
    """Note the children of the supervisor with that actor number."""
    _children[number] = children


def dismiss(number: int) -> None:
    """Forget a supervisor that has ended."""
    _children.pop(number, None)


def adopt(child: int, supervisor: int) -> None:
    """Note whose child an actor is."""
    _supervisors[child] = supervisor


def release(child: int) -> None:
    """Forget a child that has ended."""
    _supervisors.pop(child, None)


def children_of(number: int) -> Children | None:
    """Find the children of a supervisor; None when it is not one, or has ended."""
    return _children.get(number)


def everyone() -> dict[int, Children]:
    """Copy the table of supervisors that run."""
    return dict(_children)


def is_child(number: int) -> bool:
    """Is this actor supervised?"""
    return number in _supervisors


def is_below(number: int, ancestor: int) -> bool:
    """Is this actor that one, or supervised by it, directly or through others?"""
    seen: int | None = number
    while seen is not None:
        if seen == ancestor:
            return True
        seen = _supervisors.get(seen)
    return False
