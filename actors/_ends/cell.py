"""The exit cell: all that is known of one actor's life, shared by actor and refs."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING

from actors import _names
from actors._guard import Contained

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka._envelope import Envelope

    from actors._reasons import MonitorRef, Reason
    from actors._types import AnyRef, Cancel, OnDown

# Numbers of actors: process-wide, from 1, never given twice.
numbers = count(1)

_FAILED = Contained("watcher_failed")


class Watch:
    """One callback waiting for one death. Calling it takes the callback back."""

    __slots__ = ("_cell", "callback")

    def __init__(self, cell: Cell, callback: OnDown) -> None:
        self._cell = cell
        self.callback = callback

    def __call__(self) -> bool:
        """Say whether the callback is taken back; False means too late."""
        with self._cell.lock:
            return self._cell.watches.pop(self, False)

    def fire(self, reason: Reason) -> None:
        """Tell the watcher; its failure is logged and goes no further."""
        with _FAILED:
            self.callback(reason)


class Cell:
    """Life and death of one actor.

    `lock` guards `ended`, `reason`, `watches`, `links`, `monitors` and `names`. The
    other fields are written by the actor's own thread alone, except `asked`.
    """

    __slots__ = (
        "asked",
        "ended",
        "envelope",
        "ident",
        "links",
        "lock",
        "monitors",
        "names",
        "number",
        "on_started",
        "reason",
        "ref",
        "registered",
        "start_error",
        "started",
        "thread",
        "verdict",
        "waits_for",
        "watches",
    )

    def __init__(self, number: int, ref: AnyRef) -> None:
        self.number = number
        self.ref = ref
        # Reentrant: a signal handler may come while its thread holds it.
        self.lock = threading.RLock()
        self.ended = False
        self.reason: Reason = None
        self.watches: dict[Watch, bool] = {}
        self.links: dict[AnyRef, Cancel] = {}
        self.monitors: dict[MonitorRef, Cancel] = {}
        self.names: set[str] = set()
        # The reason an orderly stop was asked for with, if any.
        self.asked: Reason = None
        # The reason as known so far, while the actor is ending.
        self.verdict: Reason = None
        self.thread: threading.Thread | None = None
        self.ident: int | None = None
        # The message being handled, for whoever must answer it in our place.
        self.envelope: Envelope[object] | None = None
        self.started = False
        # Called when `started` is set, for whoever waits for that.
        self.on_started: Callable[[], object] | None = None
        # Whether the actor is in Pykka's registry; for actors of ours only.
        self.registered = False
        self.start_error: BaseException | None = None
        # The actor whose answer this one is waiting for, without a time limit.
        self.waits_for: Cell | None = None

    def watch(self, callback: OnDown) -> Watch:
        """Call back once with the reason: at the end, or now if that has been.

        At the end it runs in the ending actor's thread, else in the caller's. It must
        not block.
        """
        watch = Watch(self, callback)
        with self.lock:
            if not self.ended:
                self.watches[watch] = True
                return watch
        watch.fire(self.reason)
        return watch

    def begin(self) -> None:
        """Note that `on_start` has returned and the actor runs."""
        # Set first, then look: of this thread and one that starts to wait, one sees
        # the other.
        self.started = True
        tell = self.on_started
        if tell is not None:
            tell()

    def condemn(self, reason: Reason) -> None:
        """Note why the actor ends, unless it is ending already."""
        if self.verdict is None:
            self.verdict = reason

    def end(self, reason: Reason) -> bool:
        """Make the actor dead, free its names, then tell its watchers. Once."""
        with self.lock:
            if self.ended:
                return False
            self.ended = True
            self.reason = reason
            watches, self.watches = list(self.watches), {}
            cancels = [*self.monitors.values(), *self.links.values()]
            self.monitors, self.links = {}, {}
            # Under the lock: who sees this actor dead must find its names free.
            if self.names:
                _names.release(self.names)
        left = iter(watches)
        told = False
        while not told:
            # Entered anew for those that are left when one has failed.
            with _FAILED:
                for watch in left:
                    watch.callback(reason)
                told = True
        for cancel in cancels:
            cancel()
        return True

    def forget(self) -> None:
        """Be dead without telling anybody: the actor is not in this process."""
        self.ended = True
        self.reason = "noproc"
        self.watches, self.links, self.monitors = {}, {}, {}
        self.names, self.waits_for, self.ident = set(), None, None
