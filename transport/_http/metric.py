"""Numbers as they are shown: neutral, so that nobody needs a library to have some."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

OTHER = "other"
"""The label of all that is beyond the bound."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One number and what it is of.

    Attributes:
        value: The number; of a histogram, the sum of all that was observed.
        labels: The values of the metric's labels, in their order.
        buckets: Of a histogram: (upper bound, how many were at most that), growing, the
            last one with infinity.
    """

    value: float
    labels: tuple[str, ...] = ()
    buckets: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, by the rules of Prometheus: base units, no unbounded labels.

    Attributes:
        name: Its name; that of a counter ends in "_total".
        words: What it is, in a sentence.
        kind: What the numbers mean.
        labels: The names of the labels.
        samples: The numbers.
    """

    name: str
    words: str
    kind: Literal["gauge", "counter", "histogram"]
    labels: tuple[str, ...] = ()
    samples: tuple[Sample, ...] = ()


def merged(metrics: Iterable[Metric]) -> list[Metric]:
    """Put together metrics of one name: several groups may give each.

    The same labels twice would make the whole page unreadable; the first one stays.
    """
    found: dict[str, Metric] = {}
    for metric in metrics:
        known = found.setdefault(metric.name, replace(metric, samples=()))
        if known.labels == metric.labels:
            unique = {each.labels: each for each in known.samples}
            for sample in metric.samples:
                unique.setdefault(sample.labels, sample)
            found[metric.name] = replace(known, samples=tuple(unique.values()))
    return list(found.values())


def bounded(numbers: Mapping[str, float], most: int) -> tuple[Sample, ...]:
    """Make one sample of each of the largest numbers, and one of all the others.

    Names of clusters, classes and peers are made by programs, and a program may make
    any number of them; a metrics system must not be given a series for each.
    """
    largest = sorted(numbers, key=lambda name: (-numbers[name], name))
    shown = sorted(largest[:most])
    samples = [Sample(numbers[name], (name,)) for name in shown if name != OTHER]
    rest = [numbers[name] for name in largest[most:]]
    rest += [numbers[name] for name in shown if name == OTHER]
    if rest:
        samples.append(Sample(sum(rest), (OTHER,)))
    return tuple(samples)


def gauge(name: str, words: str, value: float) -> Metric:
    """Make a metric of one number that goes up and down."""
    return Metric(name, words, "gauge", (), (Sample(value),))


def labelled(
    name: str,
    words: str,
    kind: Literal["gauge", "counter"],
    label: str,
    samples: Iterable[Sample],
) -> Metric:
    """Make a metric with one label."""
    return Metric(name, words, kind, (label,), tuple(samples))
