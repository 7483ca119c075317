"""One life of a child: started and waited for, stopped and waited for."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING

import pykka
from pykka._envelope import Envelope
from pykka.messages import ProxyGetAttr
from pykka.messages import _ActorStop as ActorStop

from actors import _roster as roster
from actors._end import fence
from actors._errors import StartError
from actors._future import Future
from actors._home import cell_of
from actors._orphans import orphans
from actors._reasons import Crash
from actors._ref import ActorRef, ForeignRef, actor_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors._cell import Cell
    from actors._reasons import Reason
    from actors._restart import Shutdown
    from actors._spec import ChildSpec, Seconds, Startable
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

    def _end(self, reason: Reason) -> None:
        self.reason = reason
        self._ended.set()
        roster.release(self._cell.number)
        if self._untie is not None:
            self._untie()

    def tie_to(self, supervisor: AnyRef) -> None:
        """Let the child stop by itself when its supervisor has ended."""
        roster.adopt(self._cell.number, actor_id(supervisor))
        self._untie = cell_of(supervisor).watch(lambda _: order_end(self.ref))
        if self._ended.is_set():
            self._end(self.reason)

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back once it has ended, in its thread; now, if that has been."""
        self._cell.watch(lambda _: callback())

    def failure(self, seconds: Seconds) -> Reason:
        """Wait until `on_start` has returned; give the reason if it failed, or None.

        A child that takes longer is abandoned, for the reason "timeout".
        """
        if not await_ready(self.ref, None if seconds == "infinity" else seconds):
            fence(self.ref)
            self._ended.wait()
            return "timeout"
        if came_up(self._cell):
            return None
        self._ended.wait()
        return self.reason

    def order_stop(self, shutdown: Shutdown) -> None:
        """Tell the child to end and do not wait."""
        if shutdown == "kill":
            fence(self.ref)
            return
        if isinstance(shutdown, int | float):
            self._deadline = monotonic() + shutdown
        order_end(self.ref)

    def await_end(self) -> threading.Thread | None:
        """Wait for the end; enforce it when the time given to it has passed.

        Returns:
            The thread, when it had to be abandoned and still runs.
        """
        left = None if self._deadline is None else self._deadline - monotonic()
        if not self._ended.wait(left):
            fence(self.ref)
        self._ended.wait()
        thread = self._cell.thread
        return thread if thread in orphans() else None


def launch(spec: ChildSpec, supervisor: AnyRef) -> Life | None:
    """Start a child and wait until it is up.

    Returns:
        Its life, or None when its callable declined to start it.

    Raises:
        StartError: It did not come up in time, or at all.
    """
    ref = _begin(spec)
    if ref is None:
        return None
    life = Life(ref)
    life.tie_to(supervisor)
    reason = life.failure(spec.start_timeout)
    if reason is not None:
        raise StartError(spec.id, reason)
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
        begin: Callable[..., AnyRef] = getattr(start, "begin", start.start)
        return begin
    return start


def await_ready(ref: AnyRef, timeout: float | None) -> bool:
    """Wait until `on_start` has returned, or the actor is dead; say if it did."""
    ready = threading.Event()
    probe: Future[str] = Future()
    probe.add_done_callback(lambda _: ready.set())
    ref.actor_inbox.put_order(Envelope(ProxyGetAttr(("actor_urn",)), probe))
    return ready.wait(timeout)


def came_up(cell: Cell) -> bool:
    """Did this actor start well, whatever happened to it since?"""
    return cell.started and cell.start_error is None


def order_end(ref: AnyRef, reason: Reason = "shutdown") -> None:
    """Let an actor end after its current message, its hooks included."""
    if isinstance(ref, ActorRef):
        ref.cell.asked = reason
        ref.actor_inbox.put_order(Envelope(ActorStop()))
