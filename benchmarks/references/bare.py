"""What there is to compare with in one process: bare Python, and stock Pykka."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pykka

from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size, clock, percentile, rate

DICT_GET = "bare dict.get"
METHOD = "bare method, two dict reads"
PYKKA_URN = "Pykka get_by_urn, 1,000 actors"
PYKKA_ASK = "Pykka ask"


class TwoDicts:
    """The least that a lookup with a cluster can be."""

    def __init__(self, table: dict[str, object]) -> None:
        self._tables = {"": table}

    def lookup(self, key: str, *, cluster: str | None = None) -> object:
        """Read two dicts."""
        return self._tables[cluster or ""].get(key)


class LockedDict:
    """The least that a write which others must not disturb can be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._table: dict[str, object] = {}

    def put(self, key: str) -> None:
        """Store something."""
        with self._lock:
            self._table[key] = self

    def pop(self, key: str) -> None:
        """Remove it."""
        with self._lock:
            del self._table[key]


class PykkaEcho(pykka.ThreadingActor):
    """A stock Pykka actor that gives back what it gets."""

    use_daemon_thread = True

    def on_receive(self, message: object) -> object:
        """Answer."""
        return message

    def call(self) -> None:
        """Do nothing, through a proxy."""


class PykkaOther(PykkaEcho):
    """Another class, which nobody looks for."""


def each(work: Callable[[str], object], keys: Sequence[str], passes: int = 1) -> None:
    """Call a function with each key."""
    for _ in range(passes):
        for key in keys:
            work(key)


def read_rate(
    name: str,
    work: Callable[[str], object],
    keys: Sequence[str],
    passes: int = 1,
    against: tuple[str, ...] = (),
) -> Case:
    """Make a case: how often a second a function can be called with one key."""

    def run() -> Iterator[Reading]:
        value = rate(len(keys) * passes, lambda: each(work, keys, passes))
        yield Reading(name, value, "ops/s", against)

    return run


@contextmanager
def registered_in_pykka(
    count: int, cls: type[PykkaEcho] = PykkaEcho
) -> Iterator[list[str]]:
    """Actors in Pykka's registry, without threads; gives their names."""
    actors = [cls() for _ in range(count)]
    for actor in actors:
        pykka.ActorRegistry.register(actor.actor_ref)
    try:
        yield [actor.actor_urn for actor in actors]
    finally:
        for actor in actors:
            pykka.ActorRegistry.unregister(actor.actor_ref)


@contextmanager
def pykka_registry(size: Size) -> Iterator[Case]:
    """A case: look actors up in Pykka's own registry, which is a list."""
    with registered_in_pykka(size.shape(1_000, least=10)) as urns:
        yield read_rate(PYKKA_URN, pykka.ActorRegistry.get_by_urn, urns)


SWITCH_INTERVALS = {"": 0.005, ", switching every 0.5 ms": 0.0005}
"""Seconds; CPython's own, and the one that docs/performance.md recommends."""


def wake_ups(count: int) -> Iterator[Reading]:
    """How late a sleeping thread runs again, beside one that computes without end."""
    stop = threading.Event()

    def burn() -> None:
        while not stop.is_set():
            sum(range(100))

    before = sys.getswitchinterval()
    burner = threading.Thread(target=burn, name="bench-burner")
    burner.start()
    try:
        for how, interval in SWITCH_INTERVALS.items():
            sys.setswitchinterval(interval)
            late = percentile([_late() for _ in range(count)], 50)
            yield Reading(f"bare wake-up beside a thread that burns{how}", late, "us")
    finally:
        sys.setswitchinterval(before)
        stop.set()
        burner.join()


def _late() -> float:
    began = clock()
    time.sleep(0.002)
    return (clock() - began) / 1e3 - 2_000


@contextmanager
def pykka_ask(size: Size) -> Iterator[Case]:
    """A case: what a request to an actor costs in stock Pykka."""
    ref = PykkaEcho.start()
    keys = [str(index) for index in range(size.of(2_000, least=10))]
    try:
        yield read_rate(PYKKA_ASK, ref.ask, keys)
    finally:
        ref.stop()
