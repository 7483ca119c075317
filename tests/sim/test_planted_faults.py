"""A checker that has rejected nothing proves nothing: break a rule, be caught."""

import pytest

from group._core import messages, requests
from group._core.retiring import Retiring
from group._core.shard import Shard
from tests.sim import faults_of_followers, faults_of_owners
from tests.sim.campaign import Campaign
from tests.sim.planting import FAULTS, Patch
from tests.sim.world import InvariantError, history

PLANTED = (faults_of_owners, faults_of_followers)


def test_there_are_at_least_twenty_faults() -> None:
    assert len(FAULTS) >= 20


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name: str, monkeypatch: Patch) -> None:
    fault = FAULTS[name]
    fault.plant(monkeypatch)

    for seed in range(fault.first, fault.first + fault.histories):
        try:
            history(seed, fault.profile)
        except InvariantError as caught:
            print(f"{name}: history {seed}: {caught}")
            return

    pytest.fail(f"{name} survived {fault.histories} histories")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_to_end_losers_without_asking_shows_in_a_rate(monkeypatch: Patch) -> None:
    seeds = range(100)  # Always the same, for rates of so few ends are rough.
    sound, rash = Campaign("cut-off"), Campaign("cut-off")

    sound.run(seeds)
    end_losers_without_asking(monkeypatch)
    rash.run(seeds)

    print(f"{sound.needless:.1%} with asking, {rash.needless:.1%} without")
    assert sound.needless < rash.needless / 2


def end_losers_without_asking(patch: Patch) -> None:
    """Not unsafe, so no invariant notices: only more losers die for nothing."""
    tick = Shard._tick

    def at_once(self: Shard, message: requests.Tick) -> None:
        for cluster, key in list(self.tables.losing):
            winner = self.tables.views[cluster].registry[key]
            peer = self.sessions.peers.get(winner.origin.name)
            if peer is not None and peer.token is not None:
                yes = messages.Ans(
                    self.tables.shard, cluster, key, winner.n, winner.stamp
                )
                self._on_ans(peer, yes)
        tick(self, message)

    patch.setattr(Retiring, "ask", lambda self, claims, peers: None)
    patch.setattr(Shard, "_tick", at_once)
