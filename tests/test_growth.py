"""What must not grow: joins with members, writes with clusters, beats with streams.

Instructions and bytes are counted. The processor time of the quickest of many, which
sees what C code does as well, may vary more: to look at each of 150,000 members takes a
hundred times as long as to look at none.
"""

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import pytest

from benchmarks.counting import OtherThreads, allocated, counted, nanoseconds
from benchmarks.owners import COOKIE, keys_of, lone_group, mailboxes
from benchmarks.scenarios.clusters import KEY, cluster_names
from benchmarks.waiting import await_each
from group import Group
from transport import Node

pytestmark = pytest.mark.slow

GROWTH = 1.5
GROWTH_OF_TIME = 4.0
MEMBERS = (1, 1_000, 150_000)
CLUSTERS = (1, 100, 5_000)
STREAMS = (1, 1_000)
HEARTBEAT = 0.1
BEATS = 15


class Cost(NamedTuple):
    """Of one pair of writes."""

    instructions: int
    bytes: int
    ns: int


def cost_of(pair: Callable[[], object]) -> Cost:
    return Cost(counted(pair).instructions, allocated(pair), nanoseconds(pair))


def assert_no_growth(costs: dict[int, Cost]) -> None:
    print("\n".join(f"{size:8,}: {cost}" for size, cost in costs.items()))
    first, *others = costs.values()
    for cost in others:
        assert cost.instructions <= first.instructions * GROWTH
        # What a list or a dict gets at once when it is full is not of one write.
        assert cost.bytes <= first.bytes * GROWTH + 256
        assert cost.ns <= first.ns * GROWTH_OF_TIME


@pytest.mark.parametrize(
    "look",
    [
        lambda rows: [row for row in rows if row < 0],
        lambda rows: rows.copy(),
        lambda rows: -1 in rows,
    ],
    ids=["a loop", "a copy", "a search in C"],
)
def test_a_look_at_all_members_would_be_noticed(
    look: Callable[[list[int]], object],
) -> None:
    costs = {
        size: cost_of(partial(look, list(range(size)))) for size in (1_000, 20_000)
    }

    with pytest.raises(AssertionError):
        assert_no_growth(costs)


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the collector, which would look at 150,000 new actors again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


@pytest.mark.timeout(180)
def test_a_join_costs_the_same_in_a_group_of_150_000_members() -> None:
    costs = {}
    joined = 0
    with uncollected(), lone_group() as group, mailboxes(max(MEMBERS)) as owners:
        join, leave = partial(group.join, KEY), partial(group.leave, KEY)

        def pair() -> None:
            leave(actor=owners[0])
            join(actor=owners[0])

        for members in MEMBERS:
            for owner in owners[joined:members]:
                join(actor=owner)
            joined = members
            costs[members] = cost_of(pair)

    assert_no_growth(costs)


def test_a_write_costs_the_same_in_one_of_5_000_clusters() -> None:
    costs = {}
    names = cluster_names(max(CLUSTERS))
    with linked(heartbeat=1.0) as pair_of_groups, mailboxes(1) as (owner,):
        group, other, _ = pair_of_groups
        joined = 0

        def pair() -> None:
            group.register(KEY, actor=owner, cluster=names[0])
            group.unregister(KEY, cluster=names[0])

        for clusters in CLUSTERS:
            more = names[joined:clusters]
            group.connect(more)
            other.connect(more)
            joined = clusters
            met = partial(know_each_other, group, other)
            await_each(more, met)
            group.settle(30)
            costs[clusters] = cost_of(pair)

    assert_no_growth(costs)


@pytest.mark.cluster
@pytest.mark.timeout(120)
def test_a_beat_costs_the_same_with_1_000_other_streams() -> None:
    found = {}
    for streams in STREAMS:
        with linked(HEARTBEAT) as (group, other, counting), mailboxes(1) as (owner,):
            names = cluster_names(streams)
            group.connect(names)
            other.connect(names)
            for name in names:
                group.register(KEY, actor=owner, cluster=name)
            await_each(names, lambda name: other.lookup(KEY, cluster=name))
            group.settle(30)

            found[streams] = beats(counting)

    print(found)
    few, many = found.values()
    assert few > 0
    assert many <= few * GROWTH


def beats(counting: OtherThreads) -> int:
    """What a node's threads execute while nothing happens: the middle of five."""
    windows = []
    for _ in range(5):
        before = counting.counts("")
        # This is the time in which they are counted; nothing is proved by waiting.
        threading.Event().wait(HEARTBEAT * BEATS / 5)
        windows.append(counting.counts("").instructions - before.instructions)
    return sorted(windows)[2]


def know_each_other(group: Group, other: Group, name: str) -> bool:
    return len(group.nodes(name)) == len(other.nodes(name)) == 2


@contextmanager
def linked(heartbeat: float) -> Iterator[tuple[Group, Group, OtherThreads]]:
    """Two groups on linked nodes; and what the threads of the first execute."""
    with OtherThreads() as counting:
        node = Node.start("grow-a", cookie=COOKIE, heartbeat=heartbeat, lease=30.0)
        group = Group.start("grow", node=node, log=False)
    with (
        node,
        group,
        Node.start(
            "grow-b",
            cookie=COOKIE,
            join=node.address,
            require_peers=1,
            heartbeat=heartbeat,
            lease=30.0,
        ) as peer,
        Group.start("grow", node=peer, log=False) as other,
    ):
        await_each([""], lambda _: group.nodes() and other.nodes())
        yield group, other, counting


def test_the_collector_has_no_more_to_look_at_with_more_rows() -> None:
    """A registry of a million must not stop the world when the world is looked at."""
    # The first ones are what an owner, and what a shard costs.
    first, keys = keys_of("first", 500), keys_of("user", 5_000)
    with lone_group() as group, mailboxes(1) as (owner,):
        for key in first:
            group.register(key, actor=owner)
        gc.collect()
        before = len(gc.get_objects())
        for key in keys:
            group.register(key, actor=owner)
        gc.collect()
        more = len(gc.get_objects()) - before
    print(f"{more} more objects for {len(keys):,} rows")
    assert more < len(keys) / 50
