"""From a write on one process until its event is received on another."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from itertools import count as numbers

from benchmarks.owners import (
    PATIENCE,
    keys_of,
)
from benchmarks.pairs import Pair, linked
from benchmarks.processes import Worker, worker
from benchmarks.readings import Reading
from benchmarks.references import pg, wire
from benchmarks.references.bare import SWITCH_INTERVALS, wake_ups
from benchmarks.references.redis import served
from benchmarks.scenario import (
    PACED,
    Case,
    Pause,
    Size,
    clock,
    pauses,
    percentile,
    scenario,
)
from benchmarks.waiting import await_count

ROUND_TRIP = "bare TCP round trip"
ONE_WAY = "bare TCP one way"
REFERENCES = (ROUND_TRIP, ONE_WAY, "pg event on B", "Redis pub/sub")
FRAMES = "bare TCP, a frame each"
PG_FLOOD = "pg events on B"
THREADS = 8


@scenario
def concurrent_writes(size: Size) -> Iterator[Sequence[Case]]:
    """Two nodes register 5,000 keys each at the same time, until both know all."""
    count = size.shape(5_000, least=5)
    with ExitStack() as stack:
        pair = stack.enter_context(linked())
        beam = stack.enter_context(pg.linked_beams(size))
        yield [
            partial(both_write, pair, count),
            *beam.case(PG_BOTH_UNITS, "concurrent", pg.OTHER, count),
        ]


PG_BOTH = "pg, written on both"
PG_BOTH_UNITS = {PG_BOTH: "ops/s", f"{PG_BOTH}: time": "ms"}


def both_write(pair: Pair, count: int) -> Iterator[Reading]:
    """Begin here when the other has been told to."""
    keys = keys_of("a", count)
    began = clock()
    pair.other.begin("write_and_await", "b", count, 2 * count)
    for key in keys:
        pair.group.register(key, actor=pair.owner)
    here = await_count(pair.group, 2 * count)
    took = max(here, pair.other.time()) - began
    yield Reading("written on both", 2 * count * 1e9 / took, "ops/s", (PG_BOTH,))
    pair.other.begin("clear")
    for key in keys:
        pair.group.unregister(key)
    pair.other.answer()
    await_count(pair.group, 0)


@scenario
def replication_latency(size: Size) -> Iterator[Sequence[Case]]:
    """Register on A until the monitor's event is received on B, one at a time."""
    paced, hot, burnt = size.of(100, 3), size.of(500, 10), size.of(40, 3)
    names = numbers()
    with ExitStack() as stack:
        pair = stack.enter_context(linked())
        echo, reader = stack.enter_context(worker()), stack.enter_context(worker())
        beam = stack.enter_context(pg.linked_beams(size))
        redis = stack.enter_context(served(size))
        pair.group.connect(CLUSTER)
        pair.other.ask("connect", CLUSTER)
        pair.other.ask("monitor")
        pair.other.ask("monitor", CLUSTER)
        sock = stack.enter_context(wire.connected(echo, "echo"))
        cases: list[Case] = []
        for how, between, count in (("paced", PACED, paced), (HOT, None, hot)):
            cases += [
                partial(latency, how, between, pair, names, count),
                partial(trip, how, between, sock, count),
                *of_pg(beam, how, count, burning=False),
                *(redis.publications(reader, how, between, count) if redis else ()),
            ]
        named = f"{HOT}, named cluster"
        yield [
            *cases,
            partial(latency, named, None, pair, names, hot, CLUSTER),
            *(partial(burning, pair, names, how, burnt) for how in BURNERS),
            *of_pg(beam, BURNER, burnt, burning=True),
            partial(wake_ups, size.of(20, least=3)),
        ]


CLUSTER = "games"
HOT = "back to back"
BURNER = "a thread burns on B"
BURNERS = {BURNER + how: interval for how, interval in SWITCH_INTERVALS.items()}
"""Switch intervals of the process on B, in seconds."""


def of_pg(beam: pg.Beam, how: str, count: int, *, burning: bool) -> list[Case]:
    """The same by `pg`."""
    pause = (0, 0) if how == HOT else (3, 12)
    names = {f"pg event on B, {how}: p{percent}": "us" for percent in (50, 99)}
    return beam.case(names, "latency", pg.OTHER, count, pause, burning)


def burning(
    pair: Pair, names: Iterator[int], how: str, count: int
) -> Iterator[Reading]:
    """Paced, while one thread of the other process computes without end."""
    pair.other.ask("burn", BURNERS[how])
    try:
        yield from latency(how, PACED, pair, names, count)
    finally:
        pair.other.ask("burn", 0)


def latency(
    how: str,
    between: Pause,
    pair: Pair,
    names: Iterator[int],
    count: int,
    cluster: str | None = None,
) -> Iterator[Reading]:
    """Register a new key each time, the next when B has said that it has heard."""
    took: list[float] = []
    calls: list[float] = []
    pair.other.begin("hear", count)
    for _ in pauses(between, count):
        key = f"user/{next(names)}"
        began = clock()
        pair.group.register(key, actor=pair.owner, cluster=cluster)
        calls.append((clock() - began) / 1e3)
        took.append((pair.other.time() - began) / 1e3)
    pair.other.answer()
    for percent in (50, 99):
        against = tuple(f"{each}, {how}: p{percent}" for each in REFERENCES)
        value = percentile(took, percent)
        yield Reading(f"event on B, {how}: p{percent}", value, "us", against)
    yield Reading(f"the register call, {how}: p50", percentile(calls, 50), "us")


def trip(how: str, between: Pause, sock: wire.Socket, count: int) -> Iterator[Reading]:
    """Send as many bytes by a bare socket, and get them back."""
    both = [wire.round_trip(sock) for _ in pauses(between, count)]
    for name, which in ((ROUND_TRIP, 1), (ONE_WAY, 0)):
        for percent in (50, 99):
            value = percentile([each[which] / 1e3 for each in both], percent)
            yield Reading(f"{name}, {how}: p{percent}", value, "us")


@scenario
def replicated_events(size: Size) -> Iterator[Sequence[Case]]:
    """Register 5,000 keys on A until B has received all events, by 1 and 8 threads."""
    keys = keys_of("user", size.shape(5_000, least=THREADS))
    with ExitStack() as stack:
        pair = stack.enter_context(linked())
        other = stack.enter_context(worker())
        beam = stack.enter_context(pg.linked_beams(size))
        redis = stack.enter_context(served(size))
        pair.other.ask("monitor")
        yield [
            partial(flood, pair, keys, 1),
            *beam.case(
                {f"{PG_FLOOD}, 1 thread": "ev/s"},
                *("remote_events", pg.OTHER, len(keys), 1),
            ),
            partial(flood, pair, keys, THREADS),
            *beam.case(
                {f"{PG_FLOOD}, {THREADS} threads": "ev/s"},
                *("remote_events", pg.OTHER, len(keys), THREADS),
            ),
            partial(frames, other, len(keys)),
            *(redis.floods(other, keys) if redis else ()),
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
    against = (FRAMES, f"{PG_FLOOD}, {words}", "Redis pub/sub, pipelined")
    yield Reading(f"events on B, {words}", len(keys) * 1e9 / took, "ev/s", against)
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
