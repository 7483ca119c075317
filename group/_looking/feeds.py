"""Events for people who look on, maybe from another node: thinned out, never held up.

Somebody who looks on is an actor, here or elsewhere. Ten times a second it is sent what
has happened, as plain data; of more than it is to be sent, the rest is counted and left
out. When nobody looks on, nothing runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from actors import (
    AnyRef,
    MonitorRef,
    Timeout,
    class_name,
    demonitor,
    is_ref,
    monitor,
    tell_after,
)
from group._clock import wall_ms
from group._core.events import Event, Lagged
from group._core.keys import ALL, check_cluster, check_pattern
from group._core.requests import Subscribe, Unsubscribe
from group._errors import GroupError, StreamClosedError
from group._events.stream import EventStream
from group._events.subscribers import StreamSubscriber
from group._instance import Instance
from group._words import short
from transport import NodeLost, NodeUp

FLUSH = "flush the feeds"
EVERY = 0.1
MAX_FEEDS = 32
MAX_WAITING = 2_000
# In one message, and so ten times as many a second.
MAX_EVENTS = 200
META_LENGTH = 160


@dataclass(slots=True)
class Feed:
    """What one onlooker gets."""

    ref: AnyRef
    watched: MonitorRef
    stream: EventStream
    subscriber: StreamSubscriber
    nodes: list[dict[str, object]] = field(default_factory=list)


class Feeds:
    """The onlookers of one group on this node. In the turns of one actor alone."""

    def __init__(self, instance: Instance, me: AnyRef) -> None:
        self._instance = instance
        self._me = me
        self._feeds: dict[AnyRef, Feed] = {}
        self._ticking = False

    def add(self, ref: AnyRef, pattern: str | None, cluster: str | None) -> None:
        """Send events to somebody from now on, until it ends; once more: anew.

        Args:
            ref: It is told ("events", [event, ...], number of those left out).
            pattern: A key, a prefix, or None for all.
            cluster: None is the default cluster.

        Raises:
            GroupError: Not a pattern, or too many look on.
        """
        checked = check_pattern(pattern or ALL)
        place = check_cluster(cluster)
        self.remove(ref)
        if len(self._feeds) >= MAX_FEEDS:
            raise GroupError(f"{MAX_FEEDS} look on already; close another page")
        stream = EventStream(MAX_WAITING)
        subscriber = StreamSubscriber(stream, lambda: None)
        self._feeds[ref] = Feed(ref, monitor(ref), stream, subscriber)
        for runner in self._instance.runners:
            runner.post(Subscribe(subscriber, place, checked))
        self._tick()

    def remove(self, ref: AnyRef) -> bool:
        """Send nothing more; tell whether somebody looked on."""
        feed = self._feeds.pop(ref, None)
        if feed is None:
            return False
        demonitor(feed.watched)
        feed.stream.close()
        for runner in self._instance.runners:
            runner.post(Unsubscribe(feed.subscriber, "", None))
        return True

    def close(self) -> None:
        """The end, for all."""
        for ref in list(self._feeds):
            self.remove(ref)

    def node_changed(self, news: NodeUp | NodeLost) -> None:
        """Tell of a node that came or went."""
        gone = isinstance(news, NodeLost)
        event: dict[str, object] = {
            "at": wall_ms() / 1000,
            "type": "node_down" if gone else "node_up",
            "key": news.node.name,
            "node": news.node.name,
            "reason": news.cause if isinstance(news, NodeLost) else None,
        }
        for feed in self._feeds.values():
            feed.nodes.append(event)

    def flush(self) -> None:
        """Send what has happened."""
        self._ticking = False
        for feed in self._feeds.values():
            events, missed = self._drain(feed)
            if events or missed:
                feed.ref.tell(("events", events, missed))
        self._tick()

    def _tick(self) -> None:
        if self._feeds and not self._ticking:
            self._ticking = True
            tell_after(self._me, EVERY, FLUSH)

    def _drain(self, feed: Feed) -> tuple[list[dict[str, object]], int]:
        events, missed = feed.nodes, 0
        feed.nodes = []
        with suppress(Timeout, StreamClosedError):
            while len(events) < MAX_EVENTS:
                item = feed.stream.get(timeout=0)
                if isinstance(item, Lagged):
                    missed += item.missed
                else:
                    events.append(self._told(item))
        return events, missed

    def _told(self, event: Event) -> dict[str, object]:
        home, number = self._instance.node.address_of(event.ref)
        return {
            "at": wall_ms() / 1000,
            "type": str(event.type),
            "cluster": event.cluster,
            "key": event.key,
            "actor": class_name(event.ref),
            "id": number,
            "node": home.name,
            "meta": short(event.meta, META_LENGTH),
            "again": event.previous_meta is not None,
            "reason": None if event.reason is None else _words(event.reason),
        }


def _words(reason: object) -> str:
    # Of a crash, the traceback is for the log.
    return short(str(reason).partition("\n")[0], META_LENGTH)


def feed_options(
    options: Mapping[str, object],
) -> tuple[AnyRef, str | None, str | None]:
    """Read who wants to look on, and at what.

    Raises:
        GroupError: It does not say.
    """
    ref, pattern = options.get("ref"), options.get("pattern")
    cluster = options.get("cluster")
    if not is_ref(ref):
        raise GroupError("who looks on must say who it is")
    return (
        ref,
        pattern if isinstance(pattern, str) else None,
        cluster if isinstance(cluster, str) else None,
    )
