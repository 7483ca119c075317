"""Reads: one reader, two readers, a reader beside a writer; members of a group."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

import pykka

from actors import AnyRef
from benchmarks.owners import keys_of, lone_group, mailboxes
from benchmarks.readings import Reading
from benchmarks.references import (
    DICT_GET,
    METHOD,
    PYKKA_URN,
    TwoDicts,
    each,
    pykka_registry,
    read_rate,
    registered_in_pykka,
)
from benchmarks.scenario import Case, Size, clock, percentile, rate, scenario
from group import Group

Get = Callable[[str], object]
BARE_WRITER = "bare dict.get under a bare writer"


@scenario
def lookup(size: Size) -> Iterator[Sequence[Case]]:
    """Look up 10,000 keys: 1 reader, 2 readers, and under a full-speed writer."""
    keys = keys_of("user", size.of(10_000, least=10))
    bare: dict[str, object] = dict.fromkeys(keys, 1)
    passes = 20
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        (owner,) = stack.enter_context(mailboxes(1))
        in_pykka = stack.enter_context(pykka_registry(size))
        for key in keys:
            group.register(key, actor=owner)

        def rewrite() -> None:
            group.register("writer/1", actor=owner)
            group.unregister("writer/1")

        def rewrite_bare() -> None:
            bare["writer/1"] = 1
            del bare["writer/1"]

        get = group.lookup
        check_found(get, keys)
        # Of each pass fewer keys, since each read is timed by itself.
        few = keys[: max(10, len(keys) // 4)]
        yield [
            read_rate("lookup", get, keys, passes, (DICT_GET, METHOD, PYKKA_URN)),
            read_rate(DICT_GET, bare.get, keys, passes),
            read_rate(METHOD, TwoDicts(bare).lookup, keys, passes),
            in_pykka,
            partial(
                two_readers, "lookup, 2 readers", get, keys, (f"{METHOD}, 2 readers",)
            ),
            partial(
                two_readers, f"{METHOD}, 2 readers", TwoDicts(bare).lookup, keys, ()
            ),
            partial(
                beside_writer,
                "lookup under a writer",
                get,
                rewrite,
                few,
                (BARE_WRITER,),
            ),
            partial(beside_writer, BARE_WRITER, bare.get, rewrite_bare, few, ()),
        ]


@scenario
def members(size: Size) -> Iterator[Sequence[Case]]:
    """Read the members of 100 groups of 100, unchanged or just changed."""
    groups, each_of = size.of(100, least=2), size.of(100, least=10)
    keys = keys_of("room", groups)
    copy, pykka_name = (
        f"bare list() of {each_of}",
        f"Pykka get_by_class_name, {each_of}",
    )
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        owners = stack.enter_context(mailboxes(each_of))
        for key in keys:
            for owner in owners:
                group.join(key, actor=owner)
        name = f"members({each_of})"
        if any(len(group.members(key)) != each_of for key in keys):
            raise AssertionError("members are missing")
        rows = {key: tuple(range(each_of)) for key in keys}
        stack.enter_context(registered_in_pykka(each_of))
        by_name = pykka.ActorRegistry.get_by_class_name
        yield [
            read_rate(name, group.members, keys, 10, (copy, pykka_name)),
            partial(members_after_writes, name, group, keys, owners[0], pykka_name),
            read_rate(copy, lambda key: list(rows[key]), keys, 100),
            read_rate(pykka_name, by_name, ["PykkaEcho"] * len(keys)),
        ]


def members_after_writes(
    name: str, group: Group, keys: Sequence[str], owner: AnyRef, reference: str
) -> Iterator[Reading]:
    """Time reads of groups that have changed since the last; not the changes."""
    took = 0
    for key in keys:
        group.leave(key, actor=owner)
        group.join(key, actor=owner)
        began = clock()
        group.members(key)
        took += clock() - began
    value = len(keys) * 1e9 / took
    yield Reading(f"{name}, after a write each", value, "ops/s", (reference,))


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
    rewrite: Callable[[], None],
    keys: Sequence[str],
    against: tuple[str, ...],
) -> Iterator[Reading]:
    """Read while another thread writes and unwrites a key as fast as it can."""
    readings = {"": "ops/s", ": writer meanwhile": "pairs/s"}
    with writing(rewrite) as written:
        began, before, reads = clock(), written(), 0
        # At least one pair, so that a small run measures what it says.
        while reads < 20 * len(keys) or written() == before:
            each(get, keys)
            reads += len(keys)
        took = clock() - began
        value, pairs = reads * 1e9 / took, (written() - before) * 1e9 / took
        times = read_times(get, keys)
    for (suffix, unit), found in zip(readings.items(), (value, pairs), strict=True):
        yield Reading(
            name + suffix, found, unit, tuple(other + suffix for other in against)
        )
    for suffix, percent in ((": p99.9", 99.9), (": max", 100)):
        references = tuple(other + suffix for other in against)
        yield Reading(name + suffix, percentile(times, percent) / 1e3, "us", references)


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
