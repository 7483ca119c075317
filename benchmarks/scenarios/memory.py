"""Memory per entry, where its owner is and where it is a replica; by resident size."""

import gc
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.owners import GROUP, filled, keys_of, open_mailboxes, open_node
from benchmarks.processes import worker
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.waiting import await_count
from group import Group
from transport import Node

ENTRIES, OWNERS = 100_000, 100
REPLICA = "entry, replica"
BARE = "bare dict and owner index"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@scenario
def memory(size: Size) -> Iterator[Sequence[Case]]:
    """100,000 entries of 100 owners, without meta: bytes of the process for each."""
    count = size.of(ENTRIES, least=OWNERS)
    numbers = itertools.count()
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        stack.enter_context(filled(GROUP, node, keys_of("user", count), OWNERS))

        def replica() -> tuple[str, ...]:
            return f"bench-b{next(numbers)}", node.address

        yield [
            partial(in_a_process, "entry, owner", "memory_of_owner", count, tuple),
            partial(
                in_a_process, "entry, replica", "memory_of_replica", count, replica
            ),
            partial(in_a_process, BARE, "memory_of_bare", count, tuple),
        ]


def in_a_process(
    name: str, command: str, count: int, more: Callable[[], tuple[str, ...]]
) -> Iterator[Reading]:
    """Let a fresh process grow, and say by how much."""
    with worker() as fresh:
        grown = fresh.ask_time(command, count, *more())
    against = () if name == BARE else (BARE,)
    yield Reading(name, max(grown, 1) / count, "B", against)


# What the fresh process does


def of_owner(count: int) -> int:
    """Return the bytes that so many registrations take, keys included."""
    refs = open_mailboxes(OWNERS)
    with Group.start(GROUP, log=False) as group:
        before = resident()
        for index, key in enumerate(keys_of("user", count)):
            group.register(key, actor=refs[index % OWNERS])
        return resident() - before


def of_replica(count: int, name: str, address: str) -> int:
    """Return the bytes that they take at a node that learns of them."""
    with Node.start(name) as node, Group.start(GROUP, node=node, log=False) as group:
        before = resident()
        node.join(address)
        await_count(group, count)
        return resident() - before


class Slots:
    """The least that an entry can be that conflicts can be settled by."""

    __slots__ = ("claimed_at", "key", "meta", "node", "owner")

    def __init__(self, key: str, owner: int, claimed_at: int) -> None:
        self.key = key
        self.owner = owner
        self.node = None
        self.meta = None
        self.claimed_at = claimed_at


def of_bare(count: int) -> int:
    """Return the bytes of a dict of entries, and of a dict of dicts by owner."""
    before = resident()
    by_owner: dict[int, dict[str, Slots]] = {owner: {} for owner in range(OWNERS)}
    table = {}
    for index, key in enumerate(keys_of("user", count)):
        entry = Slots(key, index % OWNERS, clock())
        table[key] = entry
        by_owner[entry.owner][key] = entry
    return resident() - before


def resident() -> int:
    """Return the bytes of this process that are in memory."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * PAGE_BYTES
