"""Callbacks of a scope: one helper actor calls them, one after another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Literal

import msgspec

from actors import Actor, ActorDeadError, AnyRef, tell_after
from group._callbacks import guarded
from group._core.events import Event, EventType
from group._core.keys import ALL, DEFAULT
from group._core.occurrences import Runs, difference, runs_in
from group._core.requests import Subscribe
from group._errors import StoppedError
from group._instance import Instance
from group._subscribers import Subscriber

Callback = Callable[[str, AnyRef, object], object]
"""Called with the name of the group, the actor, and why."""
Kind = Literal["on_join", "on_leave"]


class Handle:
    """A callback, or snapshots that come regularly, until it is removed."""

    def __init__(self) -> None:
        self._removed = threading.Event()

    @property
    def removed(self) -> bool:
        """Whether it has been removed."""
        return self._removed.is_set()

    def remove(self) -> None:
        """Stop it: nothing begins any more. A second time changes nothing."""
        self._removed.set()


class CallbackHandle(Handle):
    """A callback. `remove()` takes it back."""

    def __init__(self, kind: Kind, group: str, callback: Callback) -> None:
        super().__init__()
        self.kind = kind
        self.group = group
        self.callback = callback


class _Batch(msgspec.Struct, frozen=True):
    events: tuple[Event, ...]


class _Reset(msgspec.Struct, frozen=True):
    events: tuple[Event, ...]


class _Lagged(msgspec.Struct, frozen=True):
    pass


Occurrence = tuple[str, AnyRef]


class Caller(Actor):
    """Calls back for each occurrence that comes or goes.

    It keeps what it has told, so that there are as many leaves as joins whatever
    happens: what it hears is compared with that, and so is a snapshot after a lag.
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance
        self._handles: dict[tuple[Kind, str], list[CallbackHandle]] = {}
        self._known: dict[Occurrence, Runs] | None = None
        self.subscriber = _Backlog(instance.config.max_events)

    def on_start(self) -> None:
        """Subscribe to all groups; those that are there now are no news."""
        self.subscriber.ref = self.actor_ref
        for runner in self._instance.runners:
            runner.post(Subscribe(self.subscriber, DEFAULT, ALL))
        self._restart()

    def on_receive(self, message: object) -> None:
        """Take a callback, or call those that there are."""
        match message:
            case CallbackHandle():
                found = self._handles.setdefault((message.kind, message.group), [])
                found.insert(0, message)
            case _Batch(events):
                for event in _in_order(events):
                    self._compare(event)
                self.subscriber.handled(len(events))
            case _Reset(events):
                self._reset(events)
                self.subscriber.handled(len(events))
            case _Lagged():
                self._restart()
            case _:
                super().on_receive(message)

    def _restart(self) -> None:
        self._instance.restart(self.subscriber, [(DEFAULT, ALL)])

    def _reset(self, events: tuple[Event, ...]) -> None:
        now = {(event.key, event.ref): runs_in(event.meta) for event in events}
        if self._known is None:
            self._known = now
            return
        for gone in sorted(self._known.keys() - now.keys(), key=lambda each: each[0]):
            self._tell(gone, (), "resync")
        for occurrence, runs in now.items():
            self._tell(occurrence, runs, "resync")

    def _compare(self, event: Event) -> None:
        runs = runs_in(event.meta) if event.type is EventType.JOINED else ()
        self._tell((event.key, event.ref), runs, event.reason)

    def _tell(self, occurrence: Occurrence, runs: Runs, reason: object) -> None:
        known = self._known
        if known is None:
            return
        came, went = difference(known.get(occurrence, ()), runs)
        if runs:
            known[occurrence] = runs
        else:
            known.pop(occurrence, None)
        group, ref = occurrence
        side = "local" if self._is_local(ref) else "remote"
        if reason is None or reason == "leave":
            reason = f"leave_{side}"
        for _ in range(went):
            self._call("on_leave", group, ref, reason)
        for _ in range(came):
            self._call("on_join", group, ref, f"join_{side}")

    def _is_local(self, ref: AnyRef) -> bool:
        node, _ = self._instance.node.address_of(ref)
        return node == self._instance.me

    def _call(self, kind: Kind, group: str, ref: AnyRef, reason: object) -> None:
        handles = self._handles.get((kind, group))
        if handles is None:
            return
        handles[:] = [handle for handle in handles if not handle.removed]
        for handle in handles.copy():
            if not handle.removed:
                self._guarded(handle, ref, reason)

    def _guarded(self, handle: CallbackHandle, ref: AnyRef, reason: object) -> None:
        log = self._instance.log
        try:
            guarded(
                log,
                handle.kind,
                lambda: handle.callback(handle.group, ref, reason),
                None,
            )
        except SystemExit:
            # It would end the helper, and with it all other callbacks.
            log.warning("callback_wanted_to_exit", callback=handle.kind)


def _in_order(events: Iterable[Event]) -> Iterable[Event]:
    """Yield events; those of one actor's end by the names of its groups."""
    for (kind, _), some in groupby(events, lambda each: (each.type, each.ref)):
        if kind is EventType.LEFT:
            yield from sorted(some, key=lambda each: each.key)
        else:
            yield from some


class _Backlog(Subscriber):
    """What waits for the helper actor; when that is too much, it begins again."""

    def __init__(self, most: int) -> None:
        self.ref: AnyRef | None = None
        self._most = most
        # Guards what follows, and keeps the messages in the order of the turns.
        self._lock = threading.Lock()
        self._waiting = 0
        self._fresh = False

    def take(self, shard: int, events: tuple[Event, ...]) -> None:
        """Pass on what happened in one turn."""
        del shard
        with self._lock:
            if not self._fresh:
                return  # The snapshot that is to come has it.
            if self._waiting > self._most:
                self._fresh = False
                self._pass_on(_Lagged())
                return
            self._waiting += len(events)
            self._pass_on(_Batch(events))

    def restart(self, shard: int, snapshot: Sequence[Event]) -> None:
        """Pass on what there is, in place of what was missed."""
        del shard
        with self._lock:
            self._fresh = True
            self._waiting += len(snapshot)
            self._pass_on(_Reset(tuple(snapshot)))

    def handled(self, events: int) -> None:
        """So many need wait no more."""
        with self._lock:
            self._waiting -= events

    def _pass_on(self, message: object) -> None:
        if self.ref is not None:
            with suppress(ActorDeadError):
                self.ref.tell(message)


class Every(msgspec.Struct, frozen=True):
    """Tell an actor something every so many seconds."""

    seconds: float
    ref: AnyRef
    make: Callable[[], object]
    handle: Handle


class Regular(Actor):
    """Sends snapshots regularly, until they are called off or nobody is there."""

    def on_receive(self, message: object) -> None:
        """Send one, and another one later."""
        if not isinstance(message, Every) or message.handle.removed:
            return
        with suppress(StoppedError, ActorDeadError):
            message.ref.tell(message.make())
            tell_after(self.actor_ref, message.seconds, message)
