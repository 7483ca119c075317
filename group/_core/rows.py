"""What one actor claims or has joined, as its owner's lane holds it.

A row is named by its *row key*: the key itself for a registration, `(key, n)` for a
membership. Keeping both in one dict keeps one order for registry and groups.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from group._core.events import Entry
    from transport import NodeId

RowKey = str | tuple[str, int]


# A msgspec.Struct because one is made for every write, in half the time.
class Row(msgspec.Struct, eq=False, gc=False):
    """One claim or membership. Never changed after it is in a table, but for `entry`.

    The collector does not look at rows: there may be a million of them, and they die
    when the last table lets go. So no cycle that leads through `entry` is ever found,
    and a table that is done with must let go of its rows, see `Tables.let_go`.

    `entry` is what readers get. It is made when first read, by whichever thread comes
    first; two threads may make equal ones and the last stays.
    """

    origin: "NodeId"
    n: int
    cls: str
    stamp: int
    meta: bytes
    entry: "Entry | None" = None

    def same_actor(self, other: "Row") -> bool:
        """Tell whether both rows belong to one actor."""
        return self.n == other.n and self.origin == other.origin

    def equals(self, other: "Row") -> bool:
        """Tell whether both rows, of one origin and one key, say the same."""
        return (self.n, self.stamp, self.meta, self.cls) == (
            other.n,
            other.stamp,
            other.meta,
            other.cls,
        )

    def __repr__(self) -> str:
        return f"<Row {self.cls}#{self.n}@{self.origin} {self.stamp}>"


_encode = msgspec.msgpack.Encoder().encode
_BLANK = blake2b(digest_size=8)


def row_digest(row_key: RowKey, row: Row) -> int:
    """Hash a row to 64 bits, equal in every process.

    A keyed-less BLAKE2b because it must not be linear: an xor of CRCs lets swapped
    values cancel out. Of MessagePack, which is the quickest way to tell where each
    field ends, and a registration from a membership.
    """
    digest = _BLANK.copy()
    digest.update(_encode((row_key, row.n, row.stamp, row.meta)))
    return int.from_bytes(digest.digest(), "big")


class OwnerIndex:
    """Row keys by actor number. One row, the common case, costs no container."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[int, RowKey | dict[RowKey, None]] = {}

    def add(self, n: int, row_key: RowKey) -> None:
        """Note that actor `n` has this row."""
        held = self._keys.get(n)
        if held is None:
            self._keys[n] = row_key
        elif isinstance(held, dict):
            held[row_key] = None
        elif held != row_key:
            self._keys[n] = {held: None, row_key: None}

    def remove(self, n: int, row_key: RowKey) -> None:
        """Forget one row of actor `n`."""
        held = self._keys.get(n)
        if type(held) is dict:
            held.pop(row_key, None)
            if not held:
                del self._keys[n]
        elif held == row_key:
            del self._keys[n]

    def pop(self, n: int) -> list[RowKey]:
        """Forget all rows of actor `n`; return them as `of` does."""
        row_keys = self.of(n)
        self._keys.pop(n, None)
        return row_keys

    def of(self, n: int) -> list[RowKey]:
        """Return the rows of actor `n`: registrations first, then memberships."""
        held = self._keys.get(n)
        if held is None:
            return []
        if not isinstance(held, dict):
            return [held]
        return [k for k in held if type(k) is str] + [
            k for k in held if type(k) is not str
        ]

    def __contains__(self, n: int) -> bool:
        return n in self._keys

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)
