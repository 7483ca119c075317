"""Every benchmark scenario runs, small, and its arithmetic is right."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import scenarios
from benchmarks.readings import Reading, Rounds
from benchmarks.scenario import Size, percentile

pytestmark = pytest.mark.slow

TINY = Size(0.002)


@pytest.mark.cluster
@pytest.mark.parametrize("name", scenarios)
def test_a_scenario_measures_something_and_ends_clean(name: str) -> None:
    found = scenarios[name].run(TINY, rounds=1)

    ratios = [r for series in found.series.values() for r in found.ratios(series)]
    assert found.series
    assert all(min(series.values) > 0 for series in found.series.values())
    assert all(ratio.times > 0 for ratio in ratios)


def test_json_holds_every_round(capsys: pytest.CaptureFixture[str]) -> None:
    main(["register_unregister", "--json", "--rounds", "2", "--scale", "0.002"])

    told = json.loads(capsys.readouterr().out)
    (first, *_) = told["scenarios"]["register_unregister"]
    assert first["name"] == "register + unregister"
    assert len(first["rounds"]) == 2
    assert first["min"] <= first["median"] <= first["max"]
    assert told["machine"]["python"].startswith("CPython")


def test_a_table_says_what_it_compares_with(capsys: pytest.CaptureFixture[str]) -> None:
    main(["register_unregister", "--rounds", "1", "--scale", "0.002"])

    told = capsys.readouterr().out
    assert "register + unregister" in told
    assert " x bare dict under a lock" in told


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["lookpu"])

    assert "'lookpu'" in capsys.readouterr().err


def test_ratios_are_taken_within_a_round() -> None:
    found = Rounds()
    for ours, reference in ((10.0, 1.0), (40.0, 2.0), (60.0, 60.0)):
        found.add([Reading("a", ours, "us", ("b",)), Reading("b", reference, "us")])

    (ratio,) = found.ratios(found.series["a"])

    assert (ratio.times, ratio.of) == (10.0, "b")
    assert found.series["a"].median == 40.0


def test_what_has_other_units_is_not_compared() -> None:
    found = Rounds()
    found.add([Reading("a", 1.0, "us", ("b",)), Reading("b", 1.0, "ops/s")])

    with pytest.raises(ValueError, match="not ops/s"):
        found.ratios(found.series["a"])


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1), (50, 51), (99, 100), (100, 101)]
)
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile(list(range(101, 0, -1)), percent) == value


def test_a_size_is_never_nothing_and_never_more_than_all() -> None:
    assert Size(0.001).of(100, least=3) == 3
    assert Size(0.1).of(100) == 10
    assert Size(5.0).of(100) == 100
