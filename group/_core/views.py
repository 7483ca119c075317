"""What readers see: the owner of each key and the members of each group.

A view is written by the shards of one group, each for its own keys, and read by any
thread without a lock: readers do single dict lookups, or copy with one C-level call,
and never iterate a live dict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

from group._core.events import Entry
from group._core.rows import Row
from transport import NodeId

Realise = Callable[[Row], Entry]
Member = tuple[NodeId, int]

UNREAD = 1024
"""Rows noted for those who choose, beyond twice the members, that nobody has used."""


class Sized(Protocol):
    """Some rows of an index."""

    rows: list[Row]


R = TypeVar("R", bound=Sized)


class Index(Generic[R]):
    """Rows in an order to choose by. Never changed, only replaced; see `choosing`.

    Attributes:
        journal: Where the rows that came later are noted.
        used: How many of those are in it already.
        size: How many rows are in it, the dead as well.
    """

    __slots__ = ("journal", "local", "remote", "size", "used")

    def __init__(
        self,
        journal: list[Row],
        used: int,
        local: tuple[R, ...],
        remote: tuple[R, ...],
    ) -> None:
        self.journal = journal
        self.used = used
        self.local = local
        self.remote = remote
        self.size = sum(len(run.rows) for run in local + remote)


class Members:
    """The members of one group, in the order in which this node learnt of them.

    Attributes:
        kept: A version, and what readers of that one get.
        journal: The rows that came since somebody chose one, while that is of use.
        index: Made and replaced by those who choose.
    """

    __slots__ = ("_copy", "index", "journal", "kept", "rows", "version")

    def __init__(self, first: Row) -> None:
        self.rows: dict[Member, Row] = {(first.origin, first.n): first}
        self.version = 1
        self._copy: tuple[int, tuple[Row, ...]] = (0, ())
        self.kept: tuple[int, tuple[Entry, ...]] = (0, ())
        self.journal: list[Row] | None = None
        self.index: Index[Any] | None = None

    def put(self, row: Row) -> None:
        """Add or replace a member. The key's shard only."""
        journal = self.journal
        if journal is not None:
            # Before the rows: whoever copies these finds it noted.
            journal.append(row)
        self.rows[(row.origin, row.n)] = row
        self.version += 1
        if self.journal is not journal or (
            journal is not None and len(journal) > 2 * len(self.rows) + UNREAD
        ):
            # One that was begun meanwhile may lack this row, and one that has grown so
            # long is read by nobody.
            self.journal = self.index = None

    def begin_journal(self) -> list[Row]:
        """Note from now on the rows that come; return where. Any thread."""
        journal = self.journal
        if journal is None or len(journal) > len(self.rows):
            journal = self.journal = []
        return journal

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

    def entries(self, realise: Realise) -> tuple[Entry, ...]:
        """Return what readers get of all members; kept like `snapshot`."""
        version, entries = self.kept
        now = self.version
        if version != now:
            entries = tuple([row.entry or realise(row) for row in self.snapshot()])
            self.kept = (now, entries)
        return entries


class View:
    """The rows of one cluster that are visible on this node."""

    __slots__ = ("groups", "registry")

    def __init__(self) -> None:
        self.registry: dict[str, Row] = {}
        self.groups: dict[str, Members] = {}


class EndedView:
    """Stands where a view was: whoever reads is told that there is none any more.

    So a read needs no check of its own.
    """

    __slots__ = ("_error",)

    def __init__(self, error: Callable[[], Exception]) -> None:
        self._error = error

    @property
    def registry(self) -> dict[str, Row]:
        """Nothing.

        Raises:
            Exception: As it was given.
        """
        raise self._error()

    @property
    def groups(self) -> dict[str, Members]:
        """Nothing.

        Raises:
            Exception: As it was given.
        """
        raise self._error()


class PrefixIndex:
    """Keys under each of their own slash-terminated prefixes, for one shard.

    A key is kept under its longest prefix alone, and each prefix under the next shorter
    one: so a write costs the same at every depth, and a query no more than what it
    finds. Prefixes are kept without their last slash.
    """

    __slots__ = ("_below", "_keys")

    def __init__(self) -> None:
        self._keys: dict[str, dict[str, None]] = {}
        # Prefixes under the next shorter one; each leads to keys.
        self._below: dict[str, dict[str, None]] = {}

    def add(self, key: str) -> None:
        """Index a key that has become visible."""
        prefix, slash, _ = key.rpartition("/")
        if slash:
            keys = self._keys.get(prefix)
            if keys is not None:
                keys[key] = None
                return
            self._keys[prefix] = {key: None}
            if prefix not in self._below:
                self._link(prefix)

    def discard(self, key: str) -> None:
        """Forget a key that is no longer visible."""
        prefix, slash, _ = key.rpartition("/")
        keys = self._keys.get(prefix) if slash else None
        if keys is not None:
            keys.pop(key, None)
            if not keys:
                self._emptied(prefix)

    def discard_all(self, gone: Iterable[str]) -> None:
        """Forget many, without a call for each."""
        known = self._keys
        for key in gone:
            prefix, slash, _ = key.rpartition("/")
            keys = known.get(prefix) if slash else None
            if keys is not None:
                keys.pop(key, None)
                if not keys:
                    self._emptied(prefix)

    def _emptied(self, prefix: str) -> None:
        del self._keys[prefix]
        if prefix not in self._below:
            self._unlink(prefix)

    def _link(self, prefix: str) -> None:
        """Put a prefix under the shorter ones, as far up as they are new."""
        above, slash, _ = prefix.rpartition("/")
        while slash:
            below = self._below.get(above)
            if below is not None:
                below[prefix] = None
                return
            self._below[above] = {prefix: None}
            if above in self._keys:
                return
            prefix = above
            above, slash, _ = prefix.rpartition("/")

    def _unlink(self, prefix: str) -> None:
        """Take a prefix that leads nowhere away, and what led only to it."""
        above, slash, _ = prefix.rpartition("/")
        while slash:
            below = self._below[above]
            below.pop(prefix, None)
            if below:
                return
            del self._below[above]
            if above in self._keys:
                return
            prefix = above
            above, slash, _ = prefix.rpartition("/")

    def under(self, prefix: str) -> list[str]:
        """Return the keys under a prefix. Any thread."""
        found: list[str] = []
        # No recursion: a key may have a thousand slashes.
        left = [prefix[:-1]]
        while left:
            each = left.pop()
            found += list(self._keys.get(each, ()))
            left += list(self._below.get(each, ()))
        return found


class Place:
    """All that a write of one cluster changes of the view, for one shard."""

    __slots__ = ("groups", "joined", "registered", "registry")

    def __init__(
        self, view: View, registered: PrefixIndex, joined: PrefixIndex
    ) -> None:
        self.registry = view.registry
        self.groups = view.groups
        self.registered = registered
        self.joined = joined
