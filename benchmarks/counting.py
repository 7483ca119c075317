"""What a piece of work costs, counted and not timed: Python calls and instructions.

A clock measures the machine as well, which does other work too. The interpreter's own
trace does not: a path that takes so many calls and instructions takes as many on a
machine that is ten times as slow. What C code does within one instruction is not seen;
`allocated` sees copies that it makes, and `nanoseconds` the rest.
"""

import gc
import statistics
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import TraceFunction

Work = Callable[[], object]


class Counts(NamedTuple):
    """Of one piece of work, on one thread."""

    calls: int
    instructions: int


class Counter:
    """Counts what a thread executes while it traces. One for each thread."""

    def __init__(self) -> None:
        self.calls = 0
        self.instructions = 0

    def call(self, frame: FrameType, event: str, _arg: object) -> "TraceFunction":
        """Count a call, and see each instruction of it but no line."""
        if event == "call":
            self.calls += 1
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self.within

    def within(self, _frame: FrameType, event: str, _arg: object) -> "TraceFunction":
        """Count an instruction."""
        if event == "opcode":
            self.instructions += 1
        return self.within

    def counts(self) -> Counts:
        """Return what there has been so far."""
        return Counts(self.calls, self.instructions)


def counted(work: Work, times: int = 21, *, between: Work | None = None) -> Counts:
    """Return what a piece of work costs on this thread: the median of so many times.

    Args:
        work: Is called once before that, uncounted.
        times: An odd number.
        between: Is called after each time, uncounted.
    """
    found = [_once(work, between) for _ in range(times + 1)][1:]
    return Counts(
        *(int(statistics.median(column)) for column in zip(*found, strict=True))
    )


def _once(work: Work, between: Work | None) -> Counts:
    counter = Counter()
    with _undisturbed():
        sys.settrace(counter.call)
        try:
            work()
        finally:
            sys.settrace(None)
    if between is not None:
        between()
    # `work()` itself, and taking the trace away again, are not of the work.
    return counter.counts()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let no collection run its callbacks within, and put a debugger's trace back."""
    before = sys.gettrace()
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        sys.settrace(before)
        if collecting:
            gc.enable()


class OtherThreads:
    """Counts what threads execute that are started within the block, by their names."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter] = {}

    def __enter__(self) -> "OtherThreads":
        threading.settrace(self._begin)
        return self

    def __exit__(self, *_exc: object) -> None:
        threading.settrace(None)

    def _begin(self, frame: FrameType, event: str, arg: object) -> "TraceFunction":
        counter = self._counters.setdefault(threading.current_thread().name, Counter())
        sys.settrace(counter.call)
        return counter.call(frame, event, arg)

    def counts(self, prefix: str) -> Counts:
        """Return what threads have executed so far whose names begin so."""
        found = [
            counter.counts()
            for name, counter in list(self._counters.items())
            if name.startswith(prefix)
        ]
        return Counts(
            sum(each.calls for each in found), sum(each.instructions for each in found)
        )


def allocated(work: Work, times: int = 11) -> int:
    """Return the most bytes that a piece of work had allocated at once, by median."""
    found = []
    with _undisturbed():
        tracemalloc.start()
        try:
            work()
            for _ in range(times):
                tracemalloc.reset_peak()
                before, _ = tracemalloc.get_traced_memory()
                work()
                found.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
    return int(statistics.median(found))


def nanoseconds(work: Work, times: int = 101) -> int:
    """Return the least processor time of this thread that it ever took, in ns."""
    found = []
    with _undisturbed():
        for _ in range(times):
            began = time.thread_time_ns()
            work()
            found.append(time.thread_time_ns() - began)
    return min(found)
