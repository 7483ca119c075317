"""Budgets of calls and instructions for the hottest paths.

`python -m benchmarks.budgets` shows what they cost now beside what is recorded;
`--record` records it. The tests refuse what is dearer, so a change that is worth its
cost records it in the same commit.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from actors import mailbox
from benchmarks.counting import Counts, OtherThreads, counted
from benchmarks.owners import COOKIE, GROUP, PATIENCE, lone_group, mailboxes, open_node
from benchmarks.waiting import await_peer, await_true
from group import Group
from transport import Node

DATA = Path(__file__).with_name("data") / "budgets.json"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Each version of CPython has instructions of its own."""

TOLERANCE = 0.01
"""Counts do not vary, but releases of one version may; one call in 90 is noticed."""
QUIET = 0.01
"""Seconds in which a thread has executed nothing: it has done what there was."""

Measured = dict[str, Counts]


def local_paths() -> Measured:
    """Count what runs on the caller's own thread, on a node without peers."""
    with lone_group() as group, mailboxes(100) as owners, mailbox() as me:
        put = partial(group.register, "user/1", actor=owners[0])
        drop = partial(group.unregister, "user/1")
        for owner in owners:
            group.join("room/1", actor=owner)

        def change() -> None:
            group.leave("room/1", actor=owners[0])
            group.join("room/1", actor=owners[0])

        found = {"register": counted(put, between=drop)}
        put()
        found["lookup"] = counted(partial(group.lookup, "user/1"))
        members = partial(group.members, "room/1")
        found["members of 100"] = counted(members)
        found["members of 100, after a write"] = counted(members, between=change)
        drop()
        group.monitor("user/", actor=me.ref)

        def until_received(write: Callable[[], object]) -> None:
            write()
            me.receive(timeout=PATIENCE)

        found["register until its event is received"] = counted(
            partial(until_received, put), between=partial(until_received, drop)
        )
    return found


def replication() -> Measured:
    """Count a write with one peer, and what the peer's I/O thread does for it."""
    names = itertools.count()
    with ExitStack() as stack:
        node = stack.enter_context(open_node("budget-a"))
        group = stack.enter_context(Group.start(GROUP, node=node, log=False))
        with OtherThreads() as others:
            peer = Node.start("budget-b", cookie=COOKIE, join=node.address)
            stack.callback(peer.stop)
            there = stack.enter_context(Group.start(GROUP, node=peer, log=False))
        (owner,) = stack.enter_context(mailboxes(1))
        await_peer(group)
        await_peer(there)
        group.settle(PATIENCE)

        def write() -> None:
            group.register(f"user/{next(names)}", actor=owner)

        received: list[Counts] = []
        seen = [others.counts("LinkIO")]

        def take() -> None:
            seen.append(_at_rest(others))
            received.append(Counts(*(b - a for a, b in zip(*seen[-2:], strict=True))))

        sent = counted(write, 31, between=take)
        # The middle one: a beat, or a frame in two pieces, is in some of them.
        middle = sorted(received[1:], key=lambda each: each.instructions)[15]
    return {"register, and send it to a peer": sent, "receive a row": middle}


def _at_rest(others: OtherThreads) -> Counts:
    last = Counts(-1, -1)

    def unchanged() -> bool:
        nonlocal last
        before, last = last, others.counts("LinkIO")
        time.sleep(QUIET)
        return before == last

    await_true(unchanged)
    return last


def measured() -> Measured:
    """Count all paths that have a budget."""
    return {**local_paths(), **replication()}


def recorded(path: Path = DATA) -> Measured:
    """Return the budgets of this version of CPython; nothing if it has none."""
    every = json.loads(path.read_text(encoding="utf-8"))
    return {name: Counts(**counts) for name, counts in every.get(VERSION, {}).items()}


def record(found: Measured, path: Path = DATA) -> None:
    """Make these the budgets of this version of CPython."""
    every = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    every[VERSION] = {name: counts._asdict() for name, counts in found.items()}
    path.write_text(json.dumps(every, indent=1, sort_keys=True) + "\n", "utf-8")


def complaint(name: str, found: Counts, budget: Counts) -> str | None:
    """Say that a path has become dearer than its budget allows; None if it has not."""
    over = [
        f"{now} {what}, and {was} are recorded ({now / was - 1:+.0%})"
        for what, now, was in zip(Counts._fields, found, budget, strict=True)
        if now > was * (1 + TOLERANCE)
    ]
    if not over:
        return None
    return (
        f'"{name}" takes {"; ".join(over)}. Find out what it does more than before. If'
        " that is worth it, record it: python -m benchmarks.budgets --record"
    )


def table(found: Measured, budgets: Measured) -> Iterator[str]:
    """Show what paths cost, beside what is recorded."""
    yield f"{'':40}{'calls':>8}{'budget':>8}{'instructions':>14}{'budget':>8}"
    for name, counts in found.items():
        budget = budgets.get(name)
        was = ("-", "-") if budget is None else budget
        yield f"{name:40}{counts[0]:8}{was[0]:>8}{counts[1]:14}{was[1]:>8}"


def main(arguments: Sequence[str]) -> None:
    """Show the budgets, and record them if that is asked for."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.budgets")
    options.add_argument("--record", action="store_true", help="make these the budgets")
    found = measured()
    print("\n".join(table(found, recorded())))
    if options.parse_args(arguments).record:
        record(found)


if __name__ == "__main__":
    main(sys.argv[1:])
