"""Watch a running plain Pykka actor: no polling, no change to its class.

Two hooks tell of its death. A waiter in the list of its stop flag is called by whoever
sets the flag, and sees the exception being handled then. A shadow of the thread's last
method is called when hooks and teardown are over; it also catches the threads that die
without setting the flag. The thread deletes its target before it looks its last method
up: a target that is still there after the shadow was laid means that it will be used.
"""

from __future__ import annotations

import sys
import threading
from operator import attrgetter
from typing import TYPE_CHECKING

from actors._current import actor_of_thread
from actors._ends import orphans
from actors._ends.cell import Cell
from actors._guard import Contained
from actors._live import number_of_plain
from actors._plain import actor_of, finish, orderly_reason
from actors._reasons import Crash

if TYPE_CHECKING:
    from collections.abc import Callable

    import pykka

    from actors._types import AnyRef

_FIELD = "actors_cell"
# Guards the giving of cells to refs.
_giving = threading.Lock()

_last_method = attrgetter("_delete")
_excepthook = attrgetter("_invoke_excepthook")
_condition = attrgetter("_cond")
_waiters = attrgetter("_cond._waiters")


def can_hook() -> bool:
    """Say whether this Python still has the private names that the hooks need."""
    thread, flag = threading.Thread(target=int), threading.Event()
    return (
        all(hasattr(thread, name) for name in ("_delete", "_target"))
        and hasattr(thread, "_invoke_excepthook")
        and hasattr(flag, "_cond")
        and hasattr(_condition(flag), "_waiters")
    )


class Hooks:
    """Whether the hooks may be used; without them a thread waits for each flag."""

    usable = can_hook()


def given_cell(ref: AnyRef) -> Cell | None:
    """Give the cell of a plain ref if it has one already."""
    cell = vars(ref).get(_FIELD)
    return cell if isinstance(cell, Cell) else None


def give_cell(ref: AnyRef) -> tuple[Cell, bool]:
    """Give the cell of a plain ref, and whether it was made now."""
    with _giving:
        cell = given_cell(ref)
        if cell is not None:
            return cell, False
        cell = vars(ref)[_FIELD] = Cell(number_of_plain(ref), ref)
        return cell, True


def adopted(ref: AnyRef) -> Cell:
    """Give the cell of a plain Pykka actor, watching it from now on."""
    cell = given_cell(ref)
    if cell is not None:
        return cell
    cell, fresh = give_cell(ref)
    if fresh:
        adoption = _Adoption(ref, cell)
        if Hooks.usable:
            adoption.begin()
        else:
            adoption.begin_waiting()
    return cell


class _Adoption:
    """Brings one plain actor's death into its cell."""

    def __init__(self, ref: AnyRef, cell: Cell) -> None:
        self._ref = ref
        self._cell = cell
        # Weak, through the ref: we must not keep the actor.
        self._hooked = False

    def begin(self) -> None:
        """Lay the hooks, or see that the actor is dead."""
        actor = actor_of(self._ref)
        thread = None if actor is None else _thread_of(actor)
        if thread is not None:
            self._hook(thread)
        alive = self._wait_for_flag()
        if thread is None and (actor is None or not alive):
            # Flag set and no thread: dead, and nobody noted why.
            self._cell.verdict = "noproc"
            self._ended()

    def begin_waiting(self) -> None:
        """Let a thread wait for the flag: early, without reason, but public API."""

        def wait() -> None:
            self._ref.actor_stopped.wait()
            self._cell.end(orderly_reason(self._cell))

        _helper("flag", wait)

    # Called by the stop flag, as one of those who wait for it.

    def release(self) -> None:
        """Note why the flag was set. Runs under the flag's lock."""
        thread = threading.current_thread()
        actor = actor_of(self._ref)
        inside = actor is not None and actor_of_thread(thread) is actor
        if inside:
            self._note(sys.exc_info()[1])
        if self._hooked:
            return
        if inside:
            self._hook(thread)
        else:
            # Not here: callbacks must not run under the flag's lock.
            _helper("flag", self._ended)

    def _wait_for_flag(self) -> bool:
        flag = self._ref.actor_stopped
        with _condition(flag):
            if flag.is_set():
                return False
            _waiters(flag).append(self)
            return True

    def _note(self, error: BaseException | None) -> None:
        if self._cell.verdict is None:
            self._cell.verdict = (
                orderly_reason(self._cell) if error is None else Crash.of(error)
            )

    def _hook(self, thread: threading.Thread) -> None:
        last, excepthook = _last_method(thread), _excepthook(thread)

        def last_method() -> None:
            # First: afterwards the thread would not know itself any more.
            with Contained("watcher_failed"):
                self._ended()
            last()

        def escaped(failed: threading.Thread) -> None:
            self._note(sys.exc_info()[1])
            excepthook(failed)

        self._hooked = True
        self._cell.thread = thread
        self._cell.ident = thread.ident
        vars(thread)["_invoke_excepthook"] = escaped
        vars(thread)["_delete"] = last_method
        if actor_of_thread(thread) is None:
            # In its last microseconds, and perhaps past the place of the hook.
            _helper("join", lambda: self._join(thread))

    def _join(self, thread: threading.Thread) -> None:
        thread.join()
        self._ended()

    def _ended(self) -> None:
        self._cell.ident = None
        finish(self._ref, self._cell)
        orphans.ended(self._cell)


def _thread_of(actor: pykka.Actor) -> threading.Thread | None:
    for thread in threading.enumerate():
        if actor_of_thread(thread) is actor:
            return thread
    return None


def _helper(what: str, run: Callable[[], None]) -> None:
    threading.Thread(target=run, name=f"actors-reaper-{what}", daemon=True).start()
