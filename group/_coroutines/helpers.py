"""Threads that carry out blocking calls for coroutines, so that no loop blocks."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from actors import Timeout
from group._clock import monotonic
from group._words import duration

LIMIT = 8
"""Threads at most. What they do takes microseconds; what waits long waits without."""
IDLE = 5.0
"""Seconds after which a thread without work ends."""

T = TypeVar("T")


class _Work(Protocol):
    """What waits for a thread."""

    def carry_out(self) -> None:
        """Do it; must not raise."""

    def fail(self, error: BaseException) -> None:
        """Say that it will not be done."""


class _Job(Generic[T]):
    """One call, and the coroutine's future that gets what it returns or raises."""

    def __init__(self, call: Callable[[float], T], timeout: float) -> None:
        self.outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._call = call
        self._deadline = monotonic() + timeout
        self._context = copy_context()

    def carry_out(self) -> None:
        """Make the call, on a helper's thread."""
        with self:
            left = max(0.0, self._deadline - monotonic())
            value = self._context.run(self._call, left)
            self._tell(lambda: self.outcome.set_result(value))

    def fail(self, error: BaseException) -> None:
        """Raise this in the coroutine. Any thread."""
        if isinstance(error, StopIteration):
            # A future refuses it, and nobody would ever be woken.
            error = RuntimeError(f"the call raised {error!r}")
        self._tell(lambda: self.outcome.set_exception(error))

    def _tell(self, end: Callable[[], object]) -> None:
        def told() -> None:
            if not self.outcome.done():
                end()

        # A closed loop has nobody left to tell.
        with suppress(RuntimeError):
            self.outcome.get_loop().call_soon_threadsafe(told)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is not None:
            self.fail(error)
        return True


class Helpers:
    """A few threads of one group, started as they are needed. `run` is for coroutines.

    Args:
        name: The first part of the threads' names.
        ended: Makes the error of a call that comes after `close`.
    """

    def __init__(self, name: str, ended: Callable[[], Exception]) -> None:
        self._name = name
        self._ended = ended
        self._changed = threading.Condition()
        # Its lock guards all that follows.
        self._queue: deque[_Work] = deque()
        self._threads = 0
        self._idle = 0
        self._started = 0
        self._closed = False

    async def run(
        self, call: Callable[[float], T], timeout: float, *, urgent: bool = False
    ) -> T:
        """Call `call(seconds left)` on a helper's thread; return what it returns.

        A call that has begun goes on when the coroutine is cancelled; one that has
        not is taken back.

        Args:
            call: Must end by itself within the seconds that it is given.
            timeout: Seconds in all, also for waiting until a helper is free.
            urgent: Wait for none; there will be a thread for it.

        Raises:
            Timeout: No helper was free in time; nothing was done.
        """
        job = _Job(call, timeout)
        self._submit(job, urgent=urgent)
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(timeout, self._expire, job, timeout)
        try:
            return await job.outcome
        finally:
            alarm.cancel()
            self._take_back(job)

    def close(self) -> None:
        """End the threads; who waits is told that it has ended. Waits for none."""
        with self._changed:
            self._closed = True
            left = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for job in left:
            job.fail(self._ended())

    def _submit(self, job: _Work, *, urgent: bool) -> None:
        with self._changed:
            if self._closed:
                raise self._ended()
            if urgent:
                self._queue.appendleft(job)
            else:
                self._queue.append(job)
            if self._idle >= len(self._queue):
                self._changed.notify()
                return
            if self._threads >= LIMIT and not urgent:
                return
            self._threads += 1
            self._started += 1
            name = f"{self._name}-{self._started}"
        # A daemon: a call that waits must not keep a script from ending.
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            with self._changed:
                self._threads -= 1
            self._take_back(job)
            raise

    def _take_back(self, job: _Work) -> bool:
        with self._changed, suppress(ValueError):
            self._queue.remove(job)
            return True
        return False

    def _expire(self, job: _Work, timeout: float) -> None:
        if self._take_back(job):
            job.fail(
                Timeout(
                    f"all {LIMIT} threads that carry out calls for coroutines were "
                    f"busy for {duration(timeout)}; nothing was done"
                )
            )

    # On the helpers' threads

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            job.carry_out()

    def _next(self) -> _Work | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._queue or self._closed, IDLE)
            self._idle -= 1
            if self._queue:
                return self._queue.popleft()
            self._threads -= 1
            return None
