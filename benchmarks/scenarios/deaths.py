"""Owners that die, until nobody knows of what they had."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from actors import AnyRef
from benchmarks.owners import (
    PATIENCE,
    Idler,
    end_all,
    keys_of,
    lone_group,
    open_mailboxes,
    stop_all,
)
from benchmarks.pairs import Pair, linked
from benchmarks.readings import Reading
from benchmarks.references import pg
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.waiting import await_count
from group import Group


class GhostsError(Exception):
    """Rows of the dead are left after all has settled."""


@scenario
def death_cleanup(size: Size) -> Iterator[Sequence[Case]]:
    """Owners on A die until B has none of their keys."""
    few, many = size.shape(1_000, least=4), size.shape(5_000, least=5)
    with linked() as pair, pg.linked_beams(size) as beam:
        cases: list[Case] = []
        for shape in shapes(few, many):
            in_pg = {f"pg, gone on B: {shape.name}": "ms"}
            numbers = (shape.owners, shape.keys)
            cases += [
                partial(cleanup, pair, shape, MAILBOXES),
                *beam.case(in_pg, "cleanup_there", pg.OTHER, *numbers),
            ]
        yield [
            *cases,
            partial(cleanup, pair, shapes(few, many)[0], THREADS),
            partial(messages_instead, pair, few),
        ]


@scenario
def local_cleanup(size: Size) -> Iterator[Sequence[Case]]:
    """Owners die until their own node has none of their keys; there is no peer."""
    few, many = size.shape(1_000, least=4), size.shape(5_000, least=5)
    with lone_group() as group, pg.beams(size, 1) as (beam,):
        cases: list[Case] = []
        for shape in shapes(few, many):
            in_pg = {f"pg, gone: {shape.name}": "ms"}
            cases += [
                partial(cleanup_here, group, shape),
                *beam.case(in_pg, "cleanup", shape.owners, shape.keys),
            ]
        yield cases


class Shape(NamedTuple):
    """So many owners of so many keys each, called after the full numbers."""

    name: str
    owners: int
    keys: int


def shapes(few: int, many: int) -> list[Shape]:
    """The four of the documentation, in their size of today."""
    return [
        Shape("1,000 x 1", few, 1),
        Shape("1 x 1,000", 1, few),
        Shape("5,000 x 1", many, 1),
        Shape("1 x 5,000", 1, many),
    ]


def cleanup_here(group: Group, shape: Shape) -> Iterator[Reading]:
    """Let owners die that have so many keys each."""
    refs = open_mailboxes(shape.owners)
    fill(group, refs, shape.keys)
    began = clock()
    end_all(refs)
    took = (await_count(group, 0) - began) / 1e6
    against = (f"pg, gone: {shape.name}",)
    yield Reading(f"gone: {shape.name}, mailboxes", took, "ms", against)


def fill(group: Group, refs: Sequence[AnyRef], keys: int) -> None:
    """Register so many keys of each."""
    for number, ref in enumerate(refs):
        for key in keys_of(f"user/{number}", keys):
            group.register(key, actor=ref)


def start_idlers(count: int) -> list[AnyRef]:
    """Start actors with a thread each."""
    return [Idler.start() for _ in range(count)]


class Kind(NamedTuple):
    """A kind of actors, and how many of them are made and ended."""

    name: str
    start: Callable[[int], list[AnyRef]]
    end: Callable[[Sequence[AnyRef]], None]


MAILBOXES = Kind("mailboxes", open_mailboxes, end_all)
THREADS = Kind("thread actors", start_idlers, stop_all)


def cleanup(pair: Pair, shape: Shape, kind: Kind) -> Iterator[Reading]:
    """Let owners die that have so many keys each."""
    refs = kind.start(shape.owners)
    fill(pair.group, refs, shape.keys)
    pair.other.ask("await_count", shape.owners * shape.keys)
    pair.other.begin("await_count", 0)
    began = clock()
    kind.end(refs)
    ended = clock()
    gone = pair.other.time()
    no_ghosts(pair)
    name, against = f"{shape.name}, {kind.name}", (f"pg, gone on B: {shape.name}",)
    yield Reading(f"gone on B: {name}", (gone - began) / 1e6, "ms", against)
    yield Reading(f"ending them on A: {name}", (ended - began) / 1e6, "ms")


def messages_instead(pair: Pair, count: int) -> Iterator[Reading]:
    """For comparison: the same number of keys, each unregistered by a call."""
    keys = keys_of("user", count)
    for key in keys:
        pair.group.register(key, actor=pair.owner)
    pair.other.ask("await_count", count)
    pair.other.begin("await_count", 0)
    began = clock()
    for key in keys:
        pair.group.unregister(key)
    gone = pair.other.time()
    yield Reading(f"gone on B: {count:,} unregister calls", (gone - began) / 1e6, "ms")


@scenario
def churn(size: Size) -> Iterator[Sequence[Case]]:
    """10 times 500 owners register a key and die, until B agrees; no ghost is left."""
    cycles, owners = 10, size.shape(500, least=5)
    with linked() as pair, pg.linked_beams(size) as beam:
        yield [
            partial(lives, pair, cycles, owners, MAILBOXES),
            *beam.case({PG_LIVES: "lives/s"}, "churn", pg.OTHER, cycles, owners),
            partial(lives, pair, cycles, owners, THREADS),
        ]


PG_LIVES = "pg, spawn, join, die"


def lives(pair: Pair, cycles: int, owners: int, kind: Kind) -> Iterator[Reading]:
    """Let many register and die; starting them is part of it, and told apart."""
    starting = 0
    began = clock()
    for _ in range(cycles):
        before = clock()
        refs = kind.start(owners)
        starting += clock() - before
        for number, ref in enumerate(refs):
            pair.group.register(f"user/{number}", actor=ref)
        kind.end(refs)
    pair.group.settle(PATIENCE)
    took = clock() - began - starting
    no_ghosts(pair)
    value, name = cycles * owners * 1e9 / took, f"register, die, converged: {kind.name}"
    yield Reading(name, value, "lives/s", (PG_LIVES,))
    started = cycles * owners * 1e9 / starting
    yield Reading(f"starting them: {kind.name}", started, "lives/s")


@scenario
def join_die(size: Size) -> Iterator[Sequence[Case]]:
    """1,000 members of one group die until the other node has none of them."""
    count = size.shape(1_000, least=4)
    names = {"pg, 1,000 join one group": "ms", "pg, 1,000 of one group die": "ms"}
    with linked() as pair, pg.linked_beams(size) as beam:
        yield [
            partial(join_and_die, pair, count, tuple(names)),
            *beam.case(names, "join_die", pg.OTHER, count),
        ]


def join_and_die(pair: Pair, count: int, against: tuple[str, ...]) -> Iterator[Reading]:
    """Join all, wait until both know all; end all."""
    refs = open_mailboxes(count)
    began = clock()
    for ref in refs:
        pair.group.join("room", actor=ref)
    took = (clock() - began) / 1e6
    yield Reading("1,000 join one group", took, "ms", against[:1])
    pair.other.ask("await_members", "room", count)
    pair.other.begin("await_members", "room", 0)
    began = clock()
    end_all(refs)
    took = (pair.other.time() - began) / 1e6
    no_ghosts(pair)
    yield Reading("1,000 of one group die", took, "ms", against[1:])


def no_ghosts(pair: Pair) -> None:
    """Check that nobody remembers a dead owner, at once and without patience.

    Raises:
        GhostsError: Somebody does.
    """
    pair.group.settle(PATIENCE)
    here, there = pair.group.registry_count(), pair.other.ask("count")
    if here or there != [0, 0]:
        raise GhostsError(f"{here} keys here; keys and rows there: {there}")
