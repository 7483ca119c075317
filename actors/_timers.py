"""Delayed messages: one thread for all of them, on the monotonic clock."""

from __future__ import annotations

import heapq
import math
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from actors._clock import monotonic
from actors._errors import ActorDeadError
from actors._guard import Contained
from actors._inbox import NOTHING
from actors._mail import Lazy, put
from actors._ref import ForeignRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors._types import AnyRef

# Seconds the thread stays without work: long enough to serve a retry, short enough
# not to be in the way of an ending program.
_LINGER = 0.5
# Called-off timers are swept when there are more than this, and than those that wait.
_SWEEP_AT = 64


class Timer:
    """Something that will happen once, unless it is called off."""

    __slots__ = ("_lock", "_open")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = True

    def cancel(self) -> bool:
        """Call it off; False means that it has happened or was called off before.

        Once this gave True the message is never handled, even if it is in the inbox.
        """
        if not self.claim():
            return False
        _clock.called_off()
        return True

    def claim(self) -> bool:
        """Take the one chance to happen."""
        with self._lock:
            was_open, self._open = self._open, False
            return was_open

    @property
    def pending(self) -> bool:
        """Whether it may still happen."""
        return self._open


class _Entry(NamedTuple):
    due: float
    order: int
    timer: Timer
    action: Callable[[], None]


class _Clock:
    """Waits for the earliest entry. `_changed` guards all fields."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything; also for a forked child, where the thread is gone."""
        self._changed = threading.Condition()
        self._entries: list[_Entry] = []
        self._added = 0
        self._called_off = 0
        self._thread: threading.Thread | None = None

    def add(self, seconds: float, timer: Timer, action: Callable[[], None]) -> None:
        """Run an action in the clock's thread after so many seconds."""
        with self._changed:
            self._added += 1
            entry = _Entry(monotonic() + seconds, self._added, timer, action)
            heapq.heappush(self._entries, entry)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="actors-timers", daemon=True
                )
                self._thread.start()
            elif self._entries[0] is entry:
                self._changed.notify()

    def called_off(self) -> None:
        """Count a called-off timer, and sweep when they are most of the heap."""
        with self._changed:
            self._called_off += 1
            if self._called_off > max(_SWEEP_AT, len(self._entries) // 2):
                self._entries = [
                    entry for entry in self._entries if entry.timer.pending
                ]
                heapq.heapify(self._entries)
                self._called_off = 0
            if self._entries and not self._entries[0].timer.pending:
                # It is the one that the thread waits for.
                self._changed.notify()

    def waiting(self) -> int:
        """How many entries are kept."""
        with self._changed:
            return len(self._entries)

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            with Contained("timer_action_failed"):
                entry.action()
            del entry

    def _next(self) -> _Entry | None:
        """Wait for the next due entry; None when there was no work for a while."""
        with self._changed:
            while True:
                while self._entries and not self._entries[0].timer.pending:
                    heapq.heappop(self._entries)
                if not self._entries:
                    self._changed.wait(_LINGER)
                    if not self._entries:
                        self._thread = None
                        return None
                left = self._entries[0].due - monotonic()
                if left <= 0:
                    return heapq.heappop(self._entries)
                self._changed.wait(min(left, threading.TIMEOUT_MAX))


_clock = _Clock()


def after(seconds: float, action: Callable[[], None]) -> Timer:
    """Run a short action in the timer thread after so many seconds.

    Raises:
        ValueError: `seconds` is negative or not finite.
    """
    timer = Timer()

    def run() -> None:
        if timer.claim():
            action()

    _clock.add(_checked(seconds), timer, run)
    return timer


def tell_after(ref: AnyRef, seconds: float, message: object) -> Timer:
    """Tell an actor something after so many seconds; nothing happens if it is dead.

    Returns:
        A timer; `cancel()` takes the message back even from the inbox of an actor
        of this interpreter.

    Raises:
        ValueError: `seconds` is negative or not finite.
    """
    timer = Timer()

    def deliver() -> None:
        if isinstance(ref, ForeignRef):
            if timer.claim():
                with suppress(ActorDeadError):
                    ref.tell(message)
        else:
            put(ref, Lazy(lambda: message if timer.claim() else NOTHING))

    _clock.add(_checked(seconds), timer, deliver)
    return timer


def reset() -> None:
    """Forget all timers."""
    _clock.reset()


def waiting() -> int:
    """How many timers the clock keeps."""
    return _clock.waiting()


def _checked(seconds: float) -> float:
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"seconds must be finite and not negative, got {seconds!r}")
    return seconds
