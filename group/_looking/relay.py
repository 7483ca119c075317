"""Tells somebody elsewhere of events, for as long as that one listens."""

from __future__ import annotations

from typing import Self

from actors import Actor, ActorDeadError, ActorRef, AnyRef, Down, monitor, on_down
from group._core.events import Events, Lagged
from group._core.keys import ALL, Pattern, check_cluster, check_pattern
from group._core.requests import Subscribe, Unsubscribe
from group._events.subscribers import ActorSubscriber
from group._instance import Instance
from group._looking.answers import row_of_event


class Relay(Actor):
    """One watch: sends ("events", number, rows) and ("missed", number, how many).

    The numbers have no gap unless messages were lost on the way. No monitor is counted
    for it, and a lease of a cluster takes no notice of it: it only looks.
    """

    @classmethod
    def watching(
        cls,
        instance: Instance,
        who: AnyRef,
        watched: tuple[str | None, str | None],
        *,
        snapshot: bool,
        host: AnyRef,
    ) -> ActorRef[Self]:
        """Begin to tell.

        Args:
            instance: The group.
            who: Is told; its death ends the relay.
            watched: A pattern, None for every key, and a cluster, None for the default.
            snapshot: Begin with an event for each row that is there.
            host: Its death ends the relay, too.

        Raises:
            InvalidKeyError: Not a pattern.
            InvalidClusterError: Not the name of a cluster.
        """
        pattern, cluster = watched
        checked: Pattern = ALL if pattern is None else check_pattern(pattern)
        place = (check_cluster(cluster), checked)
        return cls.start(instance, who, place, snapshot=snapshot, host=host)

    def __init__(
        self,
        instance: Instance,
        who: AnyRef,
        watched: tuple[str, Pattern],
        *,
        snapshot: bool,
        host: AnyRef,
    ) -> None:
        super().__init__()
        self._instance = instance
        self._who = who
        self._watched = watched
        self._snapshot = snapshot
        self._host = host
        self._sent = 0
        self._subscriber = ActorSubscriber(
            instance.config.name,
            self.actor_ref,
            instance.config.max_events,
            lambda subscriber: instance.restart(subscriber, [watched]),
            stale=snapshot,
        )

    def on_start(self) -> None:
        """Subscribe; everything that happens from now on is told."""
        on_down(self.actor_ref, self._unsubscribe)
        monitor(self._who)
        monitor(self._host)
        for runner in self._instance.runners:
            runner.post(Subscribe(self._subscriber, *self._watched))
        if self._snapshot:
            self._instance.restart(self._subscriber, [self._watched])

    def on_receive(self, message: object) -> None:
        """Pass events on; end with whoever is told."""
        match message:
            case Events():
                node = self._instance.node
                self._tell("events", [row_of_event(node, each) for each in message])
            case Lagged(missed):
                self._tell("missed", missed)
            case Down():
                self.stop()
            case _:
                super().on_receive(message)

    def _unsubscribe(self, _reason: object) -> None:
        for runner in self._instance.runners:
            runner.post(Unsubscribe(self._subscriber, "", None))

    def _tell(self, what: str, data: object) -> None:
        self._sent += 1
        try:
            self._who.tell((what, self._sent, data))
        except ActorDeadError:
            self.stop()
