"""OpenTelemetry: what its SDK collects of a group, in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from group import Group, NotRegisteredError, otel
from group.otel import MAX_CLASSES, _Bounded
from tests.group.people import listeners
from transport import Node

Points = dict[str, list[Any]]


@dataclass
class Watched:
    group: Group
    reader: InMemoryMetricReader
    exporter: InMemorySpanExporter
    tracers: TracerProvider

    def points(self) -> Points:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def watched() -> Iterator[Watched]:
    reader, exporter = InMemoryMetricReader(), InMemorySpanExporter()
    meters, tracers = MeterProvider([reader]), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    with (
        Node.start("a", listen=None) as node,
        Group.start("app", node=node, log=False) as group,
    ):
        stop = otel.instrument(node, meter_provider=meters, tracer_provider=tracers)
        yield Watched(group, reader, exporter, tracers)
        assert stop()
    meters.shutdown()
    tracers.shutdown()


def test_a_write_is_a_span_within_what_the_caller_does(watched: Watched) -> None:
    tracer = watched.tracers.get_tracer("the program")
    with listeners() as (ref,), tracer.start_as_current_span("request"):
        watched.group.register("user/1", actor=ref)

    span, parent = watched.exporter.get_finished_spans()
    assert (span.name, parent.name) == ("group.register", "request")
    assert span.parent is not None
    assert parent.context is not None
    assert span.parent.span_id == parent.context.span_id
    assert span.attributes == {
        "group.group": "app",
        "group.node": "a",
        "group.key": "user/1",
    }
    times = (parent.start_time, span.start_time, span.end_time)
    assert [time for time in times if time] == sorted(time or 0 for time in times)


def test_a_refused_write_is_a_span_with_its_error(watched: Watched) -> None:
    with pytest.raises(NotRegisteredError):
        watched.group.unregister("user/1")

    (span,) = watched.exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description == "NotRegisteredError"


def test_numbers_have_the_names_of_the_metrics(watched: Watched) -> None:
    with listeners() as (ref,):
        watched.group.register("user/1", actor=ref)
        points = watched.points()

    (entries,) = points["group_registry_entries"]
    assert entries.value == 1
    assert entries.attributes == {"group": "app", "cluster": "default"}
    assert {p.attributes["cls"] for p in points["actors_alive"]} >= {"Listener"}


def test_times_are_in_histograms(watched: Watched) -> None:
    with listeners() as (ref,):
        watched.group.register("user/1", actor=ref)
        ref.ask("hello", timeout=5)
        ref.ask("again", timeout=5)
        points = watched.points()

    (write,) = points["group.operation.duration"]
    assert (write.count, dict(write.attributes)) == (
        1,
        {"operation": "group.register", "group": "app"},
    )
    asked = [
        p
        for p in points["actors.message.duration"]
        if p.attributes["cls"] == "Listener"
    ]
    assert asked[0].count >= 1


def test_classes_beyond_the_bound_are_one() -> None:
    bounded = _Bounded()

    names = {bounded.name(f"Class{n}") for n in range(MAX_CLASSES + 10)}

    assert len(names) == MAX_CLASSES + 1
    assert "other" in names
    assert bounded.name("Class0") == "Class0"
