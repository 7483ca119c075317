"""Choosing one member of a group without a look at all of them.

Readers on any thread make an index of a group's rows when they first choose from it,
and carry it on; they wait for nobody, and send nothing. From then on the one writer
notes the rows that come in a journal; rows that go it need not note, for a row is alive
as long as it is the one in the group's dict, and one that has gone never comes back.

The index is sorted runs of rows, local and remote apart, whose sizes at least double,
and the end of the journal that is in none yet. What is dead in a run is stepped over,
and left out when runs are merged. So a choice takes O(log n) steps, and a change costs
O(log n) of those who choose, on average.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from group._core.errors import InvalidArgumentError, shown
from group._core.rows import Row
from group._core.views import Index, Member, Members
from transport import NodeId

How: TypeAlias = Literal["closest", "furthest", "random", "oldest", "newest"]
Where: TypeAlias = Literal["any", "local", "remote"]
Draw: TypeAlias = Callable[[], float]
"""Returns a random number from 0 to 1, without 1."""

Age: TypeAlias = tuple[int, NodeId, int]

SMALL = 32
"""Rows that are looked at one by one faster than by an index."""
TRIES = 16
"""Draws that may hit the dead before all are looked at."""
SLACK = 64
"""Dead rows in an index that never matter."""


class Measure(NamedTuple):
    """What counts in a choice. For a row: its oldest and newest age, and its weight.

    `weight` None: all weigh the same, and the two ages are one.
    """

    oldest: Callable[[Row], Age]
    newest: Callable[[Row], Age]
    weight: Callable[[Row], int] | None


def age(row: Row) -> Age:
    """Return by what members are ordered, the same on every node."""
    return row.stamp, row.origin, row.n


EQUAL = Measure(age, age, None)
"""Members of a group: each counts once, and is as old as its membership."""


class Wish(NamedTuple):
    """Who is to be chosen."""

    how: How
    where: Where
    exclude: Member | None


def check_wish(how: object, where: object, exclude: Member | None) -> Wish:
    """Return what a caller wishes.

    Raises:
        InvalidArgumentError: `how` or `where` is none of the words for it.
    """
    for value, name, words in ((how, "how", How), (where, "where", Where)):
        if not isinstance(value, str) or value not in get_args(words):
            raise InvalidArgumentError(
                f"{name} must be one of {', '.join(get_args(words))}, "
                f"got {shown(value)}",
                "B035",
            )
    return Wish(cast("How", how), cast("Where", where), exclude)


class Run:
    """Rows from the oldest to the newest; some may have died since.

    Never changed but for notes of what has died, which any reader may make; a note that
    two make at once may be lost, and is made again.
    """

    __slots__ = ("_by_newest", "_ends", "_starts", "_sums", "measure", "rows")

    def __init__(self, rows: Iterable[Row], measure: Measure) -> None:
        self.measure = measure
        self.rows = sorted(rows, key=measure.oldest)
        self._starts = _Walk(self.rows)
        self._ends: _Walk | None = None
        self._sums: list[int] | None = None

    @property
    def total(self) -> int:
        """How much all its rows weigh, the dead as well."""
        return len(self.rows) if self.measure.weight is None else self._weights()[-1]

    def at(self, draw: int) -> Row:
        """Return the row that a number below `total` falls on."""
        if self.measure.weight is None:
            return self.rows[draw]
        return self.rows[bisect_right(self._weights(), draw)]

    def first(self, fit: _Fit) -> Row | None:
        """Return the row with the oldest age."""
        return self._starts.find(fit)

    def last(self, fit: _Fit) -> Row | None:
        """Return the row with the newest age."""
        ends = self._ends
        if ends is None:
            rows = self.rows[::-1]
            if self.measure.weight is not None:
                rows.sort(key=self.measure.newest, reverse=True)
            ends = self._ends = _Walk(rows)
        return ends.find(fit)

    def _weights(self) -> list[int]:
        sums = self._sums
        if sums is None:
            weight = self.measure.weight or _one
            sums = self._sums = list(accumulate(map(weight, self.rows)))
        return sums


class _Walk:
    """Finds the first that fits, stepping over each dead row once."""

    __slots__ = ("_gap", "_head", "_rows")

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self._head = 0
        # The dead behind the one row that is excluded.
        self._gap = (0, 0)

    def find(self, fit: _Fit) -> Row | None:
        """Return the first row that is alive and not excluded."""
        at = self._head = self._living(self._head, fit)
        while at < len(self._rows) and fit.excludes(self._rows[at]):
            begin, end = self._gap
            after = end if begin == at + 1 else at + 1
            after = self._living(after, fit)
            self._gap = (at + 1, after)
            at = after
        return self._rows[at] if at < len(self._rows) else None

    def _living(self, at: int, fit: _Fit) -> int:
        rows = self._rows
        while at < len(rows) and not fit.alive(rows[at]):
            at += 1
        return at


class _Fit:
    """Tells which rows are members now, and may be chosen."""

    __slots__ = ("_exclude", "_rows")

    def __init__(self, members: Members, exclude: Member | None) -> None:
        self._rows = members.rows
        self._exclude = exclude

    def alive(self, row: Row) -> bool:
        """Tell whether a row is still the one of its member."""
        return self._rows.get((row.origin, row.n)) is row

    def excludes(self, row: Row) -> bool:
        """Tell whether a row is of the actor that is not to be chosen."""
        # Not by the row itself, which the actor may be replacing.
        exclude = self._exclude
        return exclude is not None and exclude == (row.origin, row.n)

    def __call__(self, row: Row) -> bool:
        return not self.excludes(row) and self.alive(row)


class _Pool(NamedTuple):
    """The rows to choose from: runs, and single ones that all fit."""

    runs: tuple[Run, ...]
    loose: list[Row]
    fit: _Fit


def choose(
    members: Members, wish: Wish, me: NodeId, draw: Draw, measure: Measure = EQUAL
) -> Row | None:
    """Return the row that a wish leads to; None if no member qualifies."""
    while True:
        version = members.version
        row = _choose(members, wish, me, draw, measure)
        # All may have been replaced under a reader that was held up.
        if row is not None or version == members.version:
            return row


def _choose(
    members: Members, wish: Wish, me: NodeId, draw: Draw, measure: Measure
) -> Row | None:
    fit = _Fit(members, wish.exclude)
    how, where = wish.how, wish.where
    if how in ("oldest", "newest"):
        pool = _pool(members, where, me, fit, measure)
        return _oldest(pool, measure) if how == "oldest" else _newest(pool, measure)
    for side in _sides(how, where):
        row = _random(_pool(members, side, me, fit, measure), draw, measure)
        if row is not None:
            return row
    return None


def _sides(how: str, where: Where) -> tuple[Where, ...]:
    if where != "any" or how == "random":
        return (where,)
    return ("local", "remote") if how == "closest" else ("remote", "local")


def _pool(
    members: Members, where: Where, me: NodeId, fit: _Fit, measure: Measure
) -> _Pool:
    if len(members.rows) <= SMALL:
        rows: Iterable[Row] = members.snapshot()
        return _Pool((), _on_side(rows, where, me, fit), fit)
    index = _index(members, me, fit, measure)
    runs: tuple[Run, ...] = ()
    if where != "remote":
        runs += index.local
    if where != "local":
        runs += index.remote
    return _Pool(runs, _on_side(index.journal[index.used :], where, me, fit), fit)


def _on_side(rows: Iterable[Row], where: Where, me: NodeId, fit: _Fit) -> list[Row]:
    if where == "any":
        return [row for row in rows if fit(row)]
    local = where == "local"
    return [row for row in rows if (row.origin == me) is local and fit(row)]


def _oldest(pool: _Pool, measure: Measure) -> Row | None:
    found = [run.first(pool.fit) for run in pool.runs]
    rows = [row for row in found if row is not None] + pool.loose
    return min(rows, key=measure.oldest, default=None)


def _newest(pool: _Pool, measure: Measure) -> Row | None:
    found = [run.last(pool.fit) for run in pool.runs]
    rows = [row for row in found if row is not None] + pool.loose
    return max(rows, key=measure.newest, default=None)


def _random(pool: _Pool, draw: Draw, measure: Measure) -> Row | None:
    """Draw until a row is hit that fits, which leaves all that fit the same chance."""
    if sum(len(run.rows) for run in pool.runs) <= SMALL:
        return _of_all(pool, draw, measure)
    loose = _sums(pool.loose, measure)
    total = sum(run.total for run in pool.runs)
    for _ in range(TRIES):
        number = int(draw() * (total + loose[-1]))
        if number >= total:
            return pool.loose[bisect_right(loose, number - total) - 1]
        for run in pool.runs:
            if number < run.total:
                row = run.at(number)
                if pool.fit(row):
                    return row
                break
            number -= run.total
    return _of_all(pool, draw, measure)


def _of_all(pool: _Pool, draw: Draw, measure: Measure) -> Row | None:
    """Choose among the rows that fit, after a look at all."""
    rows = [row for run in pool.runs for row in run.rows if pool.fit(row)]
    rows += pool.loose
    if not rows:
        return None
    sums = _sums(rows, measure)
    return rows[bisect_right(sums, int(draw() * sums[-1])) - 1]


def _sums(rows: list[Row], measure: Measure) -> list[int]:
    return list(accumulate(map(measure.weight or _one, rows), initial=0))


def _one(_row: Row) -> int:
    return 1


# The index


def _index(members: Members, me: NodeId, fit: _Fit, measure: Measure) -> Index[Run]:
    index: Index[Run] | None = members.index
    journal = members.journal
    if index is None or index.journal is not journal:
        return _build(members, me, measure)
    waiting = len(journal) - index.used
    if index.size + waiting > 2 * len(members.rows) + SLACK:
        return _build(members, me, measure)
    if waiting > SMALL:
        return _extend(members, index, me, fit, measure)
    return index


def _build(members: Members, me: NodeId, measure: Measure) -> Index[Run]:
    """Make the index anew, while the writer may be writing.

    The newest entry of the journal may not be in the rows yet, and entries that come
    while the rows are copied may be in both: the index goes on with these.
    """
    journal = members.begin_journal()
    used = max(0, len(journal) - 1)
    rows = members.snapshot()
    noted = {id(row) for row in journal[used:]}
    local: list[Row] = []
    remote: list[Row] = []
    for row in rows:
        if id(row) not in noted:
            (local if row.origin == me else remote).append(row)
    index = Index(journal, used, _runs(local, measure), _runs(remote, measure))
    members.index = index
    return index


def _extend(
    members: Members, index: Index[Run], me: NodeId, fit: _Fit, measure: Measure
) -> Index[Run]:
    """Put entries of the journal into runs; the newest may not be in the rows yet."""
    used = len(index.journal) - 1
    fresh = [row for row in index.journal[index.used : used] if fit.alive(row)]
    local = [row for row in fresh if row.origin == me]
    remote = [row for row in fresh if row.origin != me]
    index = Index(
        index.journal,
        used,
        _merged(index.local + _runs(local, measure), fit, measure),
        _merged(index.remote + _runs(remote, measure), fit, measure),
    )
    members.index = index
    return index


def _runs(rows: list[Row], measure: Measure) -> tuple[Run, ...]:
    return (Run(rows, measure),) if rows else ()


def _merged(runs: tuple[Run, ...], fit: _Fit, measure: Measure) -> tuple[Run, ...]:
    """Merge runs until each is at least twice as long as the next."""
    while len(runs) > 1 and len(runs[-2].rows) < 2 * len(runs[-1].rows):
        rows = [row for run in runs[-2:] for row in run.rows if fit.alive(row)]
        runs = runs[:-2] + _runs(rows, measure)
    return runs
