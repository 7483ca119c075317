"""What happens to actors when the interpreter forks or ends."""

from __future__ import annotations

import atexit
import os
import threading
from operator import attrgetter
from typing import TYPE_CHECKING

import pykka

from actors import _names, _timers
from actors._clock import monotonic
from actors._current import enter
from actors._ends import orphans
from actors._guard import Contained
from actors._home import known_cell
from actors._live import live
from actors._log import log
from actors._ref import ActorRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors._types import AnyRef, Cancel

# Seconds that an ending interpreter gives to all orderly stops together.
EXIT_TIME = 10.0

_stops: dict[object, Callable[[float], object]] = {}
_renew = attrgetter("_at_fork_reinit")
_registry_refs = attrgetter("_actor_refs")
_registry_lock = attrgetter("_actor_refs_lock")


def at_exit(stop: Callable[[float], object]) -> Cancel:
    """Call `stop(seconds left)` when the interpreter ends, the newest first.

    It runs in the main thread before Python waits for threads, and so also before
    daemon threads are cut off. It must return by the time given.

    Returns:
        A function that takes it back, for what was stopped by itself.
    """
    key = object()
    _stops[key] = stop
    return lambda: _stops.pop(key, None) is not None


def stop_all() -> None:
    """Run what `at_exit` was given; count the threads that are left behind."""
    deadline = monotonic() + EXIT_TIME
    while _stops:
        _, stop = _stops.popitem()
        with Contained("stop_at_exit_failed"):
            stop(max(0.0, deadline - monotonic()))
    left = orphans.orphans()
    if left:
        log.warning(
            "abandoned_actor_threads_at_exit",
            threads=", ".join(thread.name for thread in left),
        )


def forget_all() -> None:
    """In a forked child: every inherited actor is dead, for its thread is not here."""
    enter(None)
    _renew(_names.lock)()
    _names.table.clear()
    _renew(_registry_lock(pykka.ActorRegistry))()
    inherited = {*live.values(), *_registry_refs(pykka.ActorRegistry)}
    _registry_refs(pykka.ActorRegistry).clear()
    live.clear()
    for ref in inherited:
        _bury(ref)
    orphans.forget()
    _stops.clear()
    _timers.reset()


def _bury(ref: AnyRef) -> None:
    """Make an actor dead whose thread does not exist here; nobody is told."""
    # Renewed, not taken: a thread that is not here may have held it.
    _renew(ref.actor_stopped)()
    ref.actor_stopped.set()
    if isinstance(ref, ActorRef):
        ref.actor_inbox.closed = True
    cell = known_cell(ref)
    if cell is not None:
        _renew(cell.lock)()
        cell.forget()


# Private, but the only hook that runs before non-daemon threads are waited for.
getattr(threading, "_register_atexit", atexit.register)(stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_all)
