"""From a write on one process until its event is received on another."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count as numbers
from typing import NamedTuple

from actors import AnyRef
from benchmarks import wire
from benchmarks.owners import (
    GROUP,
    PATIENCE,
    keys_of,
    mailboxes,
    open_node,
)
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, percentile, scenario
from group import Group
from transport import Node

ROUND_TRIP = "bare TCP round trip"
ONE_WAY = "bare TCP one way"
FRAMES = "bare TCP, a frame each"
PAUSE = (0.003, 0.012)
"""Seconds between two writes when they are paced."""
THREADS = 8


class Pair(NamedTuple):
    """A group in this process and its peer in another, linked."""

    node: Node
    group: Group
    other: Worker
    owner: AnyRef


@contextmanager
def linked() -> Iterator[Pair]:
    """Two processes with one group."""
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        group = stack.enter_context(Group.start(GROUP, node=node, log=False))
        other = stack.enter_context(worker())
        other.ask("start", "bench-b", node.address)
        (owner,) = stack.enter_context(mailboxes(1))
        # Both have met, and have no more to tell each other.
        while not group.nodes():
            time.sleep(0.001)
        group.settle(PATIENCE)
        yield Pair(node, group, other, owner)


@scenario
def replication_latency(size: Size) -> Iterator[Sequence[Case]]:
    """Register on A until the monitor's event is received on B, one at a time."""
    paced, hot = size.of(100, least=3), size.of(500, least=10)
    names = numbers()
    with linked() as pair, worker() as echo:
        pair.other.ask("monitor")
        with wire.connected(echo, "echo") as sock:
            yield [
                partial(latency, "paced", PAUSE, pair, names, paced),
                partial(trip, "paced", PAUSE, sock, paced),
                partial(latency, "back to back", None, pair, names, hot),
                partial(trip, "back to back", None, sock, hot),
            ]


def pauses(between: tuple[float, float] | None, count: int) -> Iterator[None]:
    """Yield so often, with a pause before each; the same pauses in every round."""
    chance = random.Random(count)
    for _ in range(count):
        if between is not None:
            time.sleep(chance.uniform(*between))
        yield


def latency(
    how: str,
    between: tuple[float, float] | None,
    pair: Pair,
    names: Iterator[int],
    count: int,
) -> Iterator[Reading]:
    """Register a new key each time, the next when B has said that it has heard."""
    took: list[float] = []
    calls: list[float] = []
    pair.other.begin("hear", count)
    for _ in pauses(between, count):
        key = f"user/{next(names)}"
        began = clock()
        pair.group.register(key, actor=pair.owner)
        calls.append((clock() - began) / 1e3)
        took.append((pair.other.time() - began) / 1e3)
    pair.other.answer()
    for percent in (50, 99):
        against = tuple(f"{each}, {how}: p{percent}" for each in (ROUND_TRIP, ONE_WAY))
        value = percentile(took, percent)
        yield Reading(f"event on B, {how}: p{percent}", value, "us", against)
    yield Reading(f"the register call, {how}: p50", percentile(calls, 50), "us")


def trip(
    how: str, between: tuple[float, float] | None, sock: wire.Socket, count: int
) -> Iterator[Reading]:
    """Send as many bytes by a bare socket, and get them back."""
    both = [wire.round_trip(sock) for _ in pauses(between, count)]
    for name, which in ((ROUND_TRIP, 1), (ONE_WAY, 0)):
        for percent in (50, 99):
            value = percentile([each[which] / 1e3 for each in both], percent)
            yield Reading(f"{name}, {how}: p{percent}", value, "us")


@scenario
def replicated_events(size: Size) -> Iterator[Sequence[Case]]:
    """Register 5,000 keys on A until B has received all events, by 1 and 8 threads."""
    keys = keys_of("user", size.of(5_000, least=THREADS))
    with linked() as pair, worker() as other:
        pair.other.ask("monitor")
        yield [
            partial(flood, pair, keys, 1),
            partial(flood, pair, keys, THREADS),
            partial(frames, other, len(keys)),
        ]


def flood(pair: Pair, keys: Sequence[str], threads: int) -> Iterator[Reading]:
    """Register all keys by so many threads; then unregister them, unmeasured."""
    gate = threading.Barrier(threads + 1)

    def work(first: int) -> None:
        gate.wait()
        for key in keys[first::threads]:
            pair.group.register(key, actor=pair.owner)

    other_cpu, own_cpu = pair.other.ask_time("cpu"), time.process_time_ns()
    pair.other.begin("await_events", "registered", len(keys))
    with ThreadPoolExecutor(threads) as pool:
        writers = [pool.submit(work, first) for first in range(threads)]
        began = clock()
        gate.wait()
        for writer in writers:
            writer.result(PATIENCE)
    written = clock()
    took = pair.other.time() - began
    own_cpu = time.process_time_ns() - own_cpu
    other_cpu = pair.other.ask_time("cpu") - other_cpu
    words = f"{threads} thread{'s' if threads > 1 else ''}"
    yield Reading(f"events on B, {words}", len(keys) * 1e9 / took, "ev/s", (FRAMES,))
    yield Reading(
        f"writes on A meanwhile, {words}", len(keys) * 1e9 / (written - began), "ev/s"
    )
    for where, spent in (("A", own_cpu), ("B", other_cpu)):
        each = spent / len(keys) / 1e3
        yield Reading(f"CPU of {where} an event, {words}", each, "us")
    pair.other.begin("await_events", "unregistered", len(keys))
    for key in keys:
        pair.group.unregister(key)
    pair.other.answer()


def frames(other: Worker, count: int) -> Iterator[Reading]:
    """Send as many frames by a bare socket until the other process has them."""
    with wire.connected(other, "drain", count) as sock:
        began = wire.send_frames(sock, count)
        yield Reading(FRAMES, count * 1e9 / (other.time() - began), "ev/s")
