"""The hottest paths take no more calls and instructions than is recorded.

Counts, so that nothing here depends on how fast the machine is, or how busy.
"""

import functools
from pathlib import Path

import pytest

from benchmarks import budgets
from benchmarks.counting import Counts, counted
from group import Group

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not budgets.recorded(),
        reason=f"no budgets for CPython {budgets.VERSION}; python -m benchmarks.budgets"
        " --record makes them",
    ),
]


@functools.cache
def measured() -> budgets.Measured:
    return budgets.measured()


@pytest.mark.parametrize("path", budgets.recorded())
def test_a_path_keeps_to_its_budget(path: str) -> None:
    complaint = budgets.complaint(path, measured()[path], budgets.recorded()[path])

    assert complaint is None, complaint


def test_every_path_has_a_budget() -> None:
    assert set(measured()) == set(budgets.recorded())


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("register", "register"),
        ("lookup", "lookup"),
        ("members", "members of 100"),
        ("register", "register until its event is received"),
    ],
)
def test_one_more_call_on_a_path_is_noticed(
    monkeypatch: pytest.MonkeyPatch, verb: str, path: str
) -> None:
    honest = getattr(Group, verb)

    def roundabout(group: Group, *args: object, **options: object) -> object:
        return honest(group, *args, **options)

    monkeypatch.setattr(Group, verb, roundabout)
    found = budgets.local_paths()[path]

    told = budgets.complaint(path, found, budgets.recorded()[path])
    assert told is not None
    assert "python -m benchmarks.budgets --record" in told
    assert f'"{path}" takes' in told


def test_a_little_more_is_not_noticed_and_less_never_is() -> None:
    budget = Counts(calls=100, instructions=1_000)

    assert budgets.complaint("a path", Counts(100, 1_010), budget) is None
    assert budgets.complaint("a path", Counts(1, 1), budget) is None
    assert budgets.complaint("a path", Counts(102, 1_000), budget) is not None
    assert budgets.complaint("a path", Counts(100, 1_011), budget) is not None


def test_recording_keeps_other_versions(tmp_path: Path) -> None:
    path = tmp_path / "budgets.json"
    path.write_text('{"2.7": {"register": {"calls": 1, "instructions": 2}}}')

    budgets.record({"lookup": Counts(3, 4)}, path)

    assert budgets.recorded(path) == {"lookup": Counts(3, 4)}
    assert '"2.7"' in path.read_text()


def test_counts_are_those_of_the_work_alone() -> None:
    def called() -> int:
        return 1

    def work() -> None:
        called()
        called()

    assert counted(work).calls == 3
    assert counted(work) == counted(work)
