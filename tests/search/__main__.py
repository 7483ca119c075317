"""See many worlds: `python -m tests.search --states 200000 --nodes 2`."""

import argparse
import sys
from dataclasses import replace
from time import monotonic

from tests.search.scope import SCOPES, Scope
from tests.search.search import FoundError, Result, Search

STATES = 200_000


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.search", description=__doc__)
    parser.add_argument("--states", type=int, default=STATES, help="of each scope")
    parser.add_argument("--nodes", type=int, choices=(2, 3), default=2)
    parser.add_argument("--scope", choices=(*SCOPES, "each"), default="each")
    parser.add_argument("--calls", type=int, help="of callers, in one path")
    parser.add_argument("--replay", help="the path that a search has printed")
    return parser.parse_args()


def scope_of(given: argparse.Namespace, name: str) -> Scope:
    """Return the scope that the command line asks for."""
    scope = replace(SCOPES[name], nodes=given.nodes)
    return scope if given.calls is None else replace(scope, calls=given.calls)


def main() -> int:
    """Search, or replay."""
    given = options()
    for name in SCOPES if given.scope == "each" else (given.scope,):
        scope = scope_of(given, name)
        again = f"--nodes {scope.nodes} --calls {scope.calls} --scope {name}"
        print(f"python -m tests.search --states {given.states} {again}", flush=True)
        if given.replay is not None:
            path = [int(number) for number in given.replay.split(".") if number]
            print("\n".join(Search(scope, 0).replay(path)))
        elif not _searched(scope, given.states, again):
            return 1
    return 0


def _searched(scope: Scope, states: int, again: str) -> bool:
    began = monotonic()

    def told(result: Result) -> None:
        rate = result.states / (monotonic() - began)
        where = f"{result.states:,} states, depth {result.depth}"
        print(f"  {where}, {rate:,.0f}/s", file=sys.stderr, flush=True)

    try:
        result = Search(scope, states, told).run()
    except FoundError as error:
        path = ".".join(map(str, error.path))
        print(f"{error}\nreplay: python -m tests.search {again} --replay {path}")
        return False
    seconds = monotonic() - began
    print(f"  {result}\n  0 violations; {seconds:.1f} s, {states_of(result, seconds)}")
    return True


def states_of(result: Result, seconds: float) -> str:
    """Say how fast it was."""
    return f"{result.states / max(seconds, 1e-9):,.0f} states/s"


if __name__ == "__main__":
    sys.exit(main())
