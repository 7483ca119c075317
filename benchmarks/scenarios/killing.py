"""A process that is killed, until its peer knows none of its keys."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import GROUP, keys_of, open_node
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.references import pg, wire
from benchmarks.references.redis import served
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.waiting import await_count
from group import Group
from transport import Node

OWNERS = 100
BARE_END = "bare TCP: SIGKILL until its end is seen and a dict is cleared"


@scenario
def killed_node(size: Size) -> Iterator[Sequence[Case]]:
    """A process with 10,000 keys gets SIGKILL until its peer has none of them."""
    count = size.shape(10_000, least=10)
    names = itertools.count()
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        group = stack.enter_context(Group.start(GROUP, node=node, log=False))
        redis = stack.enter_context(served(size))
        yield [
            partial(killed, node, group, names, count),
            partial(bare_end, count),
            *pg.killed_node(size, PG_KILLED, count),
            *(redis.leases(Worker, count) if redis else ()),
        ]


PG_KILLED = "pg, SIGKILL until they are gone"


def killed(
    node: Node, group: Group, names: Iterator[int], count: int
) -> Iterator[Reading]:
    """Kill a process that owns so many keys."""
    with worker() as other:
        other.ask("start", f"bench-b{next(names)}", node.address)
        other.ask("fill", min(OWNERS, count), count)
        await_count(group, count)
        began = clock()
        other.kill()
        gone = await_count(group, 0)
    against = (BARE_END, PG_KILLED, "Redis, keys that live a second")
    took = (gone - began) / 1e6
    yield Reading("SIGKILL until 10,000 keys are gone", took, "ms", against)


def bare_end(count: int) -> Iterator[Reading]:
    """Kill a process that holds a connection, see its end, delete from a dict."""
    table = dict.fromkeys(keys_of("user", count), 1)
    with worker() as other, wire.connected(other, "hold") as sock:
        wire.read_exactly(sock, 1)
        began = clock()
        other.kill()
        wire.read_exactly(sock, 1)
        for key in list(table):
            del table[key]
        yield Reading(BARE_END, (clock() - began) / 1e6, "ms")
