"""Ten thousand named clusters, of two nodes, with one key each."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import GROUP
from benchmarks.pairs import Pair, linked
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.references import pg
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.scenarios.syncing import PG_LATE, late_in_pg
from benchmarks.waiting import await_each
from group import Group
from transport import Node

CLUSTERS = 10_000
KEY = "room/1"


@scenario
def many_clusters(size: Size) -> Iterator[Sequence[Case]]:
    """10,000 named clusters: connect, register 1 each, re-discovery, disconnect."""
    count = size.of(CLUSTERS, least=5)
    with ExitStack() as stack:
        pair = stack.enter_context(linked())
        joiner = stack.enter_context(worker())
        beams = stack.enter_context(pg.beams(size, 2))
        yield [
            partial(phases, pair, joiner, itertools.count(), cluster_names(count)),
            *late_in_pg(beams, 10_000, size.of(10_000, least=20)),
        ]


def cluster_names(count: int) -> list[str]:
    """Return their names."""
    return [f"game_{number}" for number in range(count)]


def phases(
    pair: Pair, joiner: Worker, numbers: Iterator[int], names: list[str]
) -> Iterator[Reading]:
    """All four, one after another, each until the other node has seen the last."""
    group, other, count = pair.group, pair.other, len(names)

    def phase(name: str, here: Callable[[str], object], there: str) -> Reading:
        other.begin(there, count)
        began = clock()
        for cluster in names:
            here(cluster)
        if there == "connect_all":
            await_each(names, lambda cluster: len(group.nodes(cluster)) == 2)
        return reading(name, other.time() - began)

    yield phase("connect", group.connect, "connect_all")
    put = partial(group.register, KEY, actor=pair.owner)
    yield phase("register 1 each", lambda name: put(cluster=name), "await_clusters")
    name, address = f"bench-c{next(numbers)}", pair.node.address
    found = joiner.ask_time("late_clusters", name, address, count)
    yield reading("re-discovery", found)
    yield phase("disconnect", group.disconnect, "await_no_clusters")
    other.ask("disconnect_all", count)


def reading(phase: str, took: int) -> Reading:
    """Say what a phase took, in ns."""
    name = f"10,000 clusters: {phase}"
    return Reading(name, took / 1e6, "ms", (f"{PG_LATE}: 10,000",))


# What the other process does


def connect_all(group: Group, count: int) -> int:
    """Connect to all, one by one; return when the peer is known to be in each."""
    names = cluster_names(count)
    for name in names:
        group.connect(name)
    return await_each(names, lambda name: len(group.nodes(name)) == 2)


def connect_list(group: Group, count: int) -> int:
    """Connect to all in one call."""
    group.connect(cluster_names(count))
    return count


def await_clusters(group: Group, count: int) -> int:
    """Return when the key of each is known."""
    names = cluster_names(count)
    return await_each(names, lambda name: group.registry_count(cluster=name) == 1)


def await_no_clusters(group: Group, count: int) -> int:
    """Return when no key of any is known."""
    names = cluster_names(count)
    return await_each(names, lambda name: group.registry_count(cluster=name) == 0)


def disconnect_all(group: Group, count: int) -> int:
    """Leave all."""
    group.disconnect(cluster_names(count))
    return count


def late_clusters(name: str, address: str, count: int) -> int:
    """Return the ns from a dial, by a node in all clusters, until it knows each key."""
    with (
        Node.start(name) as node,
        Group.start(GROUP, node=node, log=False) as group,
    ):
        group.connect(cluster_names(count))
        began = clock()
        node.join(address)
        return await_clusters(group, count) - began
