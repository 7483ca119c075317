"""Actors beside those of stock Pykka: start, tell, ask, proxy call."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

import pykka

from actors import Actor, AnyRef
from benchmarks.owners import PATIENCE, open_mailboxes, stop_all
from benchmarks.processes import worker
from benchmarks.readings import Reading
from benchmarks.references.bare import PykkaEcho
from benchmarks.scenario import Case, Size, clock, scenario
from benchmarks.scenarios.memory import resident


class Echo(Actor):
    """The same as `PykkaEcho`."""

    def on_receive(self, message: object) -> object:
        """Answer."""
        return message

    def call(self) -> None:
        """Do nothing, through a proxy."""


@scenario
def actors(size: Size) -> Iterator[Sequence[Case]]:
    """Start an actor, tell it, ask it, call it through a proxy; beside stock Pykka."""
    starts = size.of(200, least=3)
    with ExitStack() as stack:
        cases: list[Case] = []
        kinds: list[tuple[str, type[pykka.ThreadingActor]]]
        kinds = [("", Echo), ("Pykka ", PykkaEcho)]
        for kind, cls in kinds:
            ref = cls.start()
            stack.callback(ref.stop)
            cases += [
                partial(one_by_one, kind, ref, size),
                partial(start_and_stop, kind, cls, starts),
            ]
        yield [*cases, *(partial(memory_of, kind, size.shape(1_000)) for kind in KINDS)]


def one_by_one(kind: str, ref: AnyRef, size: Size) -> Iterator[Reading]:
    """Time each way to reach an actor."""
    tells, asks = size.of(20_000, least=10), size.of(2_000, least=10)
    began = clock()
    for number in range(tells):
        ref.tell(number)
    # Mail is handled in order: its answer means that all before is handled.
    ref.ask(None, timeout=PATIENCE)
    yield reading(kind, "tell, handled", began, tells)
    began = clock()
    for number in range(asks):
        ref.ask(number)
    yield reading(kind, "ask", began, asks)
    proxy = ref.proxy()
    began = clock()
    for _ in range(asks):
        proxy.call().get()
    yield reading(kind, "proxy call", began, asks)


def start_and_stop(
    kind: str, cls: type[pykka.ThreadingActor], count: int
) -> Iterator[Reading]:
    """Start actors until the last is running; then stop them until all have ended."""
    began = clock()
    refs = [cls.start() for _ in range(count)]
    for ref in refs:
        ref.ask(None, timeout=PATIENCE)
    yield reading(kind, "start, first answer", began, count)
    began = clock()
    for ref in refs:
        ref.stop(timeout=PATIENCE)
    yield reading(kind, "stop, ended", began, count)


def reading(kind: str, what: str, began: int, count: int) -> Reading:
    """Say what one of `count` cost since `began`."""
    against = () if kind else (f"Pykka {what}",)
    return Reading(kind + what, (clock() - began) / 1e3 / count, "us", against)


KINDS = {"": "Echo", "Pykka ": "PykkaEcho", "mailbox: ": "mailbox"}
MEMORY = "memory"


def memory_of(kind: str, count: int) -> Iterator[Reading]:
    """Let a fresh process start so many, and say by how much it grew for each."""
    with worker() as fresh:
        grown = fresh.ask_time("memory_of_actors", KINDS[kind], count)
    against = () if kind == "Pykka " else (f"Pykka {MEMORY}",)
    yield Reading(f"{kind}{MEMORY}", max(grown, 1) / count / 1024, "KiB", against)


# What the fresh process does


def grown(kind: str, count: int) -> int:
    """Return the bytes that so many actors take, threads included."""
    starts: dict[str, Callable[[], AnyRef]]
    starts = {"Echo": Echo.start, "PykkaEcho": PykkaEcho.start}
    before = resident()
    if kind == "mailbox":
        refs = open_mailboxes(count)
    else:
        refs = [starts[kind]() for _ in range(count)]
    found = resident() - before
    stop_all(refs)
    return found
