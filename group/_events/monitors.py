"""The monitor registry: which actors of this node monitor what."""

from functools import partial

import msgspec

from actors import Actor, AnyRef, deliver, on_down, register_name
from group._core.keys import Pattern
from group._core.requests import Subscribe, Unsubscribe
from group._events.subscribers import ActorSubscriber
from group._instance import Instance
from group._tree.store import Monitor


class Add(msgspec.Struct, frozen=True):
    """Let an actor monitor a pattern of a cluster."""

    ref: AnyRef
    cluster: str
    pattern: Pattern


class Remove(msgspec.Struct, frozen=True):
    """Let it monitor that no more."""

    ref: AnyRef
    cluster: str
    pattern: Pattern


class Gone(msgspec.Struct, frozen=True):
    """A monitoring actor has ended."""

    ref: AnyRef


class MonitorRegistry(Actor):
    """Keeps the subscriptions of actors, and drops those of actors that end.

    The subscriptions themselves are in the store and in the tables of the shards, so
    they outlive this actor.

    It never waits for a shard: when the shards' own supervisor is restarted, this actor
    is stopped first, and the shards are started when it has.
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance

    def on_start(self) -> None:
        """Watch the actors that have subscriptions."""
        register_name(self._instance.registry_name, self.actor_ref)
        for ref in list(self._instance.store.monitors):
            self._watch(ref)

    def on_receive(self, message: object) -> None:
        """Add or remove a subscription."""
        match message:
            case Add():
                self._add(message)
            case Remove():
                self._remove(message)
            case Gone(ref):
                self._forget(ref)
            case _:
                super().on_receive(message)

    def _watch(self, ref: AnyRef) -> None:
        on_down(ref, partial(_tell_gone, self.actor_ref, ref))

    def _add(self, message: Add) -> None:
        monitors = self._instance.store.monitors
        monitor = monitors.get(message.ref)
        if monitor is None:
            monitor = monitors[message.ref] = self._new(message.ref)
            self._watch(message.ref)
        monitor.held.add((message.cluster, message.pattern))
        request = Subscribe(monitor.subscriber, message.cluster, message.pattern)
        self._every_shard(request)

    def _remove(self, message: Remove) -> None:
        monitor = self._instance.store.monitors.get(message.ref)
        if monitor is not None:
            monitor.held.discard((message.cluster, message.pattern))
            request = Unsubscribe(monitor.subscriber, message.cluster, message.pattern)
            self._every_shard(request)

    def _forget(self, ref: AnyRef) -> None:
        monitors = self._instance.store.monitors
        monitor = monitors.get(ref)
        if monitor is not None:
            self._every_shard(Unsubscribe(monitor.subscriber, "", None))
            # Last, so that a successor finds what is left to do.
            del monitors[ref]

    def _new(self, ref: AnyRef) -> Monitor:
        config = self._instance.config
        subscriber = ActorSubscriber(
            config.name, ref, config.max_events, self._instance.refresh
        )
        return Monitor(subscriber, set())

    def _every_shard(self, request: object) -> None:
        """Hand it in; a shard that crashes over it leaves it to the next one."""
        for runner in self._instance.runners:
            runner.post(request)


def _tell_gone(registry: AnyRef, ref: AnyRef, _reason: object) -> None:
    deliver(registry, Gone(ref))
