"""What readers see: the owner of each key and the members of each group.

A view is written by the shards of one group, each for its own keys, and read by any
thread without a lock: readers do single dict lookups, or copy with one C-level call,
and never iterate a live dict.
"""

from collections.abc import Callable

from group._core.events import Entry
from group._core.keys import prefixes_of
from group._core.rows import Row
from transport import NodeId

Realise = Callable[[Row], Entry]
Member = tuple[NodeId, int]


class Members:
    """The members of one group, in the order in which this node learnt of them."""

    __slots__ = ("_copy", "rows", "version")

    def __init__(self, first: Row) -> None:
        self.rows: dict[Member, Row] = {(first.origin, first.n): first}
        self.version = 1
        self._copy: tuple[int, tuple[Row, ...]] = (0, ())

    def put(self, row: Row) -> None:
        """Add or replace a member. The key's shard only."""
        self.rows[(row.origin, row.n)] = row
        self.version += 1

    def pop(self, row: Row) -> None:
        """Remove a member. The key's shard only."""
        self.rows.pop((row.origin, row.n), None)
        self.version += 1

    def snapshot(self) -> tuple[Row, ...]:
        """Return all members of one moment; the copy is kept until the next change.

        The version is read before the copy: a copy that is newer than its number is
        made again, one that is older is never kept.
        """
        version, copy = self._copy
        now = self.version
        if version != now:
            copy = tuple(self.rows.values())
            self._copy = (now, copy)
        return copy


class View:
    """The rows of one cluster that are visible on this node."""

    __slots__ = ("groups", "registry")

    def __init__(self) -> None:
        self.registry: dict[str, Row] = {}
        self.groups: dict[str, Members] = {}


class PrefixIndex:
    """Keys under each of their own slash-terminated prefixes, for one shard."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, None]] = {}

    def add(self, key: str) -> None:
        """Index a key that has become visible."""
        for prefix in prefixes_of(key):
            self._keys.setdefault(prefix, {})[key] = None

    def discard(self, key: str) -> None:
        """Forget a key that is no longer visible."""
        for prefix in prefixes_of(key):
            keys = self._keys.get(prefix)
            if keys is not None:
                keys.pop(key, None)
                if not keys:
                    del self._keys[prefix]

    def under(self, prefix: str) -> list[str]:
        """Return the keys under a prefix. Any thread."""
        return list(self._keys.get(prefix, ()))
