"""Choosing from large groups that change all the time: who, how fairly, how fast."""

import random
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from group._core import choosing
from group._core.choosing import SMALL, How, Measure, Where, Wish, age, choose
from group._core.rows import Row
from group._core.views import Member, Members
from tests.group.bench import HERE, THERE, YONDER, row

SIDES: dict[Where, set[bool]] = {
    "any": {True, False},
    "local": {True},
    "remote": {False},
}
DRAWS = 100_000


def heavy(one: Row) -> int:
    return one.stamp % 7 + 1


WEIGHED = Measure(age, age, heavy)


def group_of(rows: Iterable[Row]) -> Members:
    first, *others = rows
    members = Members(first)
    for each in others:
        members.put(each)
    return members


def rows_of(count: int, *, here: int = 2) -> list[Row]:
    """Rows of which every `here`-th is of this node; stamps in another order."""
    return [
        row(HERE if n % here == 0 else THERE, n, stamp=(n * 7919) % 100_003)
        for n in range(1, count + 1)
    ]


def fit(members: Members, wish: Wish) -> list[Row]:
    """The rows that qualify, found the slow way."""
    return [
        each
        for member, each in members.rows.items()
        if (each.origin == HERE) in SIDES[wish.where] and member != wish.exclude
    ]


def expected(members: Members, wish: Wish) -> list[Row]:
    """All rows that may be the answer to a wish."""
    rows = fit(members, wish)
    if not rows:
        return []
    match wish.how:
        case "oldest":
            return [min(rows, key=age)]
        case "newest":
            return [max(rows, key=age)]
        case "random":
            return rows
        case "closest":
            return [each for each in rows if each.origin == HERE] or rows
        case "furthest":
            return [each for each in rows if each.origin != HERE] or rows


HOWS: Sequence[How] = ("closest", "furthest", "random", "oldest", "newest")
WHERES: Sequence[Where] = ("any", "local", "remote")


def check(members: Members, wish: Wish, draw: random.Random) -> None:
    chosen = choose(members, wish, HERE, draw.random)

    may = expected(members, wish)
    assert chosen in may if may else chosen is None, wish


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 3 * SMALL), st.integers(0, 2**32))
def test_a_choice_is_the_one_that_a_look_at_all_gives(size: int, seed: int) -> None:
    draw = random.Random(seed)
    members = group_of(rows_of(size))
    stamp = 200_000

    for _ in range(60):
        change = draw.random()
        somebody = draw.choice(list(members.rows.values()))
        if change < 0.3 and len(members.rows) > 1:
            members.pop(somebody)
        elif change < 0.6:
            stamp += 1
            late = draw.choice((stamp, draw.randrange(stamp)))
            origin = draw.choice((HERE, THERE, YONDER))
            members.put(row(origin, 10_000 + stamp, late))
        elif change < 0.7:
            members.put(row(somebody.origin, somebody.n, somebody.stamp, b"new"))
        exclude: Member | None = draw.choice((None, (somebody.origin, somebody.n)))
        how, where = draw.choice(HOWS), draw.choice(WHERES)
        check(members, Wish(how, where, exclude), draw)


@pytest.mark.parametrize("how", HOWS)
def test_who_is_alone_on_a_side_may_be_excluded(how: How) -> None:
    members = group_of([*(row(THERE, n) for n in range(1, 200)), row(HERE, 1)])
    draw = random.Random(1)

    for where in WHERES:
        check(members, Wish(how, where, (HERE, 1)), draw)
        check(members, Wish(how, where, None), draw)


def chi_square_is_likely(seen: Counter[int], shares: dict[int, int]) -> bool:
    """Tell whether counts fit shares, with p > 0.001 (after Wilson and Hilferty)."""
    total, draws = sum(shares.values()), seen.total()
    assert set(seen) <= set(shares)
    square = sum(
        (seen[each] - draws * share / total) ** 2 / (draws * share / total)
        for each, share in shares.items()
    )
    free = len(shares) - 1
    limit = free * (1 - 2 / (9 * free) + 3.09 * sqrt(2 / (9 * free))) ** 3
    print(f"chi square {square:.1f}, limit {limit:.1f}")
    return square < limit


def restless(size: int, measure: Measure) -> Members:
    """A group with an index in which there are the dead, and a journal with rest."""
    members = group_of(rows_of(size))
    choose(members, Wish("oldest", "any", None), HERE, random.random, measure)
    for n in range(1, size, 3):
        members.pop(row(HERE if n % 2 == 0 else THERE, n))
    for n in range(size, size + size // 4):
        members.put(row(HERE if n % 2 == 0 else THERE, n + 1, stamp=n))
        if n % 40 == 0:
            choose(members, Wish("oldest", "any", None), HERE, random.random, measure)
    return members


@pytest.mark.parametrize("size", [5, SMALL + 8, 300])
@pytest.mark.parametrize("measure", [choosing.EQUAL, WEIGHED])
@pytest.mark.parametrize("excluding", [False, True])
def test_random_choices_are_fair(
    size: int, measure: Measure, *, excluding: bool
) -> None:
    draw = random.Random(2026)
    members = restless(size, measure)
    exclude = next(iter(members.rows)) if excluding else None
    wish = Wish("random", "any", exclude)

    seen = Counter(
        chosen.n
        for _ in range(DRAWS)
        if (chosen := choose(members, wish, HERE, draw.random, measure)) is not None
    )

    weight = measure.weight or (lambda _row: 1)
    shares = {each.n: weight(each) for each in fit(members, wish)}
    assert seen.total() == DRAWS
    assert chi_square_is_likely(seen, shares)


def test_an_unfair_choice_would_be_seen() -> None:
    slid = Counter({1: 25_000, 2: 50_000, 3: 25_000})

    assert not chi_square_is_likely(slid, {1: 1, 2: 1, 3: 1})


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("excluding", [False, True])
def test_a_choice_from_many_looks_at_few(
    how: How, monkeypatch: pytest.MonkeyPatch, *, excluding: bool
) -> None:
    looks = 0
    alive = choosing._Fit.alive

    def counted(self: choosing._Fit, one: Row) -> bool:
        nonlocal looks
        looks += 1
        return alive(self, one)

    members = group_of(rows_of(20_000))
    draw = random.Random(7)
    choose(members, Wish(how, "any", None), HERE, draw.random)
    monkeypatch.setattr(choosing._Fit, "alive", counted)
    index, most = members.index, 0

    for n in range(3_000):
        # The oldest go, and others come, as jobs in a queue do.
        oldest = choose(members, Wish("oldest", "any", None), HERE, draw.random)
        assert oldest is not None
        exclude = (oldest.origin, oldest.n) if excluding else None
        before = looks
        chosen = choose(members, Wish(how, "any", exclude), HERE, draw.random)
        most = max(most, looks - before)
        assert chosen is not None
        members.pop(chosen)
        members.put(row(THERE, 50_000 + n, stamp=200_000 + n))

    assert members.index is not index
    print(f"{how}: {looks / 3_000:.1f} looks for two choices, at most {most} for one")
    # On average; now and then a choice merges runs for all that follow.
    assert looks / 3_000 < 300


def test_a_group_that_is_never_chosen_from_keeps_no_journal() -> None:
    members = group_of(rows_of(1_000))

    assert members.journal is None
    assert members.index is None


def test_a_journal_that_nobody_reads_is_thrown_away() -> None:
    members = group_of(rows_of(100))
    choose(members, Wish("oldest", "any", None), HERE, random.random)
    assert members.journal is not None

    for n in range(2_000):
        members.put(row(HERE, 1, stamp=n + 1))

    assert len(members.journal or []) < 1_500
    check(members, Wish("newest", "any", None), random.Random(1))


def keep_choosing(members: Members, seed: int, ended: threading.Event) -> list[Wish]:
    """Choose again and again; return the wishes that led to nobody."""
    draw, unfulfilled = random.Random(seed), list[Wish]()
    while not ended.is_set():
        wish = Wish(draw.choice(HOWS), "any", None)
        if choose(members, wish, HERE, draw.random) is None:
            unfulfilled.append(wish)
    return unfulfilled


def churn(members: Members, changes: int, draw: random.Random) -> None:
    for n in range(changes):
        if draw.random() < 0.5 and len(members.rows) > 200:
            members.pop(next(iter(members.rows.values())))
        else:
            members.put(row(THERE, 1_000 + n, stamp=100_000 + n))


def test_readers_choose_while_members_come_and_go() -> None:
    members = group_of(rows_of(500))
    ended = threading.Event()

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(keep_choosing, members, n, ended) for n in range(3)]
        churn(members, 20_000, random.Random(9))
        ended.set()

    assert [reader.result() for reader in readers] == [[], [], []]
    assert in_order_of_age(members) == sorted(members.rows.values(), key=age)


def in_order_of_age(members: Members) -> list[Row]:
    """All that can be chosen: the oldest, then the oldest of the rest, and so on."""
    rows, found = dict(members.rows), list[Row]()
    while chosen := choose(members, Wish("oldest", "any", None), HERE, random.random):
        found.append(chosen)
        members.pop(chosen)
    members.rows.update(rows)
    return found


class Interrupted(dict[Member, Row]):
    """Rows whose writer is held up, before or after a row is stored, for a reader."""

    def __init__(self, rows: dict[Member, Row], members: Members, when: str) -> None:
        super().__init__(rows)
        self.members, self.when = members, when

    def __setitem__(self, member: Member, one: Row) -> None:
        if self.when == "before":
            self.read()
        super().__setitem__(member, one)
        if self.when == "after":
            self.read()

    def read(self) -> None:
        choose(self.members, Wish("newest", "any", None), HERE, random.random)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("noted", [None, 0, 1, SMALL + 1])
def test_a_row_is_seen_once_whenever_an_index_is_made(
    when: str, noted: int | None
) -> None:
    members = group_of(rows_of(100))
    if noted is not None:
        choose(members, Wish("oldest", "any", None), HERE, random.random)
        for n in range(noted):
            members.put(row(HERE, 1_000 + n, stamp=200_000 + n))
    if noted == 0:
        members.index = None
    members.rows = Interrupted(members.rows, members, when)

    newest = row(HERE, 777, stamp=300_000)
    members.put(newest)
    members.rows = dict(members.rows)

    wish = Wish("newest", "any", None)
    assert choose(members, wish, HERE, random.random) is newest
    assert each_has_one_chance(members)


def test_a_row_that_was_just_noted_has_one_chance() -> None:
    members = group_of(rows_of(100))
    choose(members, Wish("oldest", "any", None), HERE, random.random)
    members.put(row(HERE, 777, stamp=300_000))

    members.index = None

    assert each_has_one_chance(members)


def each_has_one_chance(members: Members) -> bool:
    draw, wish = random.Random(3), Wish("random", "any", None)
    seen = Counter(
        chosen.n
        for _ in range(20_000)
        if (chosen := choose(members, wish, HERE, draw.random)) is not None
    )
    return chi_square_is_likely(seen, {each.n: 1 for each in fit(members, wish)})
