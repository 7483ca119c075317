"""Whatever the network does, linked nodes end up agreeing, and never lie meanwhile.

`pytest tests/sim --seeds 1000` lives through more histories; `--seed N` replays one.
For long runs: `python -m tests.sim --histories 100000 --profile standard`.
"""

from collections.abc import Sequence

import pytest

from tests.sim.campaign import MUST_MEET, Campaign
from tests.sim.world import history

# How many histories of each kind for one of `--seeds`.
SHARE = {
    "standard": 1.0,
    "partitions": 0.3,
    "shards": 0.3,
    "chaos": 0.2,
    "sealed": 0.1,
    "ranked": 0.1,
    "wild-clocks": 0.1,
    "lossy": 0.1,
    "crumbling": 0.1,
    "cut-off": 0.1,
    "five": 0.1,
    "seven": 0.05,
}
# Few histories meet the rare things by luck only.
ENOUGH = 60


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("profile", SHARE)
def test_no_history_breaks_an_invariant(profile: str, seeds: Sequence[int]) -> None:
    histories = max(1, int(len(seeds) * SHARE[profile]))
    campaign = Campaign(profile)

    campaign.run(seeds[:histories])

    print(campaign.summary())
    assert campaign.needless_is_rare
    if histories >= ENOUGH:
        assert campaign.unmet() == set()


def test_the_same_seed_is_the_same_history(seed: int) -> None:
    one, two = history(seed), history(seed)

    assert one.stats == two.stats
    assert one.checks.history == two.checks.history


def test_every_profile_says_what_it_must_meet() -> None:
    assert MUST_MEET.keys() == SHARE.keys()
