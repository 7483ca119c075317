"""Local writes while a peer floods this node, and with few shards or many."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import keys_of, mailboxes
from benchmarks.pairs import Pair, linked
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, percentile, scenario
from benchmarks.scenarios.writes import burst
from group import Group

KINDS = ("registrations", "memberships")
SHARDS = (1, 2, 4, 8)


@scenario
def pressure(size: Size) -> Iterator[Sequence[Case]]:
    """Local register + unregister while the peer writes as fast as it can."""
    count = size.of(2_000, least=10)
    with linked() as pair:
        yield [
            partial(quiet, pair, count),
            *(partial(flooded, pair, kind, count) for kind in KINDS),
        ]


QUIET = "register + unregister, a quiet peer"


def quiet(pair: Pair, count: int) -> Iterator[Reading]:
    """The same without it."""
    yield from timed(pair, count, QUIET, ())


def flooded(pair: Pair, kind: str, count: int) -> Iterator[Reading]:
    """While the other process writes and takes away."""
    pair.other.ask("flood", kind)
    try:
        name = f"register + unregister, a flood of {kind}"
        yield from timed(pair, count, name, (QUIET,))
    finally:
        pair.other.ask("flood", "")


def timed(
    pair: Pair, count: int, name: str, against: tuple[str, ...]
) -> Iterator[Reading]:
    """Time each pair of calls by itself."""
    took: list[float] = []
    for _ in range(count):
        began = clock()
        pair.group.register("local/1", actor=pair.owner)
        pair.group.unregister("local/1")
        took.append((clock() - began) / 1e3)
    for percent in (50, 99):
        others = tuple(f"{other}: p{percent}" for other in against)
        yield Reading(f"{name}: p{percent}", percentile(took, percent), "us", others)


@scenario
def shards(size: Size) -> Iterator[Sequence[Case]]:
    """10,000 owners register by 8 threads, with 1, 2, 4 and 8 shards."""
    keys = keys_of("user", size.shape(10_000, least=8))
    with ExitStack() as stack:
        cases: list[Case] = []
        for count in SHARDS:
            group = stack.enter_context(
                Group.start(f"of-{count}", shards=count, log=False)
            )
            owners = stack.enter_context(mailboxes(len(keys)))
            name = f"register, 8 threads, {count} shard{'s' if count > 1 else ''}"
            cases.append(partial(burst, group, keys, owners, name))
        yield cases
