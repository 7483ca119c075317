"""OpenTelemetry, by its API alone: what becomes of it is the program's to decide.

Needs the extra `otel`. Where the program installs no SDK, all of this does nothing.

    from group import otel
    stop = otel.instrument(node)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from opentelemetry import metrics, trace
from opentelemetry.metrics import (
    CallbackOptions,
    Meter,
    MeterProvider,
    Observation,
)
from opentelemetry.trace import Status, StatusCode, Tracer, TracerProvider

from actors import Cancel, hooks
from group._clock import monotonic, wall_ns
from group._version import VERSION
from transport import Metric, Node

NAME = "pykka-group"
# One look at the numbers serves all instruments of a collection.
FRESH = 0.5
MAX_CLASSES = 50
OTHER = "other"
_NS = 1_000_000_000


def instrument(
    node: Node,
    *,
    meter_provider: MeterProvider | None = None,
    tracer_provider: TracerProvider | None = None,
) -> Cancel:
    """Give the numbers and the writes of a node's groups to OpenTelemetry.

    Numbers have the names of `/metrics`. Each register, unregister, join and leave of
    this process is a span, and its time is in the histogram `group.operation.duration`;
    that of messages to actors is in `actors.message.duration`. Call it when the groups
    have been started: metrics that come later are not seen.

    Args:
        node: Whose numbers.
        meter_provider: None is the program's own.
        tracer_provider: None is the program's own.

    Returns:
        What ends the spans and histograms. The other numbers are read as long as the
        provider lives, and end with the node.
    """
    meter = metrics.get_meter(NAME, VERSION, meter_provider)
    _read(meter, _Numbers(node))
    times = _Times(meter, trace.get_tracer(NAME, VERSION, tracer_provider))
    ends = ("stop", "exception")
    verbs = ("register", "unregister", "join", "leave")
    detach = [
        hooks.attach(times.wrote, *(f"group.{v}.{end}" for v in verbs for end in ends)),
        hooks.attach(times.handled, *(f"actors.message.{end}" for end in ends)),
    ]

    def stop() -> bool:
        ended = [each() for each in detach]
        return all(ended)

    return stop


def _read(meter: Meter, numbers: _Numbers) -> None:
    """Let a meter look at the numbers when it collects; it makes its own histograms."""
    for metric in numbers.now().values():
        read = [numbers.reader(metric.name)]
        if metric.kind == "gauge":
            meter.create_observable_gauge(metric.name, read, "", metric.words)
        elif metric.kind == "counter":
            meter.create_observable_counter(metric.name, read, "", metric.words)
    numbers.forget()


class _Times:
    """What the hooks tell, as histograms and spans."""

    def __init__(self, meter: Meter, tracer: Tracer) -> None:
        self._tracer = tracer
        self._writes = meter.create_histogram("group.operation.duration", "s")
        self._messages = meter.create_histogram("actors.message.duration", "s")
        self._classes = _Bounded()

    def wrote(
        self, name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        operation = name.rpartition(".")[0]
        seconds, error = measured["seconds"], about.get("error")
        labels = {"operation": operation, "group": str(about["group"])}
        self._writes.record(seconds, labels)
        # Made when it is over, it still belongs to what the caller is doing.
        now = wall_ns()
        known = {f"group.{word}": str(v) for word, v in about.items() if v is not None}
        began = now - int(seconds * _NS)
        span = self._tracer.start_span(operation, start_time=began, attributes=known)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, str(error)))
        span.end(now)

    def handled(
        self, _name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        cls = self._classes.name(str(about["cls"]))
        self._messages.record(measured["seconds"], {"cls": cls})


class _Numbers:
    """The metrics of a node, looked at once for all instruments."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._found: dict[str, Metric] = {}
        self._at = float("-inf")

    def now(self) -> dict[str, Metric]:
        if monotonic() - self._at > FRESH:
            found = self._node.pages.metrics()
            self._found = {metric.name: metric for metric in found}
            self._at = monotonic()
        return self._found

    def forget(self) -> None:
        self._at = float("-inf")

    def reader(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def read(_options: CallbackOptions) -> Iterable[Observation]:
            metric = self.now().get(name)
            samples = () if metric is None else metric.samples
            labels = () if metric is None else metric.labels
            return [
                Observation(each.value, dict(zip(labels, each.labels, strict=True)))
                for each in samples
            ]

        return read


class _Bounded:
    """Names of classes, until there are too many."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def name(self, name: str) -> str:
        if name not in self._known and len(self._known) >= MAX_CLASSES:
            return OTHER
        self._known.add(name)
        return name
