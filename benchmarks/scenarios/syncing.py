"""A late joiner, until it knows what was there before it."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import USUAL, Timing, filled, keys_of, open_node
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.references import pg, wire
from benchmarks.references.redis import served
from benchmarks.scenario import Case, Size, scenario

OWNERS = 100
BARE_LOAD, REDIS_LOAD = "bare TCP, decode, dict", "Redis HGETALL"
PG_LATE = "pg, a late joiner"


@scenario
def bulk_sync(size: Size) -> Iterator[Sequence[Case]]:
    """A late joiner dials a node until it has all of its 1k, 10k or 100k keys."""
    names = itertools.count()
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        joiner = stack.enter_context(worker())
        redis = stack.enter_context(served(size))
        beams = stack.enter_context(pg.beams(size, 2))
        cases: list[Case] = []
        for count in (1_000, 10_000, 100_000):
            some = (size.of if count > 10_000 else size.shape)(count, 10)
            keys = keys_of("user", some)
            group = f"bulk-{count}"
            stack.enter_context(filled(group, node, keys))
            cases += [
                partial(late, joiner, names, node.address, group, (count, some)),
                partial(load, joiner, count, keys),
                *late_in_pg(beams, count, some),
                *(redis.snapshots(joiner, count, some) if redis else ()),
            ]
        yield cases


def late(
    joiner: Worker,
    names: Iterator[int],
    address: str,
    group: str,
    counts: tuple[int, int],
    timing: Timing = USUAL,
) -> Iterator[Reading]:
    """A new node dials until it has all keys; called after the full number of them."""
    name, count = f"bench-b{next(names)}", f"{counts[0]:,}"
    arguments = (name, group, address, counts[1], timing)
    took = joiner.ask_time("late_join", *arguments) / 1e6
    against = tuple(f"{other}: {count}" for other in (BARE_LOAD, PG_LATE, REDIS_LOAD))
    yield Reading(f"sync {count} keys", took, "ms", against)


def load(joiner: Worker, count: int, keys: list[str]) -> Iterator[Reading]:
    """The same rows by a bare socket into a bare dict."""
    with wire.connected(joiner, "load", len(keys)) as sock:
        wire.serve_rows(sock, keys)
        yield Reading(f"{BARE_LOAD}: {count:,}", joiner.time() / 1e6, "ms")


def late_in_pg(beams: Sequence[pg.Beam], count: int, some: int) -> list[Case]:
    """One BEAM node dials another that has as many keys."""
    here, there = beams

    def fill() -> Iterable[Reading]:
        here.do("fill", "user", some, min(OWNERS, some))
        return ()

    def empty() -> Iterable[Reading]:
        here.do("clear")
        return ()

    name = {f"{PG_LATE}: {count:,}": "ms"}
    return [fill, *there.case(name, "late_join", here.name, some), empty]
