"""Two nodes twenty milliseconds apart, by a relay that keeps what passes."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import filled, keys_of
from benchmarks.pairs import linked, relay
from benchmarks.processes import worker
from benchmarks.scenario import Case, Size, scenario
from benchmarks.scenarios.replication import flood, latency
from benchmarks.scenarios.syncing import late

DELAY = 0.02
"""Seconds, one way."""


@scenario
def wan(size: Size) -> Iterator[Sequence[Case]]:
    """The peer is 20 ms away: the latency of an event, 5,000 events, a late joiner."""
    numbers = itertools.count()
    some = size.shape(10_000, least=10)
    flooded = keys_of("flood", size.shape(5_000, least=10))
    with ExitStack() as stack:
        slow = stack.enter_context(relay(DELAY))
        joiner = stack.enter_context(worker())
        pair = stack.enter_context(linked(slow))
        pair.other.ask("monitor")
        stack.enter_context(filled("bulk", pair.node, keys_of("user", some)))
        dialled = slow.to(pair.node.address)
        yield [
            partial(latency, "20 ms away", None, pair, numbers, size.of(50, least=3)),
            partial(flood, pair, flooded, 1),
            partial(late, joiner, numbers, dialled, "bulk", (10_000, some)),
        ]
