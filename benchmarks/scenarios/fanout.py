"""One event to many monitors, and one message to members on three nodes."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from actors import AnyRef
from benchmarks.owners import lone_group, mailboxes
from benchmarks.pairs import Pair, linked
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, percentile, rate, scenario
from benchmarks.scenarios.messages import Countdown, Listener, listeners
from benchmarks.waiting import await_true
from group import Group

MONITORS = (1, 100, 1_000)
EVENTS = 100
MEMBERS, NODES = 1_000, 3
KEY = "room"


@scenario
def fanout(size: Size) -> Iterator[Sequence[Case]]:
    """One event to 1, 100 and 1,000 monitors: until all mailboxes have it."""
    numbers = itertools.count()
    with ExitStack() as stack:
        cases: list[Case] = []
        (owner,) = stack.enter_context(mailboxes(1))
        for count in MONITORS:
            group = stack.enter_context(lone_group())
            some = size.shape(count)
            (own,) = stack.enter_context(mailboxes(1))
            for ref in stack.enter_context(mailboxes(some)):
                group.monitor("hop/", actor=ref)
            cases.append(partial(told, group, own, numbers, count))
        left = Countdown()
        group = stack.enter_context(lone_group())
        for ref in stack.enter_context(listeners(Listener, size.shape(100), left)):
            group.monitor("hop/", actor=ref)
        yield [*cases, partial(handled, group, owner, numbers, size.shape(100), left)]


def told(
    group: Group, owner: AnyRef, numbers: Iterator[int], monitors: int
) -> Iterator[Reading]:
    """The call that registers: when it returns, all mailboxes have the event."""
    took: list[float] = []
    for _ in range(EVENTS):
        began = clock()
        group.register(f"hop/{next(numbers)}", actor=owner)
        took.append((clock() - began) / 1e3)
    yield Reading(f"event to {monitors:,} mailboxes", percentile(took, 50), "us")


def handled(
    group: Group,
    owner: AnyRef,
    numbers: Iterator[int],
    monitors: int,
    left: Countdown,
) -> Iterator[Reading]:
    """One at a time, until the last of so many threads has it."""
    took: list[float] = []
    for _ in range(EVENTS // 10):
        left.expect(monitors)
        began = clock()
        group.register(f"hop/{next(numbers)}", actor=owner)
        left.wait()
        took.append((clock() - began) / 1e3)
    yield Reading("event to 100 thread actors", percentile(took, 50), "us")


@scenario
def dispatch_nodes(size: Size) -> Iterator[Sequence[Case]]:
    """Dispatch to 1,000 thread actors on three nodes, until all have handled all."""
    each = size.shape(MEMBERS, least=NODES) // NODES
    dispatches = size.of(50, least=3)
    left = Countdown()
    with ExitStack() as stack:
        pair = stack.enter_context(linked())
        third = stack.enter_context(worker())
        third.ask("start", "bench-c", pair.node.address)
        for ref in stack.enter_context(listeners(Listener, each, left)):
            pair.group.join(KEY, actor=ref)
        others = [pair.other, third]
        for other in others:
            other.ask("listen", KEY, each)
        await_true(lambda: pair.group.member_count(KEY) == NODES * each)
        yield [partial(to_nodes, pair, others, each, dispatches, left)]


def to_nodes(
    pair: Pair,
    others: Sequence[Worker],
    each: int,
    dispatches: int,
    left: Countdown,
) -> Iterator[Reading]:
    """Dispatch so often; wait for all nodes."""
    left.expect(each * dispatches)
    for other in others:
        other.begin("await_heard", each * dispatches)

    def run() -> None:
        for number in range(dispatches):
            pair.group.dispatch(KEY, number)
        left.wait()
        for other in others:
            other.time()

    value = rate(dispatches, run)
    yield Reading("dispatch to 1,000 on 3 nodes", value, "dispatches/s")
