"""Callbacks of a scope: one helper actor calls them, one after another."""

from __future__ import annotations

import threading
from asyncio import CancelledError
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
from group._events.subscribers import Subscriber
from group._instance import Instance

Callback = Callable[[str, AnyRef, object], object]
"""Called with the name of the group, the actor, and why."""
Kind = Literal["on_join", "on_leave"]

EXITS = (SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError)
"""What a callback may raise and that is no `Exception`."""


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


class Told:
    """What outlives the actor that calls back: the callbacks, and what they know.

    `known` is written by that actor alone.
    """

    def __init__(self, max_events: int) -> None:
        self.given: list[CallbackHandle] = []
        self.known: dict[Occurrence, Runs] | None = None
        self.backlog = _Backlog(max_events)

    def give(self, handle: CallbackHandle) -> None:
        """Add a callback, which hears of what happens from now on."""
        self.given[:] = [each for each in self.given if not each.removed]
        self.given.append(handle)
        self.backlog.pass_on(handle)


class Caller(Actor):
    """Calls back for each occurrence that comes or goes.

    What it has told is kept, so that there are as many leaves as joins whatever
    happens: what it hears is compared with that, and so is a snapshot after a lag or
    after a crash.
    """

    def __init__(self, instance: Instance, told: Told) -> None:
        super().__init__()
        self._instance = instance
        self._told = told
        self._handles: dict[tuple[Kind, str], list[CallbackHandle]] = {}
        self.subscriber = told.backlog

    def on_start(self) -> None:
        """Subscribe to all groups; those that are there at first are no news."""
        for handle in self._told.given.copy():
            self._add(handle)
        self.subscriber.begin(self.actor_ref)
        for runner in self._instance.runners:
            runner.post(Subscribe(self.subscriber, DEFAULT, ALL))
        self._restart()

    def on_receive(self, message: object) -> None:
        """Take a callback, or call those that there are."""
        match message:
            case CallbackHandle():
                self._add(message)
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

    def _add(self, handle: CallbackHandle) -> None:
        found = self._handles.setdefault((handle.kind, handle.group), [])
        if handle not in found:
            found.insert(0, handle)

    def _restart(self) -> None:
        self._instance.restart(self.subscriber, [(DEFAULT, ALL)])

    def _reset(self, events: tuple[Event, ...]) -> None:
        now = {(event.key, event.ref): runs_in(event.meta) for event in events}
        known = self._told.known
        if known is None:
            self._told.known = now
            return
        for gone in sorted(known.keys() - now.keys(), key=lambda each: each[0]):
            self._tell(gone, (), "resync")
        for occurrence, runs in now.items():
            self._tell(occurrence, runs, "resync")

    def _compare(self, event: Event) -> None:
        runs = runs_in(event.meta) if event.type is EventType.JOINED else ()
        self._tell((event.key, event.ref), runs, event.reason)

    def _tell(self, occurrence: Occurrence, runs: Runs, reason: object) -> None:
        known = self._told.known
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
        except EXITS as error:
            # It would end the helper, and all other callbacks would miss this event.
            wish = type(error).__name__
            log.warning("callback_wanted_to_exit", callback=handle.kind, error=wish)


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

    def begin(self, ref: AnyRef) -> None:
        """Pass on to this actor from now on; what waited for another one is lost."""
        with self._lock:
            self.ref = ref
            self._waiting = 0
            self._fresh = False

    def pass_on(self, message: object) -> None:
        """Pass on something else, in its place among the events."""
        with self._lock:
            self._pass_on(message)

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


class Plan:
    """What is to be sent regularly; outlives the actor that sends it. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ref: AnyRef | None = None
        self._all: list[Every] = []

    def begin(self, ref: AnyRef) -> None:
        """Let this actor send it all from now on."""
        with self._lock:
            self._ref = ref
            self._all = [every for every in self._all if not every.handle.removed]
            for every in self._all:
                tell_after(ref, every.seconds, every)

    def add(self, every: Every) -> None:
        """Begin to send something, the first time after its seconds."""
        with self._lock:
            self._all = [each for each in self._all if not each.handle.removed]
            self._all.append(every)
            if self._ref is not None:
                tell_after(self._ref, every.seconds, every)


class Regular(Actor):
    """Sends snapshots regularly, until they are called off or nobody is there."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._plan = plan

    def on_start(self) -> None:
        """Take up what is to be sent."""
        self._plan.begin(self.actor_ref)

    def on_receive(self, message: object) -> None:
        """Send one, and another one later."""
        if not isinstance(message, Every) or message.handle.removed:
            return
        try:
            message.ref.tell(message.make())
        except (StoppedError, ActorDeadError):
            message.handle.remove()
        else:
            tell_after(self.actor_ref, message.seconds, message)
