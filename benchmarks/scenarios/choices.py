"""Choosing one of many, and finding the pattern that fits a name, at three sizes."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks.owners import lone_group, mailboxes, open_node
from benchmarks.readings import Reading
from benchmarks.references.bare import DICT_GET, read_rate
from benchmarks.scenario import Case, Size, clock, scenario
from group import Group, Scope

SIZES = (10, 1_000, 100_000)
WAYS = ("closest", "furthest", "random", "oldest", "newest")
CHOICES = 2_000
PAIRS = 200


@scenario
def pick(size: Size) -> Iterator[Sequence[Case]]:
    """Choose one member of a group of 10, 1,000 and 100,000, five ways; list them."""
    sizes = sorted({size.of(full, least=10) for full in SIZES})
    cases: list[Case] = []
    with ExitStack() as stack:
        group = stack.enter_context(lone_group())
        owners = stack.enter_context(mailboxes(max(sizes)))
        for count in sizes:
            key = f"pool/{count}"
            for owner in owners[:count]:
                group.join(key, actor=owner)
            if len(group.members(key)) != count:
                raise AssertionError("members are missing")
            cases += _of_one_size(group, key, count)
        yield cases


def _of_one_size(group: Group, key: str, count: int) -> list[Case]:
    bare = f"bare random.choice of {count}"
    rows = tuple(range(count))
    cases: list[Case] = [
        partial(_choices, f"pick({count}), {how}", group, key, how, bare)
        for how in WAYS
    ]
    return [
        *cases,
        partial(_after_writes, f"pick({count}), after a write each", group, key, bare),
        read_rate(bare, lambda _: random.choice(rows), [key] * CHOICES),
        read_rate(f"members({count}), unchanged", group.members, [key] * 20),
    ]


def _choices(
    name: str, group: Group, key: str, how: str, against: str
) -> Iterator[Reading]:
    choose: Callable[..., object] = group.pick
    began = clock()
    for _ in range(CHOICES):
        choose(key, how)
    yield Reading(name, CHOICES * 1e9 / (clock() - began), "ops/s", (against,))


def _after_writes(name: str, group: Group, key: str, against: str) -> Iterator[Reading]:
    """Time choices from a group that has changed since the last; not the changes."""
    member = group.pick(key, "oldest").ref
    took = 0
    for _ in range(PAIRS):
        group.leave(key, actor=member)
        group.join(key, actor=member)
        began = clock()
        group.pick(key, "random")
        took += clock() - began
    yield Reading(name, PAIRS * 1e9 / took, "ops/s", (against,))


@scenario
def patterns(size: Size) -> Iterator[Sequence[Case]]:
    """Find the pattern that a name fits among 10, 1,000 and 100,000 stored ones."""
    sizes = sorted({size.of(full, least=10) for full in SIZES})
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench"))
        (owner,) = stack.enter_context(mailboxes(1))
        cases: list[Case] = []
        for count in sizes:
            scope = stack.enter_context(Scope.start(f"bench-{count}", node=node))
            cases += _stored(scope, owner, count)
        yield cases


def _stored(scope: Scope, owner: object, count: int) -> list[Case]:
    names = [f"/users/{index}/get" for index in range(count)]
    join: Callable[..., object] = scope.join_counts
    for first in range(0, count, 1_000):
        batch = {
            f"/users/{index}/*": 1 for index in range(first, min(first + 1_000, count))
        }
        join(batch, actor=owner)
    asked = names[:: max(1, count // 500)]
    for name in asked:
        scope.members(name)
    bare = dict.fromkeys(names, owner)
    literal = f"{DICT_GET} of {count}"
    return [
        read_rate(
            f"members of a name among {count} patterns",
            scope.members,
            asked,
            4,
            (literal,),
        ),
        read_rate(literal, bare.get, asked, 20),
    ]
