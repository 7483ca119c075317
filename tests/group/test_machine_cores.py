"""Cores joined by queues that are worked by hand: long ways where the search is wide.

Every invariant that `tests.search` knows is asked after each step, and at the end the
nodes are left to themselves and must agree.
"""

from typing import ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.search.machines import Amount, live
from tests.search.parts import Step
from tests.search.reading import readable
from tests.search.scope import Scope
from tests.search.settling import Settling, UnsettledError
from tests.search.world import Universe

ANY = 10**6
LONG = 30
WHICH = st.integers(0, 10**4)


class Cores(RuleBasedStateMachine):
    """Two nodes to begin with, linked; what comes next is drawn."""

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
        self.told: list[str] = []
        self.settling = Settling(self.universe)
        self.world = self.universe.first()
        self.go_the_usual_way(LONG)

    @rule(which=WHICH)
    def call(self, which: int) -> None:
        self._one_of("call", which)

    @rule(which=WHICH, frames=st.integers(1, 6))
    def deliver(self, which: int, frames: int) -> None:
        for _ in range(frames):
            self._one_of("take", which)

    @rule(steps=st.integers(1, LONG))
    def go_the_usual_way(self, steps: int) -> None:
        """Let what is under way arrive, and links come up."""
        for _ in range(steps):
            step = self.settling.next(self.world)
            if step is None or step.kind == "beat":
                return
            self._take(step)

    @rule(kind=WHICH, which=WHICH)
    def go_on_or_wrong(self, kind: int, which: int) -> None:
        kinds = {step.kind for step in self.universe.steps(self.world)}
        others = sorted(kinds - {"call", "take"})
        if others:
            self._one_of(others[kind % len(others)], which)

    def _one_of(self, kind: str, which: int) -> None:
        steps = [s for s in self.universe.steps(self.world) if s.kind == kind]
        if steps:
            self._take(steps[which % len(steps)])

    def _take(self, step: Step) -> None:
        self.told.append(readable(self.universe, self.world, step))
        self.world = self.universe.apply(self.world, step) or self.world

    def teardown(self) -> None:
        try:
            self.settling.check(self.world)
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
