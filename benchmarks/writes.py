"""Writes on one node: register, unregister, join, leave."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

from actors import AnyRef
from benchmarks.owners import PATIENCE, keys_of, lone_group, mailboxes
from benchmarks.readings import Reading
from benchmarks.references import PYKKA_ASK, LockedDict, each, pykka_ask
from benchmarks.scenario import Case, Size, clock, percentile, rate, scenario
from group import Group

BARE = "bare dict under a lock"
THREADS = 8


@scenario
def register(size: Size) -> Iterator[Sequence[Case]]:
    """Register 10,000 keys one after another, unregister them; then with 8 threads."""
    keys = keys_of("user", size.of(10_000, least=THREADS))
    meta = {"name": "alice", "age": 42}
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        (owner,) = stack.enter_context(mailboxes(1))
        owners = stack.enter_context(mailboxes(len(keys)))
        ask = stack.enter_context(pykka_ask(size))
        put = partial(group.register, actor=owner)
        put_meta = partial(group.register, meta=meta, actor=owner)
        bare = LockedDict()
        pop, in_bare = group.unregister, (f"{BARE}: set", f"{BARE}: del")
        yield [
            partial(
                there_and_back, keys, put, pop, ("register", "unregister"), in_bare
            ),
            partial(
                there_and_back,
                keys,
                put_meta,
                pop,
                ("register with meta", "unregister with meta"),
                in_bare,
            ),
            partial(burst, group, keys, owners),
            partial(
                there_and_back,
                keys,
                bare.put,
                bare.pop,
                (f"{BARE}: set", f"{BARE}: del"),
                (),
            ),
            ask,
        ]


def there_and_back(
    keys: Sequence[str],
    put: Callable[[str], object],
    pop: Callable[[str], object],
    names: tuple[str, str],
    against: Sequence[str],
) -> Iterator[Reading]:
    """Write all keys, then take all away; `against` has a reference for each."""
    for index, work in enumerate((put, pop)):
        value = rate(len(keys), partial(each, work, keys))
        reference = (against[index], PYKKA_ASK) if against else ()
        yield Reading(names[index], value, "ops/s", reference)


def burst(
    group: Group, keys: Sequence[str], owners: Sequence[AnyRef]
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
    yield Reading(
        f"register, {THREADS} threads, an owner a key",
        value,
        "ops/s",
        (f"{BARE}: set", PYKKA_ASK),
    )


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

        yield [
            partial(cycle, "register + unregister", pair, count, (BARE,)),
            partial(cycle, BARE, bare_pair, count, ()),
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
    keys = keys_of("room", size.of(100, least=2))
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        owners = stack.enter_context(mailboxes(size.of(100, least=2)))
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
        yield [
            partial(crossing, "join", enter, pairs, (sets, PYKKA_ASK)),
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
