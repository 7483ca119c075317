"""Words and numbers for people, and the same as JSON."""

import datetime
import json
import math
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from benchmarks.readings import Rounds, Series
from benchmarks.references import pg, pyro, redis

PACKAGES = ("pykka-group", "pykka", "msgspec", "cloudpickle", "structlog")
NAME_WIDTH = 46
MOST_PLACES = 5


def machine() -> dict[str, str]:
    """Return what a figure depends on, and no name of a host or a person."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    load = "/".join(f"{part:.1f}" for part in os.getloadavg())
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "packages": versions,
        **{f"reference {name}": words for name, words in references().items()},
        "load before": load,
    }


def references() -> dict[str, str]:
    """Return which version of each is here, or how to have it."""
    return {
        name: module.version() or f"not here: {module.INSTALL}"
        for name, module in (("pg", pg), ("Redis", redis), ("Pyro5", pyro))
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2] for line in lines if line.startswith("model name")]
    return models[0].strip() if models else platform.machine()


def heading(facts: Mapping[str, str], rounds: int, scale: float) -> str:
    """Return the lines above the tables."""
    size = "" if scale == 1 else f", at {scale:g} of the repetitions"
    lines = [f"{name}: {value}" for name, value in facts.items()]
    return "\n".join(
        [*lines, f"median [min to max] of {rounds} interleaved rounds{size}"]
    )


def table(name: str, about: str, found: Rounds) -> str:
    """Return one scenario's readings: ours first, then what they are compared with."""
    references = {each for series in found.series.values() for each in series.against}
    ours = [s for s in found.series.values() if s.name not in references]
    others = [s for s in found.series.values() if s.name in references]
    lines = [f"{name}: {about}"]
    lines += [line for series in ours for line in _lines(series, found)]
    lines += [f"  {line}" for series in others for line in _lines(series, found)]
    return "\n".join(lines)


def _lines(series: Series, found: Rounds) -> list[str]:
    low, high = min(series.values), max(series.values)
    spread = f"[{short(low)} to {short(high)}]"
    first = f"  {series.name:{NAME_WIDTH}} {short(series.median):>8} {series.unit:8}"
    ratios = [
        f"      {short(ratio.times)} x {ratio.of}" for ratio in found.ratios(series)
    ]
    return [f"{first} {spread}", *ratios]


def short(value: float) -> str:
    """Return three digits that count."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{_three(value / size)}{letter}"
    return _three(value)


def _three(value: float) -> str:
    whole = 1 + math.floor(math.log10(value)) if value else 1
    return f"{value:.{min(max(0, 3 - whole), MOST_PLACES)}f}"


def from_json(text: str) -> tuple[dict[str, str], dict[str, Rounds]]:
    """Return the machine and the readings of `as_json`."""
    told = json.loads(text)
    found: dict[str, Rounds] = {}
    for name, all_series in told["scenarios"].items():
        found[name] = Rounds()
        for one in all_series:
            series = Series(one["name"], one["unit"], tuple(one["ratios"]))
            series.values += one["rounds"]
            found[name].series[series.name] = series
    return told["machine"], found


def as_json(
    facts: Mapping[str, str], rounds: int, scale: float, found: Mapping[str, Rounds]
) -> str:
    """Return everything, each round's value too."""
    scenarios = {
        name: [_as_dict(series, each) for series in each.series.values()]
        for name, each in found.items()
    }
    whole = {
        "machine": dict(facts),
        "rounds": rounds,
        "scale": scale,
        "scenarios": scenarios,
    }
    return json.dumps(whole, indent=1)


def _as_dict(series: Series, found: Rounds) -> dict[str, object]:
    return {
        "name": series.name,
        "unit": series.unit,
        "median": series.median,
        "min": min(series.values),
        "max": max(series.values),
        "rounds": series.values,
        "ratios": {ratio.of: ratio.times for ratio in found.ratios(series)},
    }
