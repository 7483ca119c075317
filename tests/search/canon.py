"""Two nodes are the same state if nothing that can still happen tells them apart."""

from collections import deque
from enum import Enum
from hashlib import blake2b
from types import FunctionType
from typing import cast

import msgspec

PLAIN = frozenset({int, str, bytes, float, bool, type(None)})
# Counters, caches, code, and what belongs to one turn only.
FORGOTTEN = frozenset(
    {
        *("stats", "effects", "moved", "now", "wall", "entry", "_copy", "version"),
        *("_requests", "_frames", "narrator"),
    }
)

_names: dict[type, tuple[str, ...]] = {}


def fingerprint(value: object) -> bytes:
    """Hash all that an object is made of, down to which parts are the same object."""
    text = repr(_Walk().walk(value))
    return blake2b(text.encode(), digest_size=16).digest()


class _Walk:
    """One walk. An object that was met before is named by its number."""

    def __init__(self) -> None:
        self._met: dict[int, int] = {}

    def walk(self, value: object) -> object:
        """Return a value as nested lists of plain values."""
        kind = type(value)
        if kind in PLAIN:
            return value
        if kind is dict:
            walk = self.walk
            pairs = cast("dict[object, object]", value).items()
            return ["dict", *((walk(key), walk(each)) for key, each in pairs)]
        if isinstance(value, tuple | list | deque):
            return [*map(self.walk, value)]
        if isinstance(value, set | frozenset):
            return ["set", *sorted(map(repr, map(self.walk, value)))]
        if isinstance(value, Enum):
            return repr(value)
        if isinstance(value, msgspec.Struct) and value.__struct_config__.frozen:
            # A value; whether there are two of it makes no difference. Not its repr:
            # what is made for people may leave out what tells two states apart.
            return [kind.__name__, *map(self.walk, msgspec.structs.astuple(value))]
        if kind is FunctionType:
            return "code"
        return self._object(value, kind)

    def _object(self, value: object, kind: type) -> object:
        number = self._met.get(id(value))
        if number is not None:
            return f"<{number}>"
        self._met[id(value)] = len(self._met)
        names = _names.get(kind)
        if names is None:
            names = _names[kind] = _names_of(value)
        return [kind.__name__, *[self.walk(getattr(value, name)) for name in names]]


def _names_of(value: object) -> tuple[str, ...]:
    """Return the attributes of an object; those of one type have the same."""
    names = list(getattr(value, "__dict__", ()))
    for kind in type(value).__mro__:
        names += getattr(kind, "__slots__", ())
    return tuple(name for name in names if name not in FORGOTTEN)
