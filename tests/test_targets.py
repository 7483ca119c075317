"""Targets are judged as the documentation says, and the page is made of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from benchmarks import report, verdicts
from benchmarks.__main__ import main
from benchmarks.catalogue import scenarios
from benchmarks.readings import Reading, Rounds
from benchmarks.targets import Target, judge, targets

RATE = Target(
    row=1,
    what="reads",
    scenario="lookup",
    ours="ours",
    least=4.0,
    bound=5.0,
    also={"pg": 2.0, "etcd": 10.0},
    figures={"group": 100.0, "pg": 400.0, "etcd": 50.0},
    measured={"pg": "pg reads", "redis": "Redis reads"},
)
TIME = Target(
    row=2,
    what="cleanup",
    scenario="lookup",
    ours="ours",
    most=0.5,
    figures={"group": 20.0, "pg": 10.0},
    measured={"pg": "pg reads"},
)


def rounds(values: Mapping[str, list[float]], unit: str = "ops/s") -> Rounds:
    found = Rounds()
    for name, each in values.items():
        found.add(Reading(name, value, unit) for value in each)
    return found


def test_group_is_measured_through_a_reference_of_the_same_run() -> None:
    # This machine is half as fast as the table's: pg does 200 here, and 400 there.
    found = rounds({"ours": [250.0], "pg reads": [200.0]})

    group, pg, etcd = judge(RATE, found)

    assert group.times == pytest.approx((250 / 200) / (100 / 400))
    assert group.met
    assert group.distance == pytest.approx(5.0 / 4.0)
    assert group.of_bound == pytest.approx(1.0)
    assert pg.times == pytest.approx(1.25)
    assert not pg.met
    assert etcd.times == pytest.approx((250 / 200) / (50 / 400))
    assert etcd.met


def test_a_time_is_better_when_it_is_smaller() -> None:
    slow, fast = ([12.0], [8.0])

    (missed,) = judge(TIME, rounds({"ours": slow, "pg reads": [10.0]}, "ms"))
    (met,) = judge(TIME, rounds({"ours": fast, "pg reads": [10.0]}, "ms"))

    assert missed.times == pytest.approx(0.6)
    assert not missed.met
    assert met.times == pytest.approx(0.4)
    assert met.met
    assert missed.distance == pytest.approx(0.5 / 0.6)


def test_quotients_are_taken_within_a_round() -> None:
    found = rounds({"ours": [100.0, 900.0, 500.0], "pg reads": [100.0, 300.0, 125.0]})

    group, *_ = judge(RATE, found)

    assert group.quotient == pytest.approx(3.0)


@pytest.mark.parametrize("found", [{"ours": [1.0]}, {"pg reads": [1.0]}, {}])
def test_what_could_not_be_measured_is_not_met(found: dict[str, list[float]]) -> None:
    group, pg, etcd = judge(RATE, rounds(found))

    assert [each.met for each in (group, pg, etcd)] == [False] * 3
    assert group.times is None
    assert "not measured" in verdicts.text([RATE], {"lookup": rounds(found)})


def test_a_reference_without_a_figure_stands_for_nobody_else() -> None:
    found = rounds({"ours": [250.0], "Redis reads": [10.0]})

    group, *_ = judge(RATE, found)

    assert group.times is None


def test_every_target_names_a_scenario_and_what_can_be_compared() -> None:
    for target in targets():
        assert target.scenario in scenarios
        limits = (target.least, target.most, target.within)
        assert sum(limit is not None for limit in limits) == 1
        assert target.within or set(target.measured) & set(target.figures)
        for opponent in ("group", *target.also):
            known = {*target.figures, *target.measured}
            assert target.within or opponent in known
    assert {target.row for target in targets()} == set(range(1, 26))


def test_the_page_keeps_what_people_wrote(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{verdicts.BEGIN}\nold\n{verdicts.END}\nafter\n")

    verdicts.write(page, "new")

    marked = f"{verdicts.BEGIN}\n\nnew\n\n{verdicts.END}"
    assert page.read_text() == f"before\n{marked}\nafter\n"


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")

    with pytest.raises(ValueError, match="needs a line"):
        verdicts.write(page, "new")


@pytest.mark.slow
def test_a_saved_run_is_judged_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = rounds({"register + unregister": [600.0], "pg join + leave": [300.0]})
    saved = tmp_path / "run.json"
    saved.write_text(report.as_json({}, 1, 1.0, {"register_unregister": found}))

    main(["targets", "--from", str(saved)])

    told = capsys.readouterr().out
    assert " 7 met    register + unregister: 9.63 x Group (>= 8.00)" in told
    assert "1 of 1 rows met, 1 of 1 targets, 1 of 1 second opponents" in told
