"""Reading a dict that other threads change, without a lock."""

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def items_of(shared: dict[_Key, _Value]) -> list[tuple[_Key, _Value]]:
    """Return the items of a dict; what comes or goes meanwhile may be missing.

    Not `list(shared.items())`: it makes a tuple for each item, which can start a
    garbage collection, in which another thread, or a finalizer, changes the dict; then
    it raises RuntimeError. `list(shared)` makes nothing that the collector counts.
    """
    items: list[tuple[_Key, _Value]] = []
    for key in list(shared):
        try:
            items.append((key, shared[key]))
        except KeyError:
            continue
    return items
