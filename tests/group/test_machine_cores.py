"""Cores joined by queues that are worked by hand: long ways where the search is wide.

Every invariant that `tests.search` knows is asked after each step, and at the end the
nodes are left to themselves and must agree.
"""

from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.search.machines import Amount, live
from tests.search.reading import readable
from tests.search.scope import Scope
from tests.search.settling import Settling, UnsettledError
from tests.search.world import Universe

ANY = 10**6
WHICH = st.integers(0, 10**4)
KINDS = ("tick", "notice", "lose", "connect", "leave", "do", "settle", "fill")
FAULTS = ("cut", "crash", "start", "crash", "start", "fail", "fail_take", "fail_run")


class Cores(RuleBasedStateMachine):
    """Two nodes to begin with quietly; what comes next is drawn."""

    nodes: ClassVar[int] = 2

    def __init__(self) -> None:
        super().__init__()
        self.universe = Universe(
            Scope(
                nodes=self.nodes,
                actors=4,
                calls=ANY,
                ticks=ANY,
                cuts=ANY,
                crashes=ANY,
                leaves=ANY,
                failures=ANY,
                fences=ANY,
                fills=ANY,
            )
        )
        self.world = self.universe.first()
        self.told: list[str] = []

    @rule(which=WHICH)
    def call(self, which: int) -> None:
        self._one_of("call", which)

    @rule(which=WHICH, frames=st.integers(1, 6))
    def deliver(self, which: int, frames: int) -> None:
        for _ in range(frames):
            self._one_of("take", which)

    @rule(kind=st.sampled_from(KINDS), which=WHICH)
    def go_on(self, kind: str, which: int) -> None:
        self._one_of(kind, which)

    @rule(kind=st.sampled_from(FAULTS), which=WHICH)
    def go_wrong(self, kind: str, which: int) -> None:
        self._one_of(kind, which)

    def _one_of(self, kind: str, which: int) -> None:
        steps = [s for s in self.universe.steps(self.world) if s.kind == kind]
        if steps:
            step = steps[which % len(steps)]
            self.told.append(readable(self.universe, self.world, step))
            self.world = self.universe.apply(self.world, step) or self.world

    def teardown(self) -> None:
        try:
            Settling(self.universe).check(self.world)
        except UnsettledError as error:
            error.add_note("\n".join(self.told))
            raise


class ThreeCores(Cores):
    nodes = 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", [Cores, ThreeCores])
def test_cores_agree_whatever_happens_between_them(
    machine: type[Cores], seed: int, request: pytest.FixtureRequest
) -> None:
    live(machine, seed, request, Amount(examples=25, steps=40))
