"""A future with one lock: awaitable, with callbacks, the first answer wins."""

from __future__ import annotations

import asyncio
import copy
import functools
import sys
import threading
from contextlib import suppress
from queue import Full
from typing import TYPE_CHECKING, TypeVar

import pykka

from actors._clock import monotonic
from actors._deadlock import begin_wait, end_wait
from actors._errors import Timeout
from actors._guard import Contained
from actors._log import log
from actors._types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from pykka._types import OptExcInfo

    from actors._ends.cell import Cell

T = TypeVar("T")
J = TypeVar("J")
M = TypeVar("M")
R = TypeVar("R")


class Future(pykka.Future[T]):
    """An answer that is here or will be.

    `set` and `set_exception` may be called from any thread; the first wins and later
    ones are dropped in silence. Awaiting it never blocks the event loop.
    """

    def __init__(self) -> None:
        # Not super().__init__(): its two fields are set here, at a third of the cost.
        self._get_hook: Callable[[float | None], T] | None = None
        self._hook_lock: threading.RLock | None = None
        self._lock = threading.Lock()
        self._done = False
        self._value: Answer = None
        self._error: OptExcInfo | None = None
        self._original_raised = False
        self.callbacks: list[Callable[[Future[T]], object]] = []
        self.sources: tuple[pykka.Future[Answer], ...] = ()
        # Whose answer this is; lets get() refuse to wait for itself.
        self.giver: Cell | None = None

    def done(self) -> bool:
        """Say whether get() would answer without waiting for an actor."""
        if self._get_hook is not None and self.sources and not self._done:
            return all(isinstance(s, Future) and s.done() for s in self.sources)
        return self._done

    def succeeded(self) -> bool:
        """Say whether the answer is here and is not an exception."""
        return self._done and self._error is None

    def set(self, value: T | None = None) -> None:
        """Answer. Dropped when there is an answer already."""
        with self._lock:
            if self._done or self._get_hook is not None:
                return
            self._value = value
            self._done = True
            callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            self._run(callback)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """Answer with an exception, the one being handled if none is given."""
        error = sys.exc_info() if exc_info is None else exc_info
        with self._lock:
            if self._done or self._get_hook is not None:
                return
            self._error = error
            self._done = True
            callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            self._run(callback)

    def _run(self, callback: Callable[[Future[T]], object]) -> None:
        with Contained("future_callback_failed"):
            callback(self)

    def add_done_callback(self, callback: Callable[[Future[T]], object]) -> None:
        """Call `callback(self)` when the answer is here, or now if it is.

        It runs in the answering thread and must not block.
        """
        if self._get_hook is not None and self.sources:
            self._after_sources(callback)
            return
        with self._lock:
            if not self._done:
                self.callbacks.append(callback)
                return
        self._run(callback)

    def remove_done_callback(self, callback: Callable[[Future[T]], object]) -> None:
        """Forget a callback that has not been called yet."""
        with self._lock, suppress(ValueError):
            self.callbacks.remove(callback)

    def _after_sources(self, callback: Callable[[Future[T]], object]) -> None:
        missing = list(self.sources)
        lock = threading.Lock()

        def one_done(source: Future[Answer]) -> None:
            with lock:
                missing.remove(source)
                last = not missing
            if last:
                self._run(callback)

        for source in self.sources:
            if isinstance(source, Future):
                source.add_done_callback(one_done)

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the answer; raise it if it is an exception.

        Args:
            timeout: Seconds to wait, None for ever.

        Raises:
            Timeout: No answer came in time. It may still come.
            DeadlockError: The one to answer waits for this very call.
        """
        if not self._done:
            if self._get_hook is not None:
                return self._ask_hook(timeout)
            self._park(timeout)
        return self._outcome()

    def _outcome(self) -> T:
        if self._error is not None:
            raise self._exception()
        value: T = self._value
        return value

    def _exception(self) -> BaseException:
        """Give each reader an exception of its own.

        The first gets the original, later ones copies: raising one object in several
        threads would let them write into one traceback.
        """
        kind, value, traceback = self._error or (None, None, None)
        error = kind() if value is None and kind is not None else value
        if error is None:
            return RuntimeError("the answer is an exception, but none was given")
        with self._lock:
            first, self._original_raised = not self._original_raised, True
        if not first:
            error = _copied(error)
        return error.with_traceback(traceback)

    def _park(self, timeout: float | None) -> None:
        _warn_in_event_loop()
        me = None
        if self.giver is not None:
            me = begin_wait(self.giver, bounded=timeout is not None)
        wake = threading.Lock()
        wake.acquire()

        def woken(_future: Future[T]) -> None:
            wake.release()

        try:
            self.add_done_callback(woken)
            if not wake.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
                self.remove_done_callback(woken)
                if not self._done:
                    raise Timeout(f"no answer within {timeout} seconds")
        finally:
            end_wait(me)

    def set_get_hook(self, func: Callable[[float | None], T]) -> None:
        """Let `func(timeout)` give the answer when it is asked for, once."""
        with self._lock:
            if self._done:
                raise Full
            self._hook_lock = threading.RLock()
            self._get_hook = func

    def _ask_hook(self, timeout: float | None) -> T:
        hook, lock = self._get_hook, self._hook_lock
        if hook is None or lock is None:
            return self._outcome()
        deadline = None if timeout is None else monotonic() + timeout
        if not lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise Timeout(f"no answer within {timeout} seconds")
        try:
            if not self._done:
                left = None if deadline is None else max(0.0, deadline - monotonic())
                self._value = hook(left)
                self._finish()
        finally:
            lock.release()
        return self._outcome()

    def _finish(self) -> None:
        with self._lock:
            self._done = True
            callbacks, self.callbacks = self.callbacks, []
        for callback in callbacks:
            self._run(callback)

    def _derived(
        self,
        hook: Callable[[float | None], Answer],
        *others: pykka.Future[Answer],
    ) -> Answer:
        future: Future[Answer] = self.__class__()
        future.set_get_hook(hook)
        future.sources = (self, *others)
        return future

    def map(self, func: Callable[[T], M]) -> Future[M]:
        """See Pykka."""
        derived: Future[M] = self._derived(lambda t: func(self.get(timeout=t)))
        return derived

    def filter(
        self: Future[Iterable[J]], func: Callable[[J], bool]
    ) -> Future[Iterable[J]]:
        """See Pykka."""
        derived: Future[Iterable[J]] = self._derived(
            lambda t: list(filter(func, self.get(timeout=t)))
        )
        return derived

    def join(
        self: Future[Answer], *futures: pykka.Future[Answer]
    ) -> Future[Iterable[Answer]]:
        """See Pykka."""
        derived: Future[Iterable[Answer]] = self._derived(
            lambda t: [f.get(timeout=t) for f in (self, *futures)], *futures
        )
        return derived

    def reduce(
        self: Future[Iterable[J]], func: Callable[[R, J], R], *args: R
    ) -> Future[R]:
        """See Pykka."""
        derived: Future[R] = self._derived(
            lambda t: functools.reduce(func, self.get(timeout=t), *args)
        )
        return derived

    def __await__(self) -> Generator[Answer, None, T]:
        """Wait without blocking the event loop that runs here."""
        if not self.done():
            loop = _running_loop()
            if loop is None:
                yield
            elif self._get_hook is None or self._awaitable_sources():
                yield from self._wake(loop).__await__()
            else:
                answer: T = yield from loop.run_in_executor(None, self.get).__await__()
                return answer
        return self.get()

    __iter__ = __await__

    def _awaitable_sources(self) -> bool:
        return bool(self.sources) and all(
            isinstance(source, Future) and source.plain() for source in self.sources
        )

    def plain(self) -> bool:
        """Say whether all it waits for are futures of ours."""
        return self._get_hook is None or self._awaitable_sources()

    def _wake(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        waiter = loop.create_future()

        def wake() -> None:
            if not waiter.done():
                waiter.set_result(None)

        def answered(_future: Future[T]) -> None:
            # A closed loop has nobody left to wake.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(wake)

        self.add_done_callback(answered)
        waiter.add_done_callback(lambda _: self.remove_done_callback(answered))
        return waiter


def _copied(error: BaseException) -> BaseException:
    """Copy an exception; one that cannot be copied is given as it is."""
    with suppress(Exception):
        twin = copy.copy(error)
        if type(twin) is type(error):
            twin.__cause__ = error.__cause__
            twin.__context__ = error.__context__
            twin.__suppress_context__ = error.__suppress_context__
            return twin
    return error


def _running_loop() -> asyncio.AbstractEventLoop | None:
    with suppress(RuntimeError):
        return asyncio.get_running_loop()
    return None


class _Once:
    warned = False


def _warn_in_event_loop() -> None:
    """Say once that a blocking wait stops the event loop of this thread."""
    if not _Once.warned and _running_loop() is not None:
        _Once.warned = True
        log.warning("blocking_wait", hint="blocks the event loop; use await")
