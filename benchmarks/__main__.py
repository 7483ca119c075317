"""`python -m benchmarks [scenario ...] [--json] [--rounds N] [--quick]`."""

import argparse
import sys
from collections.abc import Sequence

from benchmarks import report
from benchmarks.catalogue import scenarios
from benchmarks.readings import Rounds
from benchmarks.scenario import Size

FULL, QUICK = 1.0, 0.1
ROUNDS, QUICK_ROUNDS = 5, 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run scenarios, and print what they found."""
    options = parser().parse_args(arguments)
    scale = options.scale or (QUICK if options.quick else FULL)
    rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    facts = report.machine()
    found: dict[str, Rounds] = {}
    if not options.json:
        print(report.heading(facts, rounds, scale), flush=True)
    for name in options.scenario or scenarios:
        chosen = scenarios[name]
        found[name] = chosen.run(Size(scale), rounds)
        if not options.json:
            print(f"\n{report.table(name, chosen.about, found[name])}", flush=True)
    if options.json:
        print(report.as_json(facts, rounds, scale, found))


def parser() -> argparse.ArgumentParser:
    """Return what the command line understands."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure, beside what is known to be possible in the same run.",
        epilog="scenarios: " + ", ".join(scenarios),
    )
    made.add_argument(
        "scenario", nargs="*", type=_name, help="which ones; all if none is named"
    )
    made.add_argument("--json", action="store_true", help="print JSON")
    made.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    made.add_argument(
        "--quick", action="store_true", help=f"a tenth, {QUICK_ROUNDS} rounds"
    )
    made.add_argument("--scale", type=float, help="part of the full size, default 1")
    return made


def _name(text: str) -> str:
    if text not in scenarios:
        raise argparse.ArgumentTypeError(f"no scenario is called {text!r}")
    return text


if __name__ == "__main__":
    main(sys.argv[1:])
