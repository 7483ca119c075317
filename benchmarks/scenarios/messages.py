"""Local events and dispatch: from the write, or the call, until they are received."""

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import pykka

from actors import Actor, AnyRef, mailbox
from benchmarks.owners import PATIENCE, keys_of, lone_group, mailboxes, stop_all
from benchmarks.readings import Reading
from benchmarks.references import pg
from benchmarks.scenario import Case, Size, clock, percentile, rate, scenario
from group import Events, Group

QUEUE_HOP = "bare SimpleQueue to another thread"
PYKKA_TELL = "Pykka tell until handled"
PG_EVENTS = "pg join until monitored"
PG_DISPATCH = "pg send to each member"
PYKKA_BROADCAST = "Pykka tell to each member"


class Countdown:
    """Lets one thread wait until others have counted to zero. Any thread."""

    def __init__(self) -> None:
        self._left = 0
        self._lock = threading.Lock()
        self._zero = threading.Event()

    def expect(self, count: int) -> None:
        """Begin at `count`."""
        self._left = count
        self._zero.clear()

    def more(self, count: int) -> None:
        """Go on from where it is, which is below zero if it was late."""
        self.less(-count)

    def less(self, count: int) -> None:
        """Count down."""
        with self._lock:
            self._left -= count
            if self._left == 0:
                self._zero.set()
            else:
                self._zero.clear()

    def wait(self) -> None:
        """Return at zero."""
        if not self._zero.wait(PATIENCE):
            raise TimeoutError(f"{self._left} have not come")


class Listener(Actor):
    """Counts the events it is told; each actor on its own, told when all are there."""

    def __init__(self, left: Countdown) -> None:
        super().__init__()
        self._left = left

    def on_receive(self, message: object) -> None:
        """Count."""
        self._left.less(len(message) if isinstance(message, Events) else 1)


class PykkaListener(pykka.ThreadingActor):
    """The same in stock Pykka."""

    use_daemon_thread = True

    def __init__(self, left: Countdown) -> None:
        super().__init__()
        self._left = left

    def on_receive(self, message: object) -> None:
        """Count."""
        del message
        self._left.less(1)


@scenario
def events_local(size: Size) -> Iterator[Sequence[Case]]:
    """Register 5,000 keys until a monitor on a thread of its own has all events."""
    keys = keys_of("user", size.shape(5_000, least=10))
    left = Countdown()
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        (owner,) = stack.enter_context(mailboxes(1))
        # Its events are heard by nobody else, and its actors belong to its node.
        quiet = stack.enter_context(lone_group())
        (other,) = stack.enter_context(mailboxes(1))
        (listener,) = stack.enter_context(listeners(Listener, 1, left))
        group.monitor("user/", actor=listener)
        (stock,) = stack.enter_context(listeners(PykkaListener, 1, left))
        hop = stack.enter_context(queue_hop())
        seen = stack.enter_context(event_hop(quiet, other))
        hops = size.of(1_000, least=10)
        hop_of_pg = "pg event to another process"
        pg_hops = {f"{hop_of_pg}: p50": "us", f"{hop_of_pg}: p99": "us"}
        (beam,) = stack.enter_context(pg.beams(size, 1))
        to_thread = "event to another thread"
        yield [
            partial(events, group, keys, owner, left),
            *beam.case({PG_EVENTS: "ev/s"}, "events", len(keys)),
            partial(tells, PYKKA_TELL, [stock], len(keys), left),
            partial(hop_times, to_thread, seen, hops, (QUEUE_HOP, hop_of_pg)),
            partial(hop_times, QUEUE_HOP, hop, hops, ()),
            *beam.case(pg_hops, "event_hops", hops),
        ]


@contextmanager
def listeners(
    cls: type[pykka.ThreadingActor], count: int, left: Countdown
) -> Iterator[list[AnyRef]]:
    """Thread actors of either kind that count down together."""
    refs: list[AnyRef] = [cls.start(left) for _ in range(count)]
    try:
        yield refs
    finally:
        stop_all(refs)


def events(
    group: Group, keys: Sequence[str], owner: AnyRef, left: Countdown
) -> Iterator[Reading]:
    """Register all, wait for the last event."""

    def run() -> None:
        for key in keys:
            group.register(key, actor=owner)
        left.wait()

    left.expect(len(keys))
    yield Reading(
        "events, register until received",
        rate(len(keys), run),
        "ev/s",
        (PYKKA_TELL, PG_EVENTS),
    )
    left.expect(len(keys))
    for key in keys:
        group.unregister(key)
    left.wait()


def tells(
    name: str, refs: Sequence[AnyRef], count: int, left: Countdown, unit: str = "ev/s"
) -> Iterator[Reading]:
    """Tell each actor so many messages, one after another, until all are handled."""

    def run() -> None:
        for number in range(count):
            for ref in refs:
                ref.tell(number)
        left.wait()

    left.expect(count * len(refs))
    yield Reading(name, rate(count, run), unit)


Hop = Callable[[int], int]
"""Starts something; returns when, on another thread, it was received (ns)."""


@contextmanager
def queue_hop() -> Iterator[Hop]:
    """A thread that gets things through a bare queue."""
    there: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    back: queue.SimpleQueue[int] = queue.SimpleQueue()

    def serve() -> None:
        while there.get() is not None:
            back.put(clock())

    def hop(number: int) -> int:
        there.put(number)
        return back.get(timeout=PATIENCE)

    thread = threading.Thread(target=serve, name="bench-queue")
    thread.start()
    try:
        yield hop
    finally:
        there.put(None)
        thread.join()


@contextmanager
def event_hop(group: Group, owner: AnyRef) -> Iterator[Hop]:
    """A thread that monitors a group from a mailbox."""
    opened: queue.SimpleQueue[AnyRef] = queue.SimpleQueue()
    back: queue.SimpleQueue[int] = queue.SimpleQueue()
    numbers = itertools.count()

    def serve() -> None:
        with mailbox() as me:
            group.monitor("hop/")
            opened.put(me.ref)
            while isinstance(me.receive(timeout=PATIENCE), Events):
                back.put(clock())

    def hop(_number: int) -> int:
        group.register(f"hop/{next(numbers)}", actor=owner)
        return back.get(timeout=PATIENCE)

    thread = threading.Thread(target=serve, name="bench-monitor")
    thread.start()
    box = opened.get(timeout=PATIENCE)
    try:
        yield hop
    finally:
        box.tell("enough")
        thread.join()


def hop_times(
    name: str, hop: Hop, count: int, against: tuple[str, ...]
) -> Iterator[Reading]:
    """Time each hop, from its start to its reception."""
    took: list[float] = []
    for number in range(count):
        began = clock()
        took.append((hop(number) - began) / 1e3)
    for percent in (50, 99):
        suffix = f": p{percent}"
        references = tuple(other + suffix for other in against)
        yield Reading(name + suffix, percentile(took, percent), "us", references)


@scenario
def dispatch(size: Size) -> Iterator[Sequence[Case]]:
    """Dispatch to 100 thread actors until all of them have handled all messages."""
    count, dispatches = size.shape(100, least=3), size.of(200, least=3)
    left = Countdown()
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        refs = stack.enter_context(listeners(Listener, count, left))
        for ref in refs:
            group.join("room", actor=ref)
        stock = stack.enter_context(listeners(PykkaListener, count, left))
        (beam,) = stack.enter_context(pg.beams(size, 1))
        beam.do("listeners", count)
        yield [
            partial(to_members, group, refs, dispatches, left),
            partial(tells, PYKKA_BROADCAST, stock, dispatches, left, "dispatches/s"),
            *beam.case({PG_DISPATCH: "dispatches/s"}, "dispatch", dispatches, count),
        ]


def to_members(
    group: Group, refs: Sequence[AnyRef], dispatches: int, left: Countdown
) -> Iterator[Reading]:
    """Dispatch so often, wait until all have got all."""

    def run() -> None:
        for number in range(dispatches):
            group.dispatch("room", number)
        left.wait()

    left.expect(dispatches * len(refs))
    against = (PYKKA_BROADCAST, PG_DISPATCH)
    value = rate(dispatches, run)
    yield Reading("dispatch to 100, delivered", value, "dispatches/s", against)
