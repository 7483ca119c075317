"""Which faults there are, and which ones a seed brings."""

import math
import random
from collections.abc import Sequence
from typing import NamedTuple

LINKS = {
    "block": 3,
    "one_way": 4,
    "delay": 3,
    "throttle": 2,
    "dribble": 2,
    "reset": 3,
    "half_close": 3,
}
"""Faults of what passes between two nodes, and how often each comes."""

PARTS = {"partition": 3, "isolate": 2}
"""Faults that cut all links between two sets of nodes."""

NODES = {
    "kill": 4,
    "die": 5,
    "freeze": 4,
    "usurp": 2,
    "clean": 2,
    "leave": 4,
    "clock": 2,
}
"""Faults of one node: killed, or killed for the rest of the episode and its check;
SIGSTOP; frozen until another takes its name, then thawed; stopped in order; out of a
cluster; its wall clock set."""

LONGEST_FREEZE = 4.0
RATE = 1024
STORM = 25


class Fault(NamedTuple):
    """One fault.

    Attributes:
        at: Seconds after the beginning of its episode.
        lasts: Seconds until it is undone.
        nodes: Whom it befalls. Of a link: sender and receiver, or both alike; of a
            partition: one side.
        amount: Seconds of a delay; for others, a number that decides what is free.
    """

    at: float
    kind: str
    nodes: tuple[str, ...]
    lasts: float
    amount: float

    def __str__(self) -> str:
        return f"{self.at:.1f}s {self.kind} {'-'.join(self.nodes)} {self.lasts:.1f}s"


def plan(rng: random.Random, names: Sequence[str], seconds: float) -> list[Fault]:
    """Return the faults of one episode, in their order.

    A node has one fault of its own at a time; those of links and parts may overlap.
    Every fourth episode or so is a storm: many short faults of links.
    """
    if rng.random() < 0.25:
        return _storm(rng, names, seconds)
    weights = {**LINKS, **PARTS, **NODES}
    busy = dict.fromkeys(names, 0.0)
    faults: list[Fault] = []
    for at in sorted(rng.uniform(0, seconds) for _ in range(rng.randint(5, 9))):
        (kind,) = rng.choices(list(weights), list(weights.values()))
        if kind in NODES:
            free = [name for name in names if busy[name] <= at]
            if not free:
                continue
            name = rng.choice(free)
            lasts = _lasts(rng, kind)
            if kind == "die":
                weights.pop(kind)
                lasts = math.inf
            # Also the time to start an interpreter, and for a name to be free.
            busy[name] = at + lasts + (4.0 if kind == "usurp" else 2.0)
            faults.append(Fault(at, kind, (name,), lasts, rng.random()))
        else:
            faults.append(_between(rng, kind, at, names))
    return faults


def _storm(rng: random.Random, names: Sequence[str], seconds: float) -> list[Fault]:
    kinds = rng.choices(list(LINKS), list(LINKS.values()), k=STORM)
    begins = sorted(rng.uniform(0, seconds) for _ in kinds)
    calm = [_between(rng, *each, names) for each in zip(kinds, begins, strict=True)]
    return [fault._replace(lasts=rng.uniform(0.02, 0.4)) for fault in calm]


def _lasts(rng: random.Random, kind: str) -> float:
    if kind == "freeze":
        return rng.uniform(0.2, LONGEST_FREEZE)
    return rng.uniform(0.05, 3.0)


def _between(rng: random.Random, kind: str, at: float, names: Sequence[str]) -> Fault:
    count = 2
    if kind == "partition":
        count = rng.randint(1, len(names) - 1)
    elif kind == "isolate":
        count = 1
    nodes = tuple(rng.sample(list(names), count))
    return Fault(at, kind, nodes, rng.uniform(0.2, 4.0), rng.uniform(0, 2.0))
