"""Clocks that talk to each other: stamps follow causes, whatever the walls say."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from group._core.hlc import MAX_SKEW_MS, Clock
from tests.search.machines import Amount, live

CLOCKS = st.integers(0, 2)
# Of a wall clock, in ms: creeping, stepping back, running wild.
STEPS = st.one_of(
    st.integers(-5, 5), st.integers(-2 * MAX_SKEW_MS, 2 * MAX_SKEW_MS), st.just(10**9)
)


class Clocks(RuleBasedStateMachine):
    """Three nodes; a stamp may be made on one and be seen by the others, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.clocks = [Clock() for _ in range(3)]
        self.walls = [10**12] * 3
        self.highest_wall = 10**12
        self.made: list[int] = []
        # The greatest stamp that each clock has made or believed.
        self.caused = [0, 0, 0]

    @rule(clock=CLOCKS, step=STEPS)
    def turn_the_wall_clock(self, clock: int, step: int) -> None:
        self.walls[clock] = max(1, self.walls[clock] + step)
        self.highest_wall = max(self.highest_wall, self.walls[clock])

    @rule(clock=CLOCKS)
    def stamp(self, clock: int) -> None:
        stamp = self.clocks[clock].stamp(self.walls[clock])

        assert stamp > self.caused[clock]
        assert stamp >> 16 >= self.walls[clock]
        if self.walls[clock] > self.caused[clock] >> 16:
            assert stamp == self.walls[clock] << 16
        self.caused[clock] = stamp
        self.made.append(stamp)

    @rule(clock=CLOCKS, which=st.integers(0, 1000))
    def see(self, clock: int, which: int) -> None:
        if not self.made:
            return
        stamp, before = self.made[which % len(self.made)], self.clocks[clock].last

        believed = self.clocks[clock].see(stamp, self.walls[clock])

        skew = (stamp >> 16) - self.walls[clock]
        assert believed == (stamp <= before or skew <= MAX_SKEW_MS)
        assert self.clocks[clock].last == (max(before, stamp) if believed else before)
        if believed:
            self.caused[clock] = max(self.caused[clock], stamp)

    @invariant()
    def a_clock_is_what_it_has_made_or_believed(self) -> None:
        assert [clock.last for clock in self.clocks] == self.caused

    @invariant()
    def no_clock_is_ahead_of_every_wall_there_was(self) -> None:
        highest = max(clock.last >> 16 for clock in self.clocks)
        assert highest <= self.highest_wall


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_clocks_follow_causes_and_believe_no_wild_one(
    seed: int, request: pytest.FixtureRequest
) -> None:
    live(Clocks, seed, request, Amount(examples=100, steps=50))
