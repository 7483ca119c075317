"""Real processes behind bad links, killed and stopped: a short campaign of faults.

Longer ones: `make campaign`, or `pytest tests/cluster --campaign-seconds 60`.
"""

import asyncio
import secrets
from pathlib import Path

import pytest

from tests.campaign.campaign import Campaign

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_no_fault_breaks_what_processes_agree_on(
    seed: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = request.config.getoption("--campaign-seconds")
    monkeypatch.setenv("GROUP_COOKIE", secrets.token_hex(32))
    campaign = Campaign(tmp_path, nodes=3, seed=seed)

    # Raises at the first violation; the journals are in tmp_path.
    asyncio.run(campaign.run(seconds))

    print(campaign.tally)
    assert campaign.tally.faults.total() >= seconds / 4
    assert campaign.tally.calls >= seconds * 5
    assert campaign.tally.rows > 0
