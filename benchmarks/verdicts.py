"""Targets and what a run has found of them: as text, and as a page's generated part."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks import report
from benchmarks.catalogue import scenarios
from benchmarks.readings import Rounds
from benchmarks.report import short
from benchmarks.targets import GROUP, Check, Target, judge

BEGIN = "<!-- begin: python -m benchmarks targets --write -->"
END = "<!-- end -->"
NAMES = {
    GROUP: "Group",
    "flush0": "Group, flush 0",
    "syn": "syn",
    "pg": "pg",
    "redis": "Redis",
    "etcd": "etcd",
    "pyro5": "Pyro5",
    "ray": "Ray",
    "pykka": "Pykka",
    "method": "two dict reads",
    "socket": "TCP round trip",
}


def checks(
    aims: Iterable[Target], found: Mapping[str, Rounds]
) -> list[tuple[Target, Rounds, list[Check]]]:
    """Judge all targets whose scenario has run."""
    return [
        (aim, found[aim.scenario], list(judge(aim, found[aim.scenario])))
        for aim in aims
        if aim.scenario in found
    ]


def text(aims: Iterable[Target], found: Mapping[str, Rounds]) -> str:
    """Return a few lines for each target, and the sum."""
    judged = checks(aims, found)
    lines = [line for one in judged for line in _lines(*one)]
    return "\n".join([*lines, "", summary(judged)])


def summary(judged: Sequence[tuple[Target, Rounds, list[Check]]]) -> str:
    """Say how many are met."""
    firsts = [first for _, _, (first, *_) in judged]
    others = [check for _, _, (_, *more) in judged for check in more]
    rows = {check.target.row for check in firsts}
    missed = {check.target.row for check in firsts if not check.met}
    return (
        f"{len(rows - missed)} of {len(rows)} rows met,"
        f" {sum(check.met for check in firsts)} of {len(firsts)} targets,"
        f" {sum(check.met for check in others)} of {len(others)} second opponents"
    )


def _lines(target: Target, found: Rounds, judged: list[Check]) -> Iterable[str]:
    first, *others = judged
    verdict = "met   " if first.met else "missed"
    yield f"{target.row:2} {verdict} {target.what}: {_words(first)}{_bound(first)}"
    if first.quotient is not None:
        yield (
            f"            {_ours(target, found)},"
            f" {short(first.quotient)} x {first.through};"
            f" Group is {short(first.figure)} x that"
        )
    for check in others:
        verdict = "met" if check.met else "missed"
        yield f"            {verdict}: {_words(check)}"


def _words(check: Check) -> str:
    """Say a check: what was found, by whom, and the limit."""
    target = check.target
    limit = f"{target.sign} {short(check.limit)}"
    if check.times is None:
        return f"not measured ({limit} x {NAMES.get(check.opponent, 'the limit')})"
    if target.within is not None:
        return f"{short(check.times)} ({limit})"
    assert check.distance is not None
    return (
        f"{short(check.times)} x {NAMES[check.opponent]} ({limit}),"
        f" {check.distance:.2f} of the limit"
    )


def _bound(check: Check) -> str:
    return "" if check.of_bound is None else f", {check.of_bound:.2f} of the bound"


def _ours(target: Target, found: Rounds) -> str:
    series = found.series[target.ours]
    return f"{short(series.median)} {series.unit}"


def page(heading: str, aims: Iterable[Target], found: Mapping[str, Rounds]) -> str:
    """Return the generated part: the run, the targets, and all figures."""
    tables = "\n\n".join(
        report.table(name, scenarios[name].about, rounds)
        for name, rounds in found.items()
    )
    return "\n\n".join(
        [
            "## The run",
            f"```\n{heading}\n```",
            "## Targets",
            markdown(aims, found),
            "## All figures",
            f"```\n{tables}\n```",
        ]
    )


def markdown(aims: Iterable[Target], found: Mapping[str, Rounds]) -> str:
    """Return the table of all targets."""
    judged = checks(aims, found)
    rows = [
        "| # | scenario | ours | by what | ours by it | Group by it | ours by Group |"
        " target | | of the bound | second opponents |",
        "|--:|---|--:|---|--:|--:|--:|--:|---|--:|---|",
        *(_row(*one) for one in judged),
    ]
    return "\n".join([*rows, "", f"{summary(judged)}."])


def _row(target: Target, found: Rounds, judged: list[Check]) -> str:
    first, *others = judged
    ours = "-" if target.ours not in found.series else _ours(target, found)
    cells = [
        str(target.row),
        target.what,
        ours,
        first.through or "-",
        _number(first.quotient),
        _number(first.figure if first.through else None),
        _number(None if target.within is not None else first.times),
        f"{target.sign} {short(first.limit)}",
        "met" if first.met else "**missed**",
        _number(first.of_bound),
        "; ".join(map(_brief, others)),
    ]
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "-" if value is None else short(value)


def _brief(check: Check) -> str:
    name = NAMES[check.opponent]
    if check.times is None:
        return f"{name} not measured"
    words = f"{short(check.times)} x {name} ({check.target.sign} {short(check.limit)})"
    return words if check.met else f"**{words}**"


def write(path: Path, generated: str) -> None:
    """Put the generated part of a page between its two marks.

    Raises:
        ValueError: The page does not have them.
    """
    page = path.read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} needs a line {BEGIN!r} and then one {END!r}")
    path.write_text(f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}", "utf-8")
