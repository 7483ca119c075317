"""A lane: the rows of one origin, cluster and shard, as a stream of operations.

`Lane` is the origin's side (rows and the log of the last operations, which is also the
send queue of every link); `Inbound` is a follower's copy, exact at `cursor`.
"""

from collections import deque
from hashlib import blake2b
from itertools import islice
from struct import Struct

from group._core.messages import Op
from group._core.rows import OwnerIndex, Row, RowKey, row_digest

_POSITION = Struct(">IQQ")


def lane_digest(cid: int, position: int, rows_hash: int) -> int:
    """Hash of a lane at a position; what heartbeats compare. 0 for an empty start."""
    if position == 0:
        return 0
    packed = _POSITION.pack(cid, position, rows_hash)
    return int.from_bytes(blake2b(packed, digest_size=8).digest(), "big")


class Rows:
    """Rows with their owners' index and their hash, which is settled when asked for."""

    __slots__ = ("_hash", "_touched", "by_owner", "rows")

    def __init__(self) -> None:
        self.rows: dict[RowKey, Row] = {}
        self.by_owner = OwnerIndex()
        self._hash = 0
        self._touched: dict[RowKey, Row | None] = {}

    def put(self, row_key: RowKey, row: Row) -> Row | None:
        """Store a row; return the one it replaces."""
        rows = self.rows
        old = rows.get(row_key)
        self._touched.setdefault(row_key, old)
        rows[row_key] = row
        if old is None:
            self.by_owner.add(row.n, row_key)
        elif old.n != row.n:
            self.by_owner.remove(old.n, row_key)
            self.by_owner.add(row.n, row_key)
        return old

    def pop(self, row_key: RowKey) -> Row | None:
        """Remove a row and return it; None when there is none."""
        old = self.rows.pop(row_key, None)
        if old is not None:
            self._touched.setdefault(row_key, old)
            self.by_owner.remove(old.n, row_key)
        return old

    def pop_owner(self, n: int) -> list[tuple[RowKey, Row]]:
        """Remove all rows of an actor and return them: registrations first."""
        rows, touched = self.rows, self._touched
        popped = [(row_key, rows.pop(row_key)) for row_key in self.by_owner.pop(n)]
        for row_key, row in popped:
            touched.setdefault(row_key, row)
        return popped

    def clear(self) -> list[tuple[RowKey, Row]]:
        """Remove all rows and return them: registrations first."""
        popped = list(self.rows.items())
        named = [each for each in popped if type(each[0]) is str]
        if len(named) < len(popped):
            popped = named + [each for each in popped if type(each[0]) is not str]
        self.rows = {}
        self.by_owner = OwnerIndex()
        # That of no rows.
        self._hash, self._touched = 0, {}
        return popped

    def fill(self, rows: dict[RowKey, Row], rows_hash: int) -> None:
        """Take many rows where there is none, and their hash, which the caller knows.

        The dict is ours from now on.
        """
        self._hash = rows_hash
        self._touched = {}
        self.rows = rows
        add = self.by_owner.add
        for row_key, row in rows.items():
            add(row.n, row_key)

    def hash(self) -> int:
        """Xor of the digests of all rows.

        Computed for the rows that changed since the last call, off the write path: a
        row that came and went in between costs nothing.
        """
        for row_key, before in self._touched.items():
            after = self.rows.get(row_key)
            if after is before:
                continue
            if before is not None:
                self._hash ^= row_digest(row_key, before)
            if after is not None:
                self._hash ^= row_digest(row_key, after)
        self._touched.clear()
        return self._hash

    def rehash(self) -> None:
        """Forget the hash and the index and compute both from the rows."""
        self._hash = 0
        self._touched = dict.fromkeys(self.rows)
        self.by_owner = OwnerIndex()
        for row_key, row in self.rows.items():
            self.by_owner.add(row.n, row_key)

    def ordered(self) -> list[RowKey]:
        """All row keys, registrations first."""
        keys = list(self.rows)
        return [k for k in keys if isinstance(k, str)] + [
            k for k in keys if not isinstance(k, str)
        ]


class Lane(Rows):
    """A lane that this node writes."""

    __slots__ = ("cid", "cluster", "head", "ring", "seal")

    def __init__(self, cid: int, cluster: str, log_size: int) -> None:
        super().__init__()
        self.cid = cid
        self.cluster = cluster
        self.head = 0
        self.ring: deque[Op] = deque(maxlen=log_size)
        self.seal = 0

    @property
    def floor(self) -> int:
        """Position of the oldest operation that is still in the log."""
        return self.head - len(self.ring) + 1

    def log(self, op: Op) -> None:
        """Append an operation; the oldest may fall out."""
        self.head += 1
        self.ring.append(op)

    def since(self, position: int) -> list[Op]:
        """Operations after `position`, which is at or above the floor - 1."""
        behind = self.head - position
        if behind == 1:
            return [self.ring[-1]]
        return list(islice(self.ring, len(self.ring) - behind, None))

    def restart(self) -> None:
        """Take up the lane after a crash of its writer.

        One position is burnt, so that nobody can hold the position "half an
        operation", and the log is emptied, so that everybody gets an exact snapshot.
        """
        self.rehash()
        self.head += 1
        self.ring.clear()
        self.seal = 0

    def digest(self) -> int:
        """What an in-step follower's copy must hash to."""
        return lane_digest(self.cid, self.head, self.hash())


class Staged:
    """A snapshot that is arriving."""

    __slots__ = ("count", "head", "rows", "size")

    def __init__(self, head: int, count: int) -> None:
        self.head = head
        self.count = count
        self.rows: dict[RowKey, Row] = {}
        # Of keys and metas, in bytes.
        self.size = 0


class Inbound(Rows):
    """A copy of a peer's lane. `cursor` None: what we have is no known position."""

    __slots__ = ("cid", "cluster", "cursor", "seal", "staged")

    def __init__(self, cid: int, cluster: str) -> None:
        super().__init__()
        self.cid = cid
        self.cluster = cluster
        self.cursor: int | None = None
        self.staged: Staged | None = None
        self.seal = 0

    def digest(self) -> int:
        """Hash of this copy at its position; 0 while the position is unknown."""
        return lane_digest(self.cid, self.cursor or 0, self.hash())
