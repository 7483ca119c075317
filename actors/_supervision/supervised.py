"""Start actors of any Pykka class watched from before their thread exists."""

from __future__ import annotations

import functools
import sys
import threading
from typing import TYPE_CHECKING, TypeVar, cast

import pykka

from actors._actor import Actor
from actors._adopt import give_cell
from actors._current import enter
from actors._ends import orphans
from actors._ends.signals import kill
from actors._errors import ActorError, StartError, Timeout
from actors._guard import Caught
from actors._home import cell_of
from actors._plain import finish, orderly_reason
from actors._reasons import Crash
from actors._supervision.ready import came_up

if TYPE_CHECKING:
    from types import TracebackType

    from actors._types import Answer, AnyRef

A = TypeVar("A", bound=pykka.Actor)


class _Watched(pykka.ThreadingActor):
    """Put before a plain Pykka class: its death is seen, SystemExit ends it alone."""

    def _start_actor_loop(self) -> None:
        give_cell(self.actor_ref)
        super()._start_actor_loop()

    def _actor_loop(self) -> None:
        cell = cell_of(self.actor_ref)
        cell.thread, cell.ident = threading.current_thread(), threading.get_ident()
        enter(cell)
        with Caught(self._handle_failure):
            super()._actor_loop()
        enter(None)
        self._note(None)
        cell.ident = None
        finish(self.actor_ref, cell)
        orphans.ended(cell)

    def _actor_loop_running(self) -> None:
        if not self.actor_stopped.is_set():
            cell_of(self.actor_ref).begin()
        super()._actor_loop_running()

    def _handle_receive(self, message: Answer) -> Answer:
        try:
            return super()._handle_receive(message)
        except Exception:
            raise
        except BaseException as error:
            # Pykka would now stop every actor of the process.
            self._handle_failure(*sys.exc_info())
            raise ActorError(f"{type(error).__name__} in {self}") from error

    def _stop(self) -> None:
        self._note(None)
        super()._stop()
        # Not only when the thread ends: in between Pykka answers who has stopped it,
        # and they are to find the names free and the watchers told.
        finish(self.actor_ref, cell_of(self.actor_ref))

    def _handle_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        cell = cell_of(self.actor_ref)
        if not cell.started:
            cell.start_error = exception_value
        self._note(exception_value)
        super()._handle_failure(exception_type, exception_value, traceback)

    def _note(self, error: BaseException | None) -> None:
        cell = cell_of(self.actor_ref)
        if cell.verdict is None:
            cell.verdict = orderly_reason(cell) if error is None else Crash.of(error)


@functools.cache
def _watched(cls: type[pykka.ThreadingActor]) -> type[pykka.ThreadingActor]:
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    return type(cls.__name__, (_Watched, cls), names)


def supervised(cls: type[A]) -> type[A]:
    """Give the class to start instead of `cls`, so that each death is seen.

    Our own classes, and those that do not run on threads, are given as they are.
    """
    if issubclass(cls, Actor) or not issubclass(cls, pykka.ThreadingActor):
        return cls
    return cast("type[A]", _watched(cls))


def start_ready(
    cls: type[A], *args: Answer, timeout: float = 5.0, **kwargs: Answer
) -> pykka.ActorRef[A]:
    """Start an actor of any Pykka class and return when its `on_start` has run.

    Args:
        cls: The class.
        *args: For its `__init__`.
        **kwargs: For its `__init__`.
        timeout: Seconds for `on_start`. An actor that takes longer is killed.

    Raises:
        Exception: Whatever `__init__` or `on_start` raised.
        StartError: The actor ended in `on_start` without an Exception.
        Timeout: `on_start` took too long.
    """
    ref = supervised(cls).start(*args, **kwargs)
    await_ready(ref, timeout)
    return ref


def await_ready(ref: AnyRef, timeout: float | None) -> None:
    """Wait until a fresh actor's `on_start` has run; raises as `start_ready` does."""
    try:
        up = came_up(ref, timeout, ran_before=True)
    except Timeout:
        kill(ref)
        name = ref.actor_class.__name__
        raise Timeout(f"{name} was not ready within {timeout} seconds") from None
    if not up:
        raise _why(ref)


def _why(ref: AnyRef) -> Exception:
    cell = cell_of(ref)
    if isinstance(cell.start_error, Exception):
        return cell.start_error
    reason = cell.reason if cell.verdict is None else cell.verdict
    return StartError(ref.actor_class.__name__, reason)
