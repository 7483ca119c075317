"""Counts what goes by, for metrics.

It begins with the first scrape. Before, it costs nothing, and a counter that begins at
0 then is as good as any.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from actors import Cancel, hooks
from transport import Sample

LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
MESSAGE_BOUNDS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
MAX_CLASSES = 50
OTHER = "other"

Whose = tuple[object, object]
"""A group and the node it runs on, by name."""


@dataclass(slots=True)
class Histogram:
    """How often a value was at most so much. Not by several threads at once."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Observe a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def sample(self, *labels: object) -> Sample:
        """Give it as metrics do: each bucket counts all that is below it."""
        seen = 0
        buckets = []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            buckets.append((bound, seen))
        return Sample(self.total, tuple(map(str, labels)), tuple(buckets))


class Recorder:
    """What the hooks of all groups of this process have told. Any thread."""

    def __init__(self) -> None:
        # Guards all that follows.
        self._lock = threading.Lock()
        self._events: dict[Whose, dict[str, float]] = {}
        self._ops: dict[Whose, dict[tuple[str, object], float]] = {}
        self._lags: dict[Whose, Histogram] = {}
        self._messages: dict[object, Histogram] = {}
        self._wanted: set[object] = set()
        self._detach: list[Cancel] = []

    def begin(self, who: object) -> None:
        """Listen from now on, as long as anybody wants it; twice changes nothing."""
        with self._lock:
            self._wanted.add(who)
            if self._detach:
                return
            self._detach = [
                hooks.attach(self._on_events, "group.events"),
                hooks.attach(self._on_ops, "group.replicate"),
                hooks.attach(self._on_message, "actors.message.stop"),
            ]

    def end(self, who: object) -> None:
        """This one wants it no more. What was counted stays."""
        with self._lock:
            self._wanted.discard(who)
            while self._detach and not self._wanted:
                self._detach.pop()()

    # What the hooks call: on the way of every write, so without a call too many.

    def _on_events(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        whose = about["group"], about["node"]
        with self._lock:
            counts = self._events.get(whose)
            if counts is None:
                counts = self._events[whose] = {}
            for kind, count in measured.items():
                counts[kind] = counts.get(kind, 0) + count

    def _on_ops(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        whose, direction = (about["group"], about["node"]), about["direction"]
        with self._lock:
            counts = self._ops.get(whose)
            if counts is None:
                counts = self._ops[whose] = {}
                self._lags[whose] = Histogram(LAG_BOUNDS)
            for op, count in measured.items():
                if op == "lag":
                    self._lags[whose].add(count)
                else:
                    counts[op, direction] = counts.get((op, direction), 0) + count

    def _on_message(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        cls = about["cls"]
        with self._lock:
            times = self._messages.get(cls)
            if times is None:
                cls = OTHER if len(self._messages) >= MAX_CLASSES else cls
                times = self._messages.setdefault(cls, Histogram(MESSAGE_BOUNDS))
            times.add(measured["seconds"])

    # What metrics ask

    def events(self, whose: Whose) -> Iterator[Sample]:
        """Give the events that monitors were told, by group and type."""
        with self._lock:
            counts = dict(self._events.get(whose, {}))
        return (_sample(n, whose[0], kind) for kind, n in sorted(counts.items()))

    def ops(self, whose: Whose) -> Iterator[Sample]:
        """Give the operations sent and received, by group, kind and direction."""
        with self._lock:
            counts = dict(self._ops.get(whose, {}))
        return (_sample(counts[of], whose[0], *of) for of in sorted(counts, key=str))

    def lag(self, whose: Whose) -> tuple[Sample, ...]:
        """Give how old rows were when they came."""
        with self._lock:
            found = self._lags.get(whose)
            return () if found is None else (found.sample(whose[0]),)

    def messages(self) -> tuple[Sample, ...]:
        """Give how long messages took, by class."""
        with self._lock:
            return tuple(
                self._messages[cls].sample(cls)
                for cls in sorted(self._messages, key=str)
            )


recorder = Recorder()


def _sample(value: float, *labels: object) -> Sample:
    return Sample(value, tuple(map(str, labels)))
