"""What a group shows at /metrics. Labels are few: never a key, an actor or a user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal

from group._instance import Instance
from group._looking.recorder import recorder
from transport import Metric, Sample, State, bounded

# Programs may make a cluster for each game that is played.
MAX_CLUSTERS = 20
DEFAULT_CLUSTER = "default"


class Numbers:
    """The numbers of one started group. Any thread."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._name = instance.config.name
        self._whose = (self._name, instance.me.name)

    def __call__(self) -> Iterator[Metric]:
        """Give the numbers of this moment."""
        recorder.begin(self)
        yield from self._sizes()
        yield from self._troubles()
        yield from self._traffic()

    def end(self) -> None:
        """Nobody will ask any more."""
        recorder.end(self)

    def _sizes(self) -> Iterator[Metric]:
        keys, members = Counter[str](), Counter[str]()
        for name, view in self._instance.store.views.copy().items():
            cluster = name or DEFAULT_CLUSTER
            keys[cluster] += len(view.registry)
            groups = list(view.groups.values())
            members[cluster] += sum(len(group.rows) for group in groups)
        up = {
            peer.name
            for peer in self._instance.node.peers()
            if peer.state is not State.DOWN
        }
        running = up.intersection(self._instance.directory.nodes(None))
        yield self._metric(
            "group_nodes", "Nodes that run the group.", [Sample(1 + len(running))]
        )
        for metric, words, numbers in (
            ("group_registry_entries", "Keys that are registered.", keys),
            ("group_members", "Memberships.", members),
        ):
            samples = bounded(numbers, MAX_CLUSTERS)
            yield self._metric(metric, words, samples, "cluster")

    def _troubles(self) -> Iterator[Metric]:
        runners = self._instance.runners
        yield self._metric(
            "group_shard_queue_depth",
            "Requests that wait for a shard.",
            [Sample(each.waiting, (str(each.index),)) for each in runners],
            "shard",
        )
        yield self._metric(
            "group_shard_restarts_total",
            "Shards that were started again.",
            [Sample(sum(max(0, each.begun - 1) for each in runners))],
            kind="counter",
        )
        yield self._metric(
            "group_conflicts_total",
            "Keys that two nodes have held: those that actors here have lost.",
            [Sample(self._instance.conflicts, ("lost",))],
            "outcome",
            kind="counter",
        )
        odd = sum((Counter(each.stats) for each in runners), Counter[str]())
        yield self._metric(
            "group_oddities_total",
            "Rare things that shards have met: gaps, duplicates, repairs.",
            [Sample(n, (what,)) for what, n in sorted(odd.items())],
            "what",
            kind="counter",
        )

    def _traffic(self) -> Iterator[Metric]:
        yield Metric(
            "group_replicated_ops_total",
            "Operations sent to peers and received from them.",
            "counter",
            ("group", "op", "direction"),
            tuple(recorder.ops(self._whose)),
        )
        yield Metric(
            "group_replication_lag_seconds",
            "Age of the newest row in a batch that came, by the clocks of both ends.",
            "histogram",
            ("group",),
            recorder.lag(self._whose),
        )
        yield Metric(
            "group_events_total",
            "Events that monitors were told.",
            "counter",
            ("group", "type"),
            tuple(recorder.events(self._whose)),
        )

    def _metric(
        self,
        name: str,
        words: str,
        samples: Iterable[Sample],
        *labels: str,
        kind: Literal["gauge", "counter"] = "gauge",
    ) -> Metric:
        mine = (Sample(each.value, (self._name, *each.labels)) for each in samples)
        return Metric(name, words, kind, ("group", *labels), tuple(mine))


def of_messages() -> list[Metric]:
    """Give how long the actors of this process take for a message, by class."""
    return [
        Metric(
            "actors_message_seconds",
            "How long actors took to handle a message.",
            "histogram",
            ("cls",),
            recorder.messages(),
        )
    ]
