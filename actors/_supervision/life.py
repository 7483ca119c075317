"""One life of a child: started and waited for, stopped and waited for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import pykka

from actors._clock import monotonic
from actors._ends.orphans import orphans
from actors._ends.signals import kill, stop_with
from actors._errors import StartError, Timeout
from actors._home import cell_of
from actors._reasons import Crash
from actors._ref import ForeignRef, actor_id
from actors._supervision import roster
from actors._supervision.ready import came_up
from actors._supervision.supervised import supervised

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors._reasons import Reason
    from actors._supervision.restart import Shutdown
    from actors._supervision.spec import ChildSpec, Startable
    from actors._types import AnyRef, Cancel


class Life:
    """One incarnation of a child, from its start to its end.

    `reason` is set, in the dying child's thread, before the end can be seen.
    """

    def __init__(self, ref: AnyRef) -> None:
        self.ref = ref
        self.reason: Reason = None
        self._cell = cell_of(ref)
        self._ended = threading.Event()
        self._deadline: float | None = None
        self._untie: Cancel | None = None
        self._cell.watch(self._end)

    @property
    def number(self) -> int:
        """The actor's number."""
        return self._cell.number

    @property
    def ended(self) -> bool:
        """Is it over?"""
        return self._ended.is_set()

    def _end(self, reason: Reason) -> None:
        self.reason = reason
        self._ended.set()
        roster.release(self._cell.number)
        if self._untie is not None:
            self._untie()

    def tie_to(self, supervisor: AnyRef) -> None:
        """Let the child stop by itself when its supervisor has ended."""
        roster.adopt(self._cell.number, actor_id(supervisor))
        self._untie = cell_of(supervisor).watch(
            lambda _: stop_with(self.ref, "shutdown")
        )
        if self._ended.is_set():
            self._end(self.reason)

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back once it has ended, in its thread; now, if that has been."""
        self._cell.watch(lambda _: callback())

    def await_up(self, spec: ChildSpec) -> None:
        """Wait until `on_start` has returned. One that takes too long is abandoned.

        Raises:
            StartError: It failed, or took longer than `start_timeout`.
        """
        by_others = not isinstance(spec.start, type)
        limit = spec.start_timeout
        seconds = None if limit == "infinity" else limit
        try:
            if came_up(self.ref, seconds, ran_before=by_others):
                return
            self._ended.wait()
            reason = self.reason
        except Timeout:
            kill(self.ref)
            self._ended.wait()
            reason = "timeout"
        raise StartError(spec.id, reason)

    def order_stop(self, shutdown: Shutdown) -> None:
        """Tell the child to end and do not wait."""
        if shutdown == "kill":
            kill(self.ref)
            return
        if isinstance(shutdown, int | float):
            self._deadline = monotonic() + shutdown
        stop_with(self.ref, "shutdown")

    def await_end(self) -> None:
        """Wait for the end; enforce it when the time given to it has passed."""
        left = None if self._deadline is None else self._deadline - monotonic()
        if not self._ended.wait(left):
            kill(self.ref)
        self._ended.wait()

    def orphan(self) -> threading.Thread | None:
        """Give the thread, if it had to be abandoned and still runs."""
        thread = self._cell.thread
        return thread if thread in orphans() else None


def begin_life(spec: ChildSpec, supervisor: AnyRef | None = None) -> Life | None:
    """Start an actor, a supervisor's child or a root; see `Life.await_up`.

    Returns:
        Its life, or None when its callable declined to start it.

    Raises:
        StartError: Its class or callable raised.
    """
    ref = _begin(spec)
    if ref is None:
        return None
    life = Life(ref)
    if supervisor is not None:
        life.tie_to(supervisor)
    return life


def _begin(spec: ChildSpec) -> AnyRef | None:
    try:
        ref = starter(spec.start)(*spec.args, **spec.kwargs)
    except BaseException as error:
        raise StartError(spec.id, Crash.of(error)) from error
    if ref is None:
        return None
    if isinstance(ref, ForeignRef) or not isinstance(ref, pykka.ActorRef):
        raise StartError(spec.id, f"{ref!r} is not the ref of an actor of this process")
    return ref


def starter(start: Startable) -> Callable[..., AnyRef | None]:
    """Give what starts such a child and does not wait until it is up."""
    if isinstance(start, type) and issubclass(start, pykka.Actor):
        cls = supervised(start)
        begin: Callable[..., AnyRef] = getattr(cls, "start_unawaited", cls.start)
        return begin
    return cast("Callable[..., AnyRef | None]", start)
