"""Writes on one node: register, unregister, join, leave."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from actors import AnyRef
from benchmarks.owners import PATIENCE, keys_of, lone_group, mailboxes
from benchmarks.readings import Reading
from benchmarks.references import pg
from benchmarks.references.bare import PYKKA_ASK, LockedDict, each, pykka_ask
from benchmarks.references.redis import served
from benchmarks.scenario import Case, Size, clock, percentile, rate, scenario
from group import Group

BARE = "bare dict under a lock"
THREADS = 8
CLUSTER, NAMED = "games", ", named cluster"
OTHERS: defaultdict[str, tuple[str, ...]] = defaultdict(
    tuple, {"register": ("pg join, one owner", "Redis MULTI")}
)
"""More to compare with than is for all."""


@scenario
def register(size: Size) -> Iterator[Sequence[Case]]:
    """Register 10,000 keys one after another, unregister them; then with 8 threads."""
    keys = keys_of("user", size.shape(10_000, least=THREADS))
    meta = {"name": "alice", "age": 42}
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        (owner,) = stack.enter_context(mailboxes(1))
        owners = stack.enter_context(mailboxes(len(keys)))
        ask = stack.enter_context(pykka_ask(size))
        put = partial(group.register, actor=owner)
        put_meta = partial(group.register, meta=meta, actor=owner)
        group.connect(CLUSTER)
        put_named = partial(group.register, actor=owner, cluster=CLUSTER)
        pop_named = partial(group.unregister, cluster=CLUSTER)
        bare = LockedDict()
        pop, in_bare = group.unregister, (f"{BARE}: set", f"{BARE}: del")
        (beam,) = stack.enter_context(pg.beams(size, 1))
        redis = stack.enter_context(served(size))
        yield [
            partial(there_and_back, keys, put, pop, "", in_bare),
            *beam.case({"pg join, one owner": "ops/s"}, "register", len(keys)),
            partial(there_and_back, keys, put_meta, pop, " with meta", in_bare),
            partial(there_and_back, keys, put_named, pop_named, NAMED, in_bare),
            partial(there_and_back, keys, bare.put, bare.pop, f"{BARE}:", ()),
            partial(burst, group, keys, owners),
            *beam.case({"pg join, an owner a key": "ops/s"}, "burst", len(keys)),
            ask,
            *(redis.writes(size) if redis else ()),
        ]


def there_and_back(
    keys: Sequence[str],
    put: Callable[[str], object],
    pop: Callable[[str], object],
    how: str,
    against: Sequence[str],
) -> Iterator[Reading]:
    """Write all keys, then take all away; `against` has a bare one for each."""
    names = (f"register{how}", f"unregister{how}")
    if not against:
        names = (f"{how} set", f"{how} del")
    for index, (name, work) in enumerate(zip(names, (put, pop), strict=True)):
        value = rate(len(keys), partial(each, work, keys))
        others = (against[index], PYKKA_ASK, *OTHERS[name]) if against else ()
        yield Reading(name, value, "ops/s", others)


BURST = f"register, {THREADS} threads, an owner a key"


def burst(
    group: Group, keys: Sequence[str], owners: Sequence[AnyRef], name: str = BURST
) -> Iterator[Reading]:
    """Register every key by an owner of its own, from several threads at once."""
    gate = threading.Barrier(THREADS + 1)

    def work(first: int) -> None:
        gate.wait()
        for key, owner in zip(
            keys[first::THREADS], owners[first::THREADS], strict=True
        ):
            group.register(key, actor=owner)

    with ThreadPoolExecutor(THREADS) as pool:
        writers = [pool.submit(work, first) for first in range(THREADS)]
        gate.wait()
        value = rate(len(keys), lambda: [each.result(PATIENCE) for each in writers])
    each(group.unregister, keys)
    in_pg, in_redis = "pg join, an owner a key", "Redis pipelines of 100"
    against = (f"{BARE}: set", PYKKA_ASK, in_pg, in_redis)
    yield Reading(name, value, "ops/s", against)


@scenario
def register_unregister(size: Size) -> Iterator[Sequence[Case]]:
    """Register and unregister one key, again and again."""
    count = size.of(10_000, least=10)
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        (owner,) = stack.enter_context(mailboxes(1))

        def pair() -> None:
            group.register("user/1", actor=owner)
            group.unregister("user/1")

        locked = LockedDict()

        def bare_pair() -> None:
            locked.put("user/1")
            locked.pop("user/1")

        (beam,) = stack.enter_context(pg.beams(size, 1))
        other = "pg join + leave"
        names = {other: "pairs/s", f"{other}: p50": "us", f"{other}: p99": "us"}
        yield [
            partial(cycle, "register + unregister", pair, count, (BARE, other)),
            partial(cycle, BARE, bare_pair, count, ()),
            *beam.case(names, "cycle", count),
        ]


def cycle(
    name: str, pair: Callable[[], None], count: int, against: tuple[str, ...]
) -> Iterator[Reading]:
    """Do a pair of things many times; then again, each timed by itself."""
    took: list[float] = []

    def pairs() -> None:
        for _ in range(count):
            pair()

    yield Reading(name, rate(count, pairs), "pairs/s", against)
    for _ in range(count):
        began = clock()
        pair()
        took.append((clock() - began) / 1e3)
    for percent in (50, 99):
        suffix = f": p{percent}"
        references = tuple(other + suffix for other in against)
        yield Reading(name + suffix, percentile(took, percent), "us", references)


@scenario
def join(size: Size) -> Iterator[Sequence[Case]]:
    """Join 100 actors to 100 groups, one after another, and let them leave."""
    keys = keys_of("room", size.shape(100, least=2))
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        owners = stack.enter_context(mailboxes(size.shape(100, least=2)))
        ask = stack.enter_context(pykka_ask(size))
        bare: dict[tuple[str, AnyRef], int] = {}
        lock = threading.Lock()

        def put(key: str, owner: AnyRef) -> None:
            with lock:
                bare[(key, owner)] = 1

        def pop(key: str, owner: AnyRef) -> None:
            with lock:
                del bare[(key, owner)]

        def enter(key: str, owner: AnyRef) -> None:
            group.join(key, actor=owner)

        def leave(key: str, owner: AnyRef) -> None:
            group.leave(key, actor=owner)

        pairs = [(key, owner) for key in keys for owner in owners]
        sets, dels = f"{BARE}: set", f"{BARE}: del"
        (beam,) = stack.enter_context(pg.beams(size, 1))
        burst_of_pg = {"pg join, a member each": "ops/s"}
        yield [
            partial(crossing, "join", enter, pairs, (sets, PYKKA_ASK, *burst_of_pg)),
            *beam.case(burst_of_pg, "join_burst", len(pairs), len(keys)),
            partial(crossing, "leave", leave, pairs, (dels, PYKKA_ASK)),
            partial(crossing, sets, put, pairs, ()),
            partial(crossing, dels, pop, pairs, ()),
            ask,
        ]


def crossing(
    name: str,
    work: Callable[[str, AnyRef], None],
    pairs: Sequence[tuple[str, AnyRef]],
    against: tuple[str, ...],
) -> Iterator[Reading]:
    """Do something for each pair of a key and an owner."""

    def run() -> None:
        for key, owner in pairs:
            work(key, owner)

    yield Reading(name, rate(len(pairs), run), "ops/s", against)
