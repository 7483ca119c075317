"""A checker that has rejected nothing proves nothing: break a rule, be caught."""

import pytest

from group._core import messages, requests
from group._core.retiring import Retiring
from tests.sim import faults_of_followers, faults_of_owners
from tests.sim.campaign import Campaign
from tests.sim.planting import FAULTS, Fault, Patch
from tests.sim.replica import Replica
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

    caught = first_to_notice(fault)

    print(f"{name}: {caught}")
    assert caught is not None, f"{name} survived {fault.histories} histories"
    # Such errors tell of a fault that no longer fits what it is planted in.
    assert not isinstance(caught.__cause__, TypeError | AttributeError)


def first_to_notice(fault: Fault) -> InvariantError | None:
    """Return what the first history says that cannot live with a fault."""
    for seed in range(fault.first, fault.first + fault.histories):
        try:
            history(seed, fault.profile)
        except InvariantError as caught:
            return caught
    return None


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
    turn = Replica.turn

    def answer_yourself(self: Replica, index: int, message: object) -> object:
        answer = turn(self, index, message)
        shard = self.shards[index]
        for cluster, key in list(shard.tables.losing):
            winner = shard.tables.views[cluster].registry[key]
            peer = shard.sessions.peers.get(winner.origin.name)
            if peer is not None and peer.token is not None and peer.hello:
                yes = messages.Ans(index, cluster, key, winner.n, winner.stamp)
                turn(self, index, requests.Frame(peer.token, yes))
        return answer

    patch.setattr(Retiring, "ask", lambda self, claims, peers: None)
    patch.setattr(Replica, "turn", answer_yourself)
