"""Plain data: what meta may be made of, and words for what it may not.

Nearly all meta passes `is_plain`, which only looks. The rest goes through `plain_copy`,
which finds the fault and names its path, or makes the copy that can be written.
"""

from __future__ import annotations

import datetime
import decimal
import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType
from typing import Final, TypeAlias, cast

import msgspec

from group._core.errors import MAX_SHOWN, InvalidMetaError, shown

MAX_DEPTH = 32
"""Dicts and lists inside each other, the meta itself included."""

MAX_VALUES = 10_000
"""Values in all these together; keys do not count."""

SCALARS: Final = frozenset({NoneType, bool, int, float, str, bytes})

REF_EXTENSION: Final = 1
"""The MessagePack extension type of an actor ref."""

RefAddress: TypeAlias = tuple[str, bytes, int, str]
"""Where an actor is: node name, incarnation (16 bytes), number, class name."""

RefOut: TypeAlias = Callable[[object], RefAddress | None]
"""Gives the address of an actor ref, None for anything else."""

_CONTAINERS = frozenset({dict, list, tuple})
_STR_ONLY = frozenset({str})

_Container: TypeAlias = dict[str, object] | list[object] | tuple[object, ...]

# What people try, and what to write instead.
_INSTEAD: tuple[tuple[type, str], ...] = (
    (set, "use list"),
    (frozenset, "use list"),
    (bytearray, "use bytes"),
    (memoryview, "use bytes"),
    (datetime.datetime, "use its timestamp() or isoformat()"),
    (datetime.date, "use its isoformat()"),
    (decimal.Decimal, "use str"),
    (complex, "use a list of two floats"),
    (enum.Enum, "use its value"),
    (Mapping, "use dict"),
    (Sequence, "use list"),
    (object, "use None, bool, int, float, str, bytes, list, dict or an actor ref"),
)


def is_plain(meta: dict[str, object]) -> bool:
    """Say whether a dict can be written as it is; True for nearly all meta."""
    return _room_left(meta, 1, MAX_VALUES) >= 0


def plain_copy(meta: object, ref_out: RefOut) -> dict[str, object]:
    """Copy meta so that it can be written, with each actor ref as an extension.

    Subclasses of the plain types, a StrEnum say, become the plain type.

    Raises:
        InvalidMetaError: Something in it cannot be written; names its path.
    """
    if not isinstance(meta, dict | ReadOnly):
        raise InvalidMetaError("$", f"{type(meta).__name__} is not supported; use dict")
    return _Copier(ref_out).mapping(meta, "$", 1)


class ReadOnly(Mapping[str, object]):
    """A mapping that came from a reader, and may be written again."""

    __slots__ = ()


def _room_left(value: _Container, depth: int, room: int) -> int:
    """Return how many more values would be allowed; negative: this is not plain."""
    if depth > MAX_DEPTH:
        return -1
    items: Iterable[object] = value
    if isinstance(value, dict):
        if not _STR_ONLY.issuperset(map(type, value)):
            return -1
        items = value.values()
    room -= len(value)
    for item in items:
        if type(item) not in SCALARS:
            # isinstance() would also take the subclasses, which are not plain.
            if type(item) not in _CONTAINERS:
                return -1
            room = _room_left(cast("_Container", item), depth + 1, room)
        if room < 0:
            return -1
    return room


class _Copier:
    """One copy being made; it may spend `MAX_VALUES`, so that cycles end."""

    def __init__(self, ref_out: RefOut) -> None:
        self._ref_out = ref_out
        self._room = MAX_VALUES

    def mapping(
        self, value: Mapping[str, object], path: str, depth: int
    ) -> dict[str, object]:
        self._spend(len(value), path, depth)
        copied: dict[str, object] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                raise _unsupported_key(path, key)
            step = _step(path, key)
            copied[self._text(key, step)] = self._any(item, step, depth)
        return copied

    def _any(self, value: object, path: str, depth: int) -> object:
        if type(value) in (NoneType, bool, float):
            return value
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, int | float | bytes):
            return _number_or_bytes(value, path)
        if isinstance(value, dict | ReadOnly):
            return self.mapping(value, path, depth + 1)
        if isinstance(value, list | tuple):
            self._spend(len(value), path, depth + 1)
            return [
                self._any(item, f"{path}[{index}]", depth + 1)
                for index, item in enumerate(value)
            ]
        return self._ref(value, path)

    def _ref(self, value: object, path: str) -> object:
        address = self._ref_out(value)
        if address is None:
            raise _unsupported(path, value)
        return msgspec.msgpack.Ext(REF_EXTENSION, msgspec.msgpack.encode(address))

    def _text(self, value: str, path: str) -> str:
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _fault(path, f"{shown(value)} is not valid UTF-8") from None
        return str.__str__(value)

    def _spend(self, values: int, path: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _fault(path, f"nested deeper than {MAX_DEPTH}; is it in itself?")
        self._room -= values
        if self._room < 0:
            raise _fault(path, f"more than {MAX_VALUES:,} values; keep them elsewhere")


def _number_or_bytes(value: float | bytes, path: str) -> object:
    if isinstance(value, bytes):
        return bytes.__getitem__(value, slice(None))
    if isinstance(value, float):
        return float.__float__(value)
    if not -(2**63) <= value < 2**64:
        raise _fault(path, f"int {shown(int(value))} has more than 64 bits; use str")
    return int.__int__(value)


def _step(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() else f"{path}[{shown(key)}]"


def _unsupported(path: str, value: object) -> InvalidMetaError:
    hints = (instead for kind, instead in _INSTEAD if isinstance(value, kind))
    return _fault(path, f"{type(value).__name__} is not supported; {next(hints)}")


def _unsupported_key(path: str, key: object) -> InvalidMetaError:
    return _fault(
        path, f"key {shown(key)} ({type(key).__name__}) is not supported; use str"
    )


def _fault(path: str, problem: str) -> InvalidMetaError:
    if len(path) > MAX_SHOWN:
        # The start says which field, the end which value.
        path = f"{path[: MAX_SHOWN // 2]}...{path[3 - MAX_SHOWN // 2 :]}"
    return InvalidMetaError(path, problem)
