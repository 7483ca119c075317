"""Reads: one reader, two readers, a reader beside a writer; members of a group."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import pykka

from actors import AnyRef
from benchmarks.owners import keys_of, lone_group, mailboxes
from benchmarks.readings import Reading
from benchmarks.references import pg
from benchmarks.references.bare import (
    DICT_GET,
    METHOD,
    PYKKA_URN,
    SWITCH_INTERVALS,
    PykkaOther,
    TwoDicts,
    each,
    pykka_registry,
    read_rate,
    registered_in_pykka,
    wake_ups,
)
from benchmarks.references.pyro import name_server
from benchmarks.references.redis import served
from benchmarks.scenario import Case, Size, clock, percentile, rate, scenario
from group import Group

Get = Callable[[str], object]
BARE_WRITER = "bare dict.get under a bare writer"
FAST = ", switching every 0.5 ms"
CLUSTER = "games"


@scenario
def lookup(size: Size) -> Iterator[Sequence[Case]]:
    """Look up 10,000 keys: 1 reader, 2 readers, and under a full-speed writer."""
    keys = keys_of("user", size.shape(10_000, least=10))
    bare: dict[str, object] = dict.fromkeys(keys, 1)
    passes = 20
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        (owner,) = stack.enter_context(mailboxes(1))
        group.connect(CLUSTER)
        for key in keys:
            group.register(key, actor=owner)
            group.register(key, actor=owner, cluster=CLUSTER)

        def rewrite() -> None:
            group.register("writer/1", actor=owner)
            group.unregister("writer/1")

        def rewrite_bare() -> None:
            bare["writer/1"] = 1
            del bare["writer/1"]

        get = group.lookup
        named = partial(get, cluster=CLUSTER)
        check_found(get, keys)
        check_found(named, keys)
        # Of each pass fewer keys, since each read is timed by itself.
        few = keys[: max(10, len(keys) // 4)]
        against = (DICT_GET, METHOD, PYKKA_URN, PG, "Redis HGET", "Pyro5 lookup")
        two, pg_two = f"{METHOD}, 2 readers", f"{PG}, 2 readers"
        beside = partial(beside_writer, rewrite=rewrite, keys=few)
        beside_bare = partial(beside_writer, rewrite=rewrite_bare, keys=few)
        under, pg_under = "lookup under a writer", f"{PG} under a writer"
        (beam,) = stack.enter_context(pg.beams(size, 1))
        beam.do("fill", "user", len(keys), 1)
        redis = stack.enter_context(served(size))
        yield [
            read_rate("lookup", get, keys, passes, against),
            read_rate(DICT_GET, bare.get, keys, passes),
            read_rate(METHOD, TwoDicts(bare).lookup, keys, passes),
            *beam.case({PG: "ops/s"}, "lookup", passes),
            read_rate("lookup, named cluster", named, keys, passes, (METHOD,)),
            stack.enter_context(pykka_registry(size)),
            *(redis.lookups(size, keys) if redis else ()),
            *stack.enter_context(name_server(size, keys)),
            partial(two_readers, "lookup, 2 readers", get, keys, (two, pg_two)),
            partial(two_readers, two, TwoDicts(bare).lookup, keys, ()),
            *beam.case({pg_two: "ops/s"}, "readers", 2, passes // 2),
            partial(beside, under, get, against=(BARE_WRITER, pg_under)),
            partial(beside_bare, BARE_WRITER, bare.get),
            *beam.case(
                {pg_under + suffix: unit for suffix, unit in BESIDE.items()},
                *("beside_writer", passes),
            ),
            partial(switching_fast, under, get, rewrite, few, (BARE_WRITER,)),
            partial(switching_fast, BARE_WRITER, bare.get, rewrite_bare, few, ()),
            partial(wake_ups, size.of(20, least=3)),
        ]


PG = "pg get_members of 1"
PASSES = 20
BESIDE = {"": "ops/s", ": writer meanwhile": "pairs/s", ": p99.9": "us", ": max": "us"}


@scenario
def members(size: Size) -> Iterator[Sequence[Case]]:
    """Read the members of 100 groups of 100, unchanged or just changed."""
    groups, each_of = size.shape(100, least=2), size.shape(100, least=10)
    others = size.shape(900, least=10)
    keys = keys_of("room", groups)
    copy, pykka_name = "bare list() of 100", "Pykka get_by_class_name, 100 of 1,000"
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        owners = stack.enter_context(mailboxes(each_of))
        for key in keys:
            for owner in owners:
                group.join(key, actor=owner)
        name = "members(100)"
        if any(len(group.members(key)) != each_of for key in keys):
            raise AssertionError("members are missing")
        rows = {key: tuple(range(each_of)) for key in keys}
        stack.enter_context(registered_in_pykka(each_of))
        stack.enter_context(registered_in_pykka(others, PykkaOther))
        by_name = pykka.ActorRegistry.get_by_class_name
        (beam,) = stack.enter_context(pg.beams(size, 1))
        beam.do("groups", groups, each_of)
        redis = stack.enter_context(served(size))
        against = (copy, pykka_name, "pg get_members of 100", "Redis HGETALL of 100")
        yield [
            read_rate(name, group.members, keys, 20, against),
            partial(members_after_writes, name, group, keys, owners[0], against),
            read_rate(copy, lambda key: list(rows[key]), keys, 100),
            read_rate(pykka_name, by_name, ["PykkaEcho"] * len(keys)),
            *beam.case({"pg get_members of 100": "ops/s"}, "members", 100),
            *(redis.members(size, each_of) if redis else ()),
        ]


def members_after_writes(
    name: str,
    group: Group,
    keys: Sequence[str],
    owner: AnyRef,
    against: tuple[str, ...],
) -> Iterator[Reading]:
    """Time reads of groups that have changed since the last; not the changes."""
    took = 0
    # More than once through: one collection would be most of a hundred reads.
    reads = PASSES * len(keys)
    for key in itertools.islice(itertools.cycle(keys), reads):
        group.leave(key, actor=owner)
        group.join(key, actor=owner)
        began = clock()
        group.members(key)
        took += clock() - began
    value = reads * 1e9 / took
    yield Reading(f"{name}, after a write each", value, "ops/s", against)


def check_found(get: Get, keys: Sequence[str]) -> None:
    """Make sure that reads find something, and that each has been read once."""
    if any(get(key) is None for key in keys):
        raise AssertionError("keys are missing")


def two_readers(
    name: str, get: Get, keys: Sequence[str], against: tuple[str, ...]
) -> Iterator[Reading]:
    """Let two threads read all keys; both together count."""
    passes = 10
    gate = threading.Barrier(3)

    def read() -> None:
        gate.wait()
        each(get, keys, passes)

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        gate.wait()
        value = rate(
            2 * passes * len(keys), lambda: [reader.result() for reader in readers]
        )
    yield Reading(name, value, "ops/s", against)


def beside_writer(
    name: str,
    get: Get,
    *,
    rewrite: Callable[[], None],
    keys: Sequence[str],
    against: tuple[str, ...] = (),
) -> Iterator[Reading]:
    """Read while another thread writes and unwrites a key as fast as it can."""
    with writing(rewrite) as written:
        began, before, reads = clock(), written(), 0
        # At least one pair, so that a small run measures what it says.
        while reads < 20 * len(keys) or written() == before:
            each(get, keys)
            reads += len(keys)
        took = clock() - began
        value, pairs = reads * 1e9 / took, (written() - before) * 1e9 / took
        times = read_times(get, keys)
    tail, worst = (percentile(times, percent) / 1e3 for percent in (99.9, 100))
    found = (value, pairs, tail, worst)
    for (suffix, unit), number in zip(BESIDE.items(), found, strict=True):
        references = tuple(other + suffix for other in against)
        yield Reading(name + suffix, number, unit, references)


def switching_fast(
    name: str,
    get: Get,
    rewrite: Callable[[], None],
    keys: Sequence[str],
    against: tuple[str, ...],
) -> Iterator[Reading]:
    """The longest read beside a writer, threads switching every 0.5 ms."""
    suffix = f": max{FAST}"
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVALS[FAST])
    try:
        with writing(rewrite):
            worst = max(read_times(get, keys)) / 1e3
    finally:
        sys.setswitchinterval(before)
    references = tuple(other + suffix for other in against)
    yield Reading(name + suffix, worst, "us", references)


@contextmanager
def writing(rewrite: Callable[[], None]) -> Iterator[Callable[[], int]]:
    """A thread that writes without a pause; gives how many pairs it has done."""
    stop = threading.Event()
    pairs = [0]

    def write() -> None:
        while not stop.is_set():
            rewrite()
            pairs[0] += 1

    thread = threading.Thread(target=write, name="bench-writer")
    thread.start()
    try:
        yield lambda: pairs[0]
    finally:
        stop.set()
        thread.join()


def read_times(get: Get, keys: Sequence[str]) -> list[float]:
    """Time single reads, in nanoseconds, with the cost of two clock readings."""
    took: list[float] = []
    for _ in range(20):
        for key in keys:
            began = clock()
            get(key)
            took.append(clock() - began)
    return took
