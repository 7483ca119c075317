"""Counts what goes by, for metrics.

It begins with the first scrape. Before, it costs nothing, and a counter that begins at
0 then is as good as any.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from actors import hooks
from transport import Sample

LAG_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
MESSAGE_BOUNDS = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0)
MAX_CLASSES = 50
OTHER = "other"

Whose = tuple[str, str]
"""A group and the node it runs on."""


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

    def sample(self, *labels: str) -> Sample:
        """Give it as metrics do: each bucket counts all that is below it."""
        seen = 0
        buckets = []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            buckets.append((bound, seen))
        return Sample(self.total, labels, tuple(buckets))


class Recorder:
    """What the hooks of all groups of this process have told. Any thread."""

    def __init__(self) -> None:
        # Guards all that follows.
        self._lock = threading.Lock()
        self._events: dict[Whose, Counter[str]] = {}
        self._ops: dict[Whose, Counter[tuple[str, str]]] = {}
        self._lags: dict[Whose, Histogram] = {}
        self._messages: dict[str, Histogram] = {}
        self._begun = False

    def begin(self) -> None:
        """Listen from now on; a second time changes nothing."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
        hooks.attach(self._on_events, "group.events")
        hooks.attach(self._on_ops, "group.replicate")
        hooks.attach(self._on_message, "actors.message.stop")

    # What the hooks call

    def _on_events(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        with self._lock:
            counts = self._events.setdefault(_whose(about), Counter())
            for kind, count in measured.items():
                counts[kind] += int(count)

    def _on_ops(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        whose, direction = _whose(about), str(about["direction"])
        with self._lock:
            counts = self._ops.setdefault(whose, Counter())
            for op, count in measured.items():
                if op == "lag":
                    lags = self._lags.setdefault(whose, Histogram(LAG_BOUNDS))
                    lags.add(count)
                else:
                    counts[op, direction] += int(count)

    def _on_message(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        cls = str(about["cls"])
        with self._lock:
            if cls not in self._messages and len(self._messages) >= MAX_CLASSES:
                cls = OTHER
            times = self._messages.setdefault(cls, Histogram(MESSAGE_BOUNDS))
            times.add(measured["seconds"])

    # What metrics ask

    def events(self, whose: Whose) -> Iterator[Sample]:
        """Give the events that monitors were told, by group and type."""
        with self._lock:
            counts = Counter(self._events.get(whose))
        return (Sample(n, (whose[0], kind)) for kind, n in sorted(counts.items()))

    def ops(self, whose: Whose) -> Iterator[Sample]:
        """Give the operations sent and received, by group, kind and direction."""
        with self._lock:
            counts = Counter(self._ops.get(whose))
        return (Sample(n, (whose[0], *of)) for of, n in sorted(counts.items()))

    def lag(self, whose: Whose) -> Iterator[Sample]:
        """Give how old rows were when they came."""
        with self._lock:
            found = self._lags.get(whose)
            if found is not None:
                yield found.sample(whose[0])

    def messages(self) -> tuple[Sample, ...]:
        """Give how long messages took, by class."""
        with self._lock:
            return tuple(
                times.sample(cls) for cls, times in sorted(self._messages.items())
            )


recorder = Recorder()


def _whose(about: Mapping[str, object]) -> Whose:
    return str(about["group"]), str(about["node"])
