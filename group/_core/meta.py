"""Meta: plain data beside a row, kept and sent as MessagePack until it is read.

| type                          | written as                  | read as                |
|-------------------------------|-----------------------------|------------------------|
| None, bool, float, str, bytes | itself                      | itself                 |
| int from -2**63 to 2**64 - 1  | itself                      | itself                 |
| list, tuple                   | array                       | tuple                  |
| dict with str keys            | map, in its own order       | `Meta`, read-only      |
| actor ref                     | extension 1: an array of    | what `ref_in` makes of |
|                               | node, incarnation, n, class | these four             |

Limits, the same for writing and reading: 64 KiB encoded, and those of `plain.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Final, TypeAlias

import msgspec

from group._core.errors import InvalidMetaError, MetaDecodeError
from group._core.plain import (
    MAX_DEPTH,
    MAX_VALUES,
    REF_EXTENSION,
    SCALARS,
    ReadOnly,
    RefAddress,
    RefOut,
    is_plain,
    plain_copy,
)

MAX_BYTES = 64 * 1024

EMPTY_BYTES: Final = b"\x80"
"""The encoded empty meta: one object for all rows that have none."""

RefIn: TypeAlias = Callable[[RefAddress], object]
"""Gives the actor ref for an address."""

_encoder = msgspec.msgpack.Encoder()
_canonical_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(dict[str, object])
_address_decoder = msgspec.msgpack.Decoder(
    tuple[
        Annotated[str, msgspec.Meta(min_length=1, max_length=255)],
        Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)],
        Annotated[int, msgspec.Meta(ge=1)],
        Annotated[str, msgspec.Meta(max_length=255)],
    ]
)

# All that msgspec raises for bad bytes. ValueError is for bad UTF-8, and for timestamps
# after the year 9999, which it lets through to datetime.
_BAD_BYTES = (msgspec.DecodeError, ValueError, RecursionError, OverflowError)


def encode(meta: object, ref_out: RefOut) -> bytes:
    """Write meta, so that later changes by its owner change nothing here.

    Args:
        meta: A dict, a `Meta`, or None, which is the same as {}.
        ref_out: Called for each object that is not plain data.

    Raises:
        InvalidMetaError: Something in it cannot be written, or it is too large.
    """
    if meta is None:
        return EMPTY_BYTES
    fit = type(meta) is dict and is_plain(meta)
    try:
        return _bounded(_encoder.encode(meta if fit else plain_copy(meta, ref_out)))
    except (UnicodeEncodeError, OverflowError):
        # Text and numbers that do not fit are found by trying; now find the path.
        return _bounded(_encoder.encode(plain_copy(meta, ref_out)))


def decode(encoded: bytes, ref_in: RefIn) -> dict[str, object]:
    """Read meta: dicts in it are `Meta`, lists and tuples are tuples.

    Args:
        encoded: Any bytes; they may come from a hostile peer.
        ref_in: Called for each actor ref; what it raises goes to the caller.

    Raises:
        MetaDecodeError: These bytes are not what `encode` gives.
    """
    if len(encoded) > MAX_BYTES:
        raise MetaDecodeError(f"bad meta: {len(encoded):,} bytes")
    try:
        data = _decoder.decode(encoded)
    except _BAD_BYTES as error:
        raise MetaDecodeError(f"bad meta: {error}") from error
    return _Reader(ref_in).mapping(data, 1)


def same(one: bytes, other: bytes) -> bool:
    """Say whether two encoded metas are equal, whatever the order of their keys."""
    # The keys of a map in another order take as many bytes.
    if one == other or len(one) != len(other):
        return one == other
    try:
        return _canonical(one) == _canonical(other)
    except (*_BAD_BYTES, TypeError):  # TypeError: keys that cannot be put in order.
        return False


class Meta(ReadOnly):
    """The meta of a row: a mapping that cannot be changed, read when first used.

    Equal to every mapping with equal items; lists and tuples in it count as equal.
    Safe from any thread: two that read first at once decode the same bytes twice.
    The first use raises `MetaDecodeError` if a peer sent rubbish.
    """

    __slots__ = ("_data", "_encoded", "_ref_in")

    def __init__(
        self,
        data: dict[str, object] | None,
        encoded: bytes = EMPTY_BYTES,
        ref_in: RefIn = tuple,
    ) -> None:
        self._data = data
        self._encoded = encoded
        self._ref_in = ref_in

    @staticmethod
    def of(encoded: bytes, ref_in: RefIn) -> Meta:
        """Return the meta that these bytes are; nothing is decoded yet."""
        return EMPTY if encoded == EMPTY_BYTES else Meta(None, encoded, ref_in)

    @staticmethod
    def frozen(data: Mapping[str, object]) -> Meta:
        """Return a read-only copy of plain data, which is not checked."""
        return Meta({key: _frozen(item) for key, item in data.items()})

    def _read(self) -> dict[str, object]:
        data = self._data
        if data is None:
            data = self._data = decode(self._encoded, self._ref_in)
        return data

    def __getitem__(self, key: str) -> object:
        return self._read()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __eq__(self, other: object) -> bool:
        return _equal(self._read(), other) if isinstance(other, Mapping) else False

    def __hash__(self) -> int:
        return hash(frozenset(self._read().items()))

    def __repr__(self) -> str:
        return repr(self._read())

    def __copy__(self) -> Meta:
        return self

    def __deepcopy__(self, memo: object) -> Meta:
        # What it holds cannot change either, and refs must not be copied.
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return Meta.frozen, (_thawed(self),)


EMPTY: Final = Meta({})
"""The empty meta, one object for all."""


class _Reader:
    """One meta being read, bounded as it was when it was written."""

    def __init__(self, ref_in: RefIn) -> None:
        self._ref_in = ref_in
        self._room = MAX_VALUES

    def mapping(self, data: dict[str, object], depth: int) -> dict[str, object]:
        self._spend(len(data), depth)
        for key, item in data.items():
            if type(key) is not str:
                raise MetaDecodeError(f"bad meta: a key is {type(key).__name__}")
            if type(item) not in SCALARS:
                data[key] = self._other(item, depth)
        return data

    def _other(self, item: object, depth: int) -> object:
        match item:
            case dict():
                return Meta(self.mapping(item, depth + 1))
            case list():
                self._spend(len(item), depth + 1)
                return tuple(
                    each if type(each) in SCALARS else self._other(each, depth + 1)
                    for each in item
                )
            case msgspec.msgpack.Ext(code=code, data=data) if code == REF_EXTENSION:
                return self._ref_in(_address(bytes(data)))
        raise MetaDecodeError(f"bad meta: {type(item).__name__} in it")

    def _spend(self, values: int, depth: int) -> None:
        self._room -= values
        if depth > MAX_DEPTH or self._room < 0:
            raise MetaDecodeError("bad meta: too deep or too many values")


def _address(data: bytes) -> RefAddress:
    try:
        return _address_decoder.decode(data)
    except _BAD_BYTES as error:
        raise MetaDecodeError(f"bad actor ref in meta: {error}") from error


def _bounded(encoded: bytes) -> bytes:
    if len(encoded) == 1:
        return EMPTY_BYTES
    if len(encoded) > MAX_BYTES:
        raise InvalidMetaError(
            "$", f"{len(encoded):,} bytes encoded, more than {MAX_BYTES:,}; send less"
        )
    return encoded


def _canonical(encoded: bytes) -> bytes:
    return _canonical_encoder.encode(_decoder.decode(encoded))


def _equal(one: object, other: object) -> bool:
    """Compare as `==` does, but take lists for tuples; `one` bounds the depth."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return len(one) == len(other) and all(
            key in other and _equal(item, other[key]) for key, item in one.items()
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return Meta.frozen(value)
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _thawed(value: object) -> object:
    """Return plain data that pickles without a class of ours at every level."""
    if isinstance(value, Meta):
        return {key: _thawed(item) for key, item in value.items()}
    return list(map(_thawed, value)) if isinstance(value, tuple) else value
