"""`python -m benchmarks [scenario ...]` measures; `... targets` also judges."""

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks import report, verdicts
from benchmarks.catalogue import scenarios
from benchmarks.owners import hush
from benchmarks.readings import Rounds
from benchmarks.scenario import Size
from benchmarks.targets import targets

FULL, QUICK = 1.0, 0.1
ROUNDS, QUICK_ROUNDS = 5, 3
TARGETS = "targets"
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run scenarios, and print what they found."""
    options = parser().parse_args(arguments)
    if TARGETS in options.scenario:
        judge(options)
        return
    facts = report.machine()
    found = run(options, options.scenario or scenarios, facts)
    if options.json:
        print(report.as_json(facts, *_size(options), found))


def judge(options: argparse.Namespace) -> None:
    """Run what the targets need, or read an earlier run, and say which are met."""
    aims = targets()
    needed = dict.fromkeys(aim.scenario for aim in aims)
    if options.from_json:
        text = Path(options.from_json).read_text(encoding="utf-8")
        facts, found = report.from_json(text)
    else:
        facts = report.machine()
        found = run(options, scenarios if options.write else needed, facts)
    if options.save:
        saved = report.as_json(facts, *_size(options), found)
        Path(options.save).write_text(saved, encoding="utf-8")
    page = verdicts.page(_heading(options, facts), aims, found)
    if options.write:
        verdicts.write(PAGE, page)
    if options.markdown:
        print(page)
    else:
        print(f"\n{verdicts.text(aims, found)}")


def run(
    options: argparse.Namespace, names: Iterable[str], facts: Mapping[str, str]
) -> dict[str, Rounds]:
    """Run scenarios, and print each when it is done unless JSON or a page is wanted."""
    rounds, scale = _size(options)
    quiet = options.json or options.markdown
    found: dict[str, Rounds] = {}
    if not quiet:
        print(_heading(options, facts), flush=True)
    for name in names:
        chosen = scenarios[name]
        found[name] = chosen.run(Size(scale, references=not options.alone), rounds)
        if not quiet:
            print(f"\n{report.table(name, chosen.about, found[name])}", flush=True)
    return found


def _size(options: argparse.Namespace) -> tuple[int, float]:
    rounds: int = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    scale: float = options.scale or (QUICK if options.quick else FULL)
    return rounds, scale


def _heading(options: argparse.Namespace, facts: Mapping[str, str]) -> str:
    return report.heading(facts, *_size(options))


def parser() -> argparse.ArgumentParser:
    """Return what the command line understands."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure, beside what is known to be possible in the same run.",
        epilog="scenarios: " + ", ".join(scenarios),
    )
    add = made.add_argument
    add(
        "scenario",
        nargs="*",
        type=_name,
        help='which ones, all if none is named; "targets": those of the 25 targets,'
        " and whether they are met",
    )
    add("--json", action="store_true", help="print JSON")
    add("--rounds", type=int, help=f"default {ROUNDS}")
    add("--quick", action="store_true", help=f"a tenth, {QUICK_ROUNDS} rounds")
    add("--scale", type=float, help="part of the full size, default 1")
    add("--alone", action="store_true", help="without pg, Redis and Pyro5")
    with_targets = made.add_argument_group("with targets")
    add = with_targets.add_argument
    add("--markdown", action="store_true", help="print them as a page's part")
    add("--write", action="store_true", help=f"run all, and put that into {PAGE.name}")
    add("--save", metavar="FILE", help="also save the run as JSON")
    add("--from", metavar="FILE", dest="from_json", help="judge what --save has saved")
    return made


def _name(text: str) -> str:
    if text != TARGETS and text not in scenarios:
        raise argparse.ArgumentTypeError(f"no scenario is called {text!r}")
    return text


if __name__ == "__main__":
    hush()
    main(sys.argv[1:])
