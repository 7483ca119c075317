"""A node that was cut off for a while, until it knows again what it missed."""

import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import GROUP, PATIENCE, Timing, filled, keys_of, open_node
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.scenarios.syncing import late
from benchmarks.waiting import await_true
from group import Group
from transport import Node

ROWS, MISSED = 100_000, 1_000
TIMING = Timing(heartbeat=0.2, lease=1.0, grace=60.0)
"""The link of a node that is stopped is given up soon, its rows are kept for long."""


@scenario
def catch_up(size: Size) -> Iterator[Sequence[Case]]:
    """A node that missed 1,000 of 101,000 rows gets them; a new one gets all."""
    rows, missed = size.of(ROWS, least=10), size.of(MISSED, least=5)
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a", TIMING))
        keys = keys_of("user", rows)
        group = stack.enter_context(filled(GROUP, node, keys))
        other, joiner = stack.enter_context(worker()), stack.enter_context(worker())
        other.ask("start", "bench-b", node.address, GROUP, TIMING)
        other.ask("await_count", rows)
        new = partial(late, joiner, itertools.count(), node.address, GROUP)
        yield [
            partial(away, node, group, other, rows, missed),
            partial(new, (ROWS, rows), TIMING),
        ]


def away(
    node: Node, group: Group, other: Worker, rows: int, missed: int
) -> Iterator[Reading]:
    """Stop the process until its link is given up, write, and let it go on."""
    owner = next(iter(group.local_entries())).ref
    more = keys_of("missed", missed)
    other.begin("await_count", rows + missed)
    os.kill(other.pid, signal.SIGSTOP)
    try:
        await_true(lambda: all(peer.state != "up" for peer in node.peers()))
        for key in more:
            group.register(key, actor=owner)
    finally:
        began = clock()
        os.kill(other.pid, signal.SIGCONT)
    took = other.time() - began
    yield Reading("1,000 missed rows of 101,000", took / 1e6, "ms", (LATE,))
    for key in more:
        group.unregister(key)
    group.settle(PATIENCE)
    other.ask("await_count", rows)


LATE = "sync 100,000 keys"
