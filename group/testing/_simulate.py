"""simulate: many histories of partitions, to see what a rule for conflicts does."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from group._callbacks import ordered
from group._core import meta as metas_
from group._core.config import Rank, configured
from group._core.conflict import constant_rank
from group._core.errors import InvalidArgumentError
from group._core.meta import Meta
from group._core.plain import RefAddress
from group._core.rows import Row
from group.testing._simulated import BrokenError, World

Metas = Callable[[random.Random], Mapping[str, object]]

MOST_NODES = 7
MOST_HISTORIES = 1_000_000
MOST_SEED = 2**63


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """What the histories of a simulation have met.

    Attributes:
        seed: Of the first; the next ones follow it.
        histories: How many there were.
        claims: Claims that were made.
        conflicts: Claims that lost to another one, after a partition.
    """

    seed: int
    histories: int
    claims: int
    conflicts: int

    def __str__(self) -> str:
        return (
            f"{self.histories} histories from seed {self.seed}: "
            f"{self.claims} claims, {self.conflicts} lost a conflict"
        )


class SimulationError(AssertionError):
    """A history in which something did not hold; the text has the line to replay it.

    Attributes:
        seed: The history's.
    """

    def __init__(self, problem: object, seed: int, call: str) -> None:
        super().__init__(f"{problem}\n  replay: simulate({call}, seed={seed})")
        self.seed = seed


def simulate(
    conflict_rank: Rank | None = None,
    *,
    metas: Metas | Sequence[Mapping[str, object]] = ({},),
    histories: int | None = None,
    seed: int | None = None,
    nodes: int = 3,
) -> Simulation:
    """See what a group with this rule does when its nodes are cut off and meet again.

    Runs the real code that claims keys, replicates them and settles conflicts, on some
    nodes in virtual time: no sockets and no threads, about a hundred histories a
    second. In each, nodes are parted, killed and healed while actors claim two keys.
    Then it must hold that each key has at most one owner, whom all nodes show; that
    each claim that was ended had lost to one that ranks above it; and that none was
    ended twice. The rule itself must give the same for the same claim, raise nothing,
    and return what can be put into an order.

    Args:
        conflict_rank: As for `Group.start`; None is the built-in rule.
        metas: What claims are made with: some to draw from, or a function that makes
            one with the `random.Random` that it is given.
        histories: How many; 200 if not given, or 1 when a seed is.
        seed: Of the first history; a random one if not given.
        nodes: How many there are in each.

    Returns:
        What was met. A simulation without conflicts has shown nothing.

    Raises:
        SimulationError: Something did not hold; has the line that replays it.
        group.ConfigError: It cannot be a rule.
        InvalidArgumentError: A number is out of range.
        InvalidMetaError: Something in a meta cannot be written.
    """
    __tracebackhide__ = True
    configured("simulation", {"conflict_rank": conflict_rank})
    many = (200 if seed is None else 1) if histories is None else histories
    _check_number("histories", many, 1, MOST_HISTORIES)
    _check_number("nodes", nodes, 2, MOST_NODES)
    first = random.SystemRandom().getrandbits(31) if seed is None else seed
    _check_number("seed", first, 0, MOST_SEED)
    make = metas if callable(metas) else _drawn(metas)
    name = getattr(conflict_rank, "__name__", None)
    call = f"{name}, metas=..., nodes={nodes}"
    claims = conflicts = 0
    for each in range(first, first + many):
        rank = constant_rank if conflict_rank is None else _checked(conflict_rank)
        world = World(each, nodes, rank, lambda rng: _encoded(make(rng)))
        try:
            world.run()
        except BrokenError as problem:
            raise SimulationError(problem, each, call) from problem.__cause__
        claims += world.made
        conflicts += world.lost
    return Simulation(seed=first, histories=many, claims=claims, conflicts=conflicts)


def _checked(rank: Rank) -> Callable[[str, Row], object]:
    """Make a user's rank one that says what is wrong with it."""

    def value_of(key: str, row: Row) -> object:
        meta = Meta.of(row.meta, _no_ref_in)
        try:
            value: object = rank(key, meta, row.origin.name, row.stamp)
        except Exception as error:
            raise BrokenError(
                f"the rank of {dict(meta)} raised {type(error).__name__}: {error}; "
                "a group would rank that claim lowest"
            ) from error
        if _is_unordered(ordered(value)):
            raise BrokenError(
                f"the rank of {dict(meta)} is {value!r}, which cannot be put into an "
                "order; return numbers, strings, bytes, or tuples of them"
            )
        return ordered(value)

    def ranked(key: str, row: Row) -> object:
        value, again = value_of(key, row), value_of(key, row)
        if value != again:
            raise BrokenError(
                f"the rank of {dict(Meta.of(row.meta, _no_ref_in))} is one thing now "
                "and another then; nodes that ask it would not agree"
            )
        return value

    return ranked


def _is_unordered(value: tuple[object, ...]) -> bool:
    """Tell whether a rank, or a part of it, is what ranks lowest for want of order."""
    if len(value) == 1:
        return True
    kind, what = value
    return kind == 4 and isinstance(what, tuple) and any(map(_is_unordered, what))


def _drawn(metas: object) -> Metas:
    if not isinstance(metas, Sequence) or isinstance(metas, str | bytes):
        raise InvalidArgumentError(
            "metas must be a list of metas, or a function that makes one of a "
            f"random.Random; got {metas!r:.80}",
            "B033",
        )
    if not metas:
        raise InvalidArgumentError("metas must hold at least one meta", "B033")
    return lambda rng: rng.choice(metas)


def _encoded(meta: object) -> bytes:
    return metas_.encode(dict(meta) if isinstance(meta, Mapping) else meta, _no_ref)


def _check_number(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise InvalidArgumentError(
            f"{name} must be an integer {least} to {most}, got {value!r:.80}", "B033"
        )


def _no_ref(_value: object) -> RefAddress | None:
    return None


def _no_ref_in(address: RefAddress) -> NoReturn:
    raise AssertionError(address)
