"""Metrics for Prometheus, by its own library, where that is installed."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from transport._http.metric import Metric, Sample

if TYPE_CHECKING:
    import prometheus_client.core as families

KIND = "text/plain; version=0.0.4; charset=utf-8"


class MissingLibraryError(ImportError):
    """prometheus-client is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "metrics need the package prometheus-client: "
            "pip install 'pykka-group[metrics]'"
        )


class Collector:
    """A collector for a registry of prometheus-client, your own or another.

    Args:
        metrics: Called at each scrape.
    """

    def __init__(self, metrics: Callable[[], Iterable[Metric]]) -> None:
        self._metrics = metrics

    def describe(self) -> Iterable["families.Metric"]:
        """Say nothing: what is shown differs from time to time."""
        return []

    def collect(self) -> Iterator["families.Metric"]:
        """Give the numbers of this moment."""
        return map(_family, self._metrics())


class Registry(Protocol):
    """What the library calls a collector."""

    def collect(self) -> Iterable["families.Metric"]:
        """Give the numbers."""


def text(metrics: Iterable[Metric]) -> bytes:
    """Write metrics as Prometheus reads them.

    Raises:
        MissingLibraryError: The library is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError as error:
        raise MissingLibraryError from error
    registry = CollectorRegistry()
    registry.register(Collector(lambda: metrics))
    return generate_latest(registry)


def _family(metric: Metric) -> "families.Metric":
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(
            metric.name, metric.words, labels=metric.labels
        )
        for sample in metric.samples:
            histogram.add_metric(list(sample.labels), _buckets(sample), sample.value)
        return histogram
    made = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = made(metric.name, metric.words, labels=metric.labels)
    for sample in metric.samples:
        family.add_metric(list(sample.labels), sample.value)
    return family


def _buckets(sample: Sample) -> list[tuple[str, float]]:
    return [
        ("+Inf" if bound == float("inf") else f"{bound:g}", count)
        for bound, count in sample.buckets
    ]
