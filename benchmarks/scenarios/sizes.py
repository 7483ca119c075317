"""What size costs: writes with 2, 4 and 8 nodes, and a full cluster that is idle."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import PATIENCE, keys_of, mailboxes, open_node
from benchmarks.pairs import Relay, relay
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.scenarios.clusters import CLUSTERS
from benchmarks.waiting import await_true
from group import Group

NODES = (2, 4, 8)
WRITES = 1_000
ROWS, OWNERS = 100_000, 100


@scenario
def nodes(size: Size) -> Iterator[Sequence[Case]]:
    """1,000 registrations on one of 2, 4 and 8 nodes, until all others know them."""
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        counting = stack.enter_context(relay())
        counts = dict.fromkeys(size.shape(count, least=2) for count in NODES)
        others = [stack.enter_context(worker()) for _ in range(max(counts) - 1)]
        keys = keys_of("user", size.shape(WRITES, least=10))
        cases: list[Case] = []
        for count in counts:
            name = f"of-{count}"
            group = stack.enter_context(Group.start(name, node=node, log=False))
            for number, other in enumerate(others[: count - 1]):
                address = node.address if number else counting.to(node.address)
                other.ask("start", f"bench-{number}", address, name)
            await_true(partial(_met, group, count - 1))
            group.settle(PATIENCE)
            (owner,) = stack.enter_context(mailboxes(1))
            write = partial(group.register, actor=owner)
            known = others[: count - 1]
            cases.append(partial(written, group, write, keys, known, counting))
        yield cases


def _met(group: Group, others: int) -> bool:
    return len(group.nodes()) == others


def written(
    group: Group,
    write: Callable[[str], None],
    keys: Sequence[str],
    others: Sequence[Worker],
    counting: Relay,
) -> Iterator[Reading]:
    """Register all, until all others have all; then take all away."""
    before = counting.passed_bytes()
    for other in others:
        other.begin("await_count", len(keys), group.name)
    cpu, began = time.process_time_ns(), clock()
    for key in keys:
        write(key)
    cpu = time.process_time_ns() - cpu
    took = max(other.time() for other in others) - began
    passed = counting.passed_bytes() - before
    name = f"{len(others) + 1} nodes"
    yield Reading(f"{name}: a write, until all know", took / 1e3 / len(keys), "us")
    yield Reading(f"{name}: a write, CPU of the writer", cpu / 1e3 / len(keys), "us")
    yield Reading(f"{name}: a write, on one link", passed / len(keys), "B")
    for key in keys:
        group.unregister(key)
    for other in others:
        other.ask("await_count", 0, group.name)


@scenario
def idle(size: Size) -> Iterator[Sequence[Case]]:
    """Three nodes with nothing to do: empty, and with 10,000 clusters, 100,000 rows."""
    with ExitStack() as stack:
        yield [
            partial(rest, kind, *three(stack, size, kind), size.of(30, least=12) / 10)
            for kind in (EMPTY, FULL)
        ]


EMPTY, FULL = "empty", "full"


def three(stack: ExitStack, size: Size, kind: str) -> tuple[Relay, list[Worker]]:
    """Three nodes, two of them linked through a relay that counts."""
    counting = stack.enter_context(relay())
    first, *others = found = [stack.enter_context(worker()) for _ in range(3)]
    address = str(first.ask("open", f"{kind}-0"))
    for number, other in enumerate(others):
        dialled = address if number else counting.to(address)
        other.ask("start", f"{kind}-{number + 1}", dialled)
    if kind == FULL:
        rows, clusters = size.of(ROWS, least=OWNERS), size.of(CLUSTERS, least=5)
        for each in found:
            each.ask("connect_list", clusters)
        first.ask("fill", OWNERS, rows)
        first.ask("settle")
        for other in others:
            other.ask("await_count", rows)
    return counting, found


def rest(
    kind: str, counting: Relay, workers: Sequence[Worker], seconds: float
) -> Iterator[Reading]:
    """Do nothing, and see what that costs."""
    cpu, passed = cpus(workers), counting.passed_bytes()
    time.sleep(seconds)
    spent = (cpus(workers) - cpu) / len(workers) / 1e6 / seconds
    passed = counting.passed_bytes() - passed
    against = () if kind == EMPTY else (f"idle, {EMPTY}: CPU of a node",)
    yield Reading(f"idle, {kind}: CPU of a node", spent, "ms/s", against)
    yield Reading(f"idle, {kind}: on one link", passed / seconds, "B/s")


def cpus(workers: Sequence[Worker]) -> int:
    """Return what all have used so far, in nanoseconds."""
    return sum(each.ask_time("cpu") for each in workers)
