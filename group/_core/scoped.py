"""The shard of a scope: groups in which an actor can be more than once.

A scope has one shard, so a request that is about several groups is one turn: it is
checked as a whole, and then carried out as a whole, also when the shard crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from group._core import occurrences
from group._core import requests as ask
from group._core.effects import Effect
from group._core.keys import DEFAULT
from group._core.lanes import Lane
from group._core.local import Local
from group._core.messages import PutGrp
from group._core.occurrences import MAX_COUNT, MAX_RUNS, Run, Runs
from group._core.patterns import Patterns, has_wildcard
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import Members, PrefixIndex, View

Counts = tuple[tuple[str, int], ...]
"""Groups and numbers of occurrences; each group once."""


class _Request(msgspec.Struct, frozen=True, gc=False):
    """A value: built once, compared by type and content."""


class JoinCounts(_Request, frozen=True):
    """Add occurrences of a local actor, all as old as this request.

    `id` is new for each request of a caller, and the same when that is handed in again.
    """

    id: int
    n: int
    cls: str
    counts: Counts
    deadline: float


class LeaveCounts(_Request, frozen=True):
    """Take away the oldest occurrences of a local actor; `counts` None: all."""

    id: int
    n: int
    counts: Counts | None
    deadline: float


class Freeze(_Request, frozen=True):
    """Copy all groups, as they are after this turn."""


class NotIn(_Request, frozen=True):
    """The actor is not in this group, or in none; nothing was done."""

    key: str | None


class TooMany(_Request, frozen=True):
    """The actor cannot be in this group that often; nothing was done."""

    key: str


class Frozen(_Request, frozen=True):
    """The groups of one moment."""

    groups: dict[str, Members]


def frozen(view: View) -> dict[str, Members]:
    """Copy all groups of a view, for readers who must not see them change."""
    groups: dict[str, Members] = {}
    for name, members in list(view.groups.items()):
        rows = dict(members.rows)
        if rows:
            copy = groups[name] = Members(next(iter(rows.values())))
            copy.rows = rows
    return groups


class PatternIndex(PrefixIndex):
    """Instead of prefixes, which a scope does not ask for: names with wildcards."""

    __slots__ = ("patterns",)

    def __init__(self) -> None:
        super().__init__()
        self.patterns = Patterns()

    def add(self, key: str) -> None:
        """Index a group that has become visible."""
        if has_wildcard(key):
            self.patterns.add(key)

    def discard(self, key: str) -> None:
        """Forget a group that is no longer visible."""
        if has_wildcard(key):
            self.patterns.discard(key)

    def discard_all(self, gone: Iterable[str]) -> None:
        """Forget many."""
        for key in gone:
            self.discard(key)


Write = tuple[str, Row | None]


class Redo(_Request, frozen=True):
    """What the last request has to write. Writing it twice is writing it once."""

    id: int
    n: int
    writes: tuple[Write, ...]


class ScopeTables(Tables):
    """The rows of a scope.

    Attributes:
        version: Odd while a turn may be changing the view.
        redo: What the turn that runs, or was the last, has written or is writing.
        redone: Requests whose turn has crashed, and which are carried out.
    """

    index_class: ClassVar[type[PrefixIndex]] = PatternIndex
    version = 0
    redo: Redo | None = None
    redone: frozenset[int] = frozenset()


class ScopeLocal(Local):
    """The own rows of a scope."""

    tables: ScopeTables

    def join_counts(self, request: JoinCounts) -> object:
        """Add occurrences, in all groups or in none."""
        lane = self._lane(DEFAULT, request.deadline)
        if not isinstance(lane, Lane):
            return lane
        if request.id in self.tables.redone:
            return ask.DONE
        stamp = self.clock.stamp(self.turn.wall)
        writes: list[Write] = []
        for key, number in request.counts:
            mine = lane.rows.get((key, request.n))
            runs = (*_runs(mine), Run(stamp, number))
            if len(runs) > MAX_RUNS or occurrences.count(runs) > MAX_COUNT:
                return TooMany(key)
            first = stamp if mine is None else mine.stamp
            writes.append((key, self._row(request.n, request.cls, first, runs)))
        return self._carry_out(lane, Redo(request.id, request.n, tuple(writes)))

    def leave_counts(self, request: LeaveCounts) -> object:
        """Take occurrences away, from all groups or from none."""
        lane = self._lane(DEFAULT, request.deadline)
        if not isinstance(lane, Lane):
            return lane
        if request.id in self.tables.redone:
            return ask.DONE
        counts = request.counts
        if counts is None:
            counts = tuple((key, MAX_COUNT) for key in _groups(lane, request.n))
            if not counts:
                return NotIn(None)
        writes: list[Write] = []
        for key, number in counts:
            mine = lane.rows.get((key, request.n))
            if mine is None:
                return NotIn(key)
            runs = occurrences.without_oldest(occurrences.read(mine), number)
            left = self._row(mine.n, mine.cls, mine.stamp, runs) if runs else None
            writes.append((key, left))
        return self._carry_out(lane, Redo(request.id, request.n, tuple(writes)))

    def _row(self, n: int, cls: str, stamp: int, runs: Runs) -> Row:
        return Row(self.tables.me, n, cls, stamp, occurrences.write(runs))

    def _carry_out(self, lane: Lane, redo: Redo) -> object:
        self.tables.redo = redo
        for key, row in redo.writes:
            if row is None:
                self.delete(lane, (key, redo.n), "leave")
                continue
            self._watch(row.n, lane.cluster)
            self.tables.put_own(lane, (key, row.n), row)
            self._log(lane, PutGrp(key, row.n, row.cls, row.stamp, row.meta))
        return ask.DONE

    def redo(self) -> None:
        """Finish in the rows what a crash has left half done; the view follows."""
        redo, lane = self.tables.redo, self.tables.lanes.get(DEFAULT)
        if redo is None or lane is None:
            return
        for key, row in redo.writes:
            if row is None:
                lane.pop((key, redo.n))
            else:
                lane.put((key, redo.n), row)
        self.tables.redone |= {redo.id}


def _runs(row: Row | None) -> Runs:
    return () if row is None else occurrences.read(row)


def _groups(lane: Lane, n: int) -> list[str]:
    return [row_key[0] for row_key in lane.by_owner.of(n) if isinstance(row_key, tuple)]


# A link that is full is heard of before the effects of a turn are carried out.
_KEEPING_REDO = (ask.Rebuild, ask.Blocked)


class ScopeShard(Shard):
    """The one shard of a scope on one node."""

    tables: ScopeTables
    local: ScopeLocal
    local_class: ClassVar[type[Local]] = ScopeLocal

    def step(self, message: object, now: float, wall: int) -> Sequence[Effect]:
        """Apply one message; return what the world must now do, in order."""
        tables = self.tables
        if not isinstance(message, _KEEPING_REDO):
            tables.redo = None
        tables.version |= 1
        effects = super().step(message, now, wall)
        tables.version += 1
        return effects

    def _request_table(self) -> dict[type, Callable[[Any], object]]:
        return {
            **super()._request_table(),
            JoinCounts: self.local.join_counts,
            LeaveCounts: self.local.leave_counts,
            Freeze: self._freeze,
        }

    def _freeze(self, _request: Freeze) -> object:
        return Frozen(frozen(self.tables.views[DEFAULT]))

    def _rebuild(self, request: ask.Rebuild) -> object:
        self.local.redo()
        return super()._rebuild(request)
