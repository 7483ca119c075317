"""Every benchmark scenario runs, small, and its arithmetic is right."""

import json
from collections.abc import Callable

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import scenarios
from benchmarks.readings import Reading, Rounds
from benchmarks.references import pg, pyro, redis
from benchmarks.scenario import Size, percentile
from benchmarks.targets import targets

pytestmark = pytest.mark.slow

TINY = Size(0.002, references=False)
SMALL = ["--alone", "--scale", "0.002"]
WITH_REFERENCES = Size(0.002)
# Aimed at, and not there yet: no form of a monitor runs in the writer's thread.
NOT_BUILT = {"event in a callback: p50"}


@pytest.mark.cluster
@pytest.mark.parametrize("name", scenarios)
def test_a_scenario_measures_something_and_ends_clean(name: str) -> None:
    found = scenarios[name].run(TINY, rounds=1, warm_up=False)

    ratios = [r for series in found.series.values() for r in found.ratios(series)]
    assert found.series
    assert all(min(series.values) > 0 for series in found.series.values())
    assert all(ratio.times > 0 for ratio in ratios)
    aimed_at = {each.ours for each in targets() if each.scenario == name}
    assert aimed_at - set(found.series) <= NOT_BUILT


# One scenario for each program that a reference needs, and each kind of its use.
@pytest.mark.cluster
@pytest.mark.parametrize(
    ("version", "scenario", "readings"),
    [
        (pg.version, "events_local", {"pg join until monitored"}),
        (pg.version, "join_die", {"pg, 1,000 of one group die"}),
        (pg.version, "killed_node", {"pg, SIGKILL until they are gone"}),
        (redis.version, "members", {"Redis HGETALL of 100"}),
        (redis.version, "replicated_events", {"Redis pub/sub, pipelined"}),
        (pyro.version, "lookup", {"Pyro5 lookup", "Pyro5 register"}),
    ],
)
def test_a_reference_that_is_installed_is_measured(
    version: Callable[[], str | None], scenario: str, readings: set[str]
) -> None:
    if version() is None:
        pytest.skip("not installed here")

    found = scenarios[scenario].run(WITH_REFERENCES, rounds=1, warm_up=False)

    assert readings <= set(found.series)
    assert all(min(found.series[name].values) > 0 for name in readings)


def test_what_is_not_installed_is_left_out_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (pg, redis, pyro):
        monkeypatch.setattr(module, "version", lambda: None)

    main(["register_unregister", "--rounds", "1", "--scale", "0.002"])

    told = capsys.readouterr().out
    assert "reference pg: not here: apt-get install erlang-base" in told
    assert "pg join + leave" not in told


def test_json_holds_every_round(capsys: pytest.CaptureFixture[str]) -> None:
    main(
        [
            "register_unregister",
            "--json",
            "--alone",
            "--rounds",
            "2",
            "--scale",
            "0.002",
        ]
    )

    told = json.loads(capsys.readouterr().out)
    (first, *_) = told["scenarios"]["register_unregister"]
    assert first["name"] == "register + unregister"
    assert len(first["rounds"]) == 2
    assert first["min"] <= first["median"] <= first["max"]
    assert told["machine"]["python"].startswith("CPython")


def test_a_table_says_what_it_compares_with(capsys: pytest.CaptureFixture[str]) -> None:
    main(["register_unregister", *SMALL, "--rounds", "1"])

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
    assert Size(0.1).shape(100) == 100
    assert Size(0.01).shape(100) == 10
