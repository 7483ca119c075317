"""Many rows at once, on another process: a late joiner, deaths, a killed node."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from actors import AnyRef
from benchmarks import wire
from benchmarks.owners import (
    GROUP,
    PATIENCE,
    Idler,
    end_all,
    keys_of,
    mailboxes,
    open_mailboxes,
    open_node,
    stop_all,
)
from benchmarks.processes import worker
from benchmarks.readings import Reading
from benchmarks.replication import Pair, linked
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.worker import await_count
from group import Group
from transport import Node

OWNERS = 100
BARE_END = "bare TCP: SIGKILL until its end is seen and a dict is cleared"


class GhostsError(Exception):
    """Rows of the dead are left after all has settled."""


@scenario
def bulk_sync(size: Size) -> Iterator[Sequence[Case]]:
    """A late joiner dials a node until it has all of its 1,000 or 10,000 keys."""
    sizes = [size.of(1_000, least=10), size.of(10_000, least=20)]
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        joiner = stack.enter_context(worker())
        names = iter(range(1, 1_000_000))
        cases: list[Case] = []
        for count in sizes:
            group = stack.enter_context(
                Group.start(f"bulk-{count}", node=node, log=False)
            )
            owners = stack.enter_context(mailboxes(min(OWNERS, count)))
            keys = keys_of("user", count)
            for index, key in enumerate(keys):
                group.register(key, actor=owners[index % len(owners)])
            bare = f"bare TCP, decode, dict: {count:,}"

            def sync(
                group: str = group.name, count: int = count, bare: str = bare
            ) -> Iterator[Reading]:
                name = f"bench-b{next(names)}"
                joiner.begin("late_join", name, group, node.address, count)
                took = joiner.time() / 1e6
                yield Reading(f"sync {count:,} keys", took, "ms", (bare,))

            def load(keys: list[str] = keys, bare: str = bare) -> Iterator[Reading]:
                with wire.connected(joiner, "load", len(keys)) as sock:
                    wire.serve_rows(sock, keys)
                    yield Reading(bare, joiner.time() / 1e6, "ms")

            cases += [sync, load]
        yield cases


@scenario
def death_cleanup(size: Size) -> Iterator[Sequence[Case]]:
    """Owners on A die until B has none of their keys."""
    few, many = size.of(1_000, least=4), size.of(5_000, least=5)
    with linked() as pair:
        yield [
            partial(cleanup, pair, few, 1, "mailboxes", open_mailboxes, end_all),
            partial(cleanup, pair, 1, few, "mailboxes", open_mailboxes, end_all),
            partial(cleanup, pair, many, 1, "mailboxes", open_mailboxes, end_all),
            partial(cleanup, pair, 1, many, "mailboxes", open_mailboxes, end_all),
            partial(cleanup, pair, few, 1, "thread actors", start_idlers, stop_all),
            partial(messages_instead, pair, few),
        ]


def start_idlers(count: int) -> list[AnyRef]:
    """Start actors with a thread each."""
    return [Idler.start() for _ in range(count)]


def cleanup(
    pair: Pair,
    owners: int,
    keys: int,
    kind: str,
    start: Callable[[int], list[AnyRef]],
    end: Callable[[Sequence[AnyRef]], None],
) -> Iterator[Reading]:
    """Let owners die that have so many keys each."""
    refs = start(owners)
    for number, ref in enumerate(refs):
        for key in keys_of(f"user/{number}", keys):
            pair.group.register(key, actor=ref)
    pair.other.ask("await_count", owners * keys)
    pair.other.begin("await_count", 0)
    began = clock()
    end(refs)
    ended = clock()
    gone = pair.other.time()
    no_ghosts(pair)
    name = f"{owners:,} x {keys:,}, {kind}"
    yield Reading(f"gone on B: {name}", (gone - began) / 1e6, "ms")
    yield Reading(f"ending them on A: {name}", (ended - began) / 1e6, "ms")


def messages_instead(pair: Pair, count: int) -> Iterator[Reading]:
    """For comparison: the same number of keys, each unregistered by a call."""
    keys = keys_of("user", count)
    for key in keys:
        pair.group.register(key, actor=pair.owner)
    pair.other.ask("await_count", count)
    pair.other.begin("await_count", 0)
    began = clock()
    for key in keys:
        pair.group.unregister(key)
    gone = pair.other.time()
    yield Reading(f"gone on B: {count:,} unregister calls", (gone - began) / 1e6, "ms")


@scenario
def churn(size: Size) -> Iterator[Sequence[Case]]:
    """10 times 500 owners register a key and die, until B agrees; no ghost is left."""
    cycles, owners = 10, size.of(500, least=5)
    with linked() as pair:
        yield [
            partial(lives, pair, cycles, owners, "mailboxes", open_mailboxes, end_all),
            partial(
                lives, pair, cycles, owners, "thread actors", start_idlers, stop_all
            ),
        ]


def lives(
    pair: Pair,
    cycles: int,
    owners: int,
    kind: str,
    start: Callable[[int], list[AnyRef]],
    end: Callable[[Sequence[AnyRef]], None],
) -> Iterator[Reading]:
    """Let many register and die; starting them is part of it, and told apart."""
    starting = 0
    began = clock()
    for _ in range(cycles):
        before = clock()
        refs = start(owners)
        starting += clock() - before
        for number, ref in enumerate(refs):
            pair.group.register(f"user/{number}", actor=ref)
        end(refs)
    pair.group.settle(PATIENCE)
    took = clock() - began - starting
    no_ghosts(pair)
    rate = cycles * owners * 1e9 / took
    yield Reading(f"register, die, converged: {kind}", rate, "lives/s")
    yield Reading(f"starting them: {kind}", cycles * owners * 1e9 / starting, "lives/s")


def no_ghosts(pair: Pair) -> None:
    """Check that nobody remembers a dead owner, at once and without patience.

    Raises:
        GhostsError: Somebody does.
    """
    pair.group.settle(PATIENCE)
    here, there = pair.group.registry_count(), pair.other.ask("count")
    if here or there != [0, 0]:
        raise GhostsError(f"{here} keys here; keys and rows there: {there}")


@scenario
def killed_node(size: Size) -> Iterator[Sequence[Case]]:
    """A process with 10,000 keys gets SIGKILL until its peer has none of them."""
    count = size.of(10_000, least=10)
    names = iter(range(1, 1_000_000))
    with (
        open_node("bench-a") as node,
        Group.start(GROUP, node=node, log=False) as group,
    ):
        yield [
            partial(killed, node, group, names, count),
            partial(bare_end, count),
        ]


def killed(
    node: Node, group: Group, names: Iterator[int], count: int
) -> Iterator[Reading]:
    """Kill a process that owns so many keys."""
    with worker() as other:
        other.ask("start", f"bench-b{next(names)}", node.address)
        other.ask("fill", min(OWNERS, count), count)
        await_count(group, count)
        began = clock()
        other.kill()
        gone = await_count(group, 0)
    took = (gone - began) / 1e6
    yield Reading(f"SIGKILL until {count:,} keys are gone", took, "ms", (BARE_END,))


def bare_end(count: int) -> Iterator[Reading]:
    """Kill a process that holds a connection, see its end, delete from a dict."""
    table = dict.fromkeys(keys_of("user", count), 1)
    with worker() as other, wire.connected(other, "hold") as sock:
        wire.read_exactly(sock, 1)
        began = clock()
        other.kill()
        wire.read_exactly(sock, 1)
        for key in list(table):
            del table[key]
        yield Reading(BARE_END, (clock() - began) / 1e6, "ms")
