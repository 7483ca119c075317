"""Faults on real processes: `python -m tests.campaign --seconds 600 --nodes 4`."""

import argparse
import asyncio
import os
import random
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from tests.campaign.campaign import Campaign, ViolationError


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.campaign", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=600.0, help="of episodes")
    parser.add_argument("--nodes", type=int, choices=(3, 4, 5), default=4)
    parser.add_argument("--seed", type=int, help="decides the faults")
    parser.add_argument(
        "--rate", type=float, default=25.0, help="deeds per second, node"
    )
    return parser.parse_args()


def main() -> int:
    """Run one campaign; return 1 and keep its journals if something does not hold."""
    given = options()
    seed = random.SystemRandom().getrandbits(31) if given.seed is None else given.seed
    folder = Path(tempfile.mkdtemp(prefix="campaign-"))
    os.environ["GROUP_COOKIE"] = secrets.token_hex(32)
    numbers = f"seed={seed} nodes={given.nodes} seconds={given.seconds:g}"
    print(f"{numbers} journals in {folder}", flush=True)
    campaign = Campaign(
        folder,
        nodes=given.nodes,
        seed=seed,
        rate=given.rate,
        say=lambda words: print(words, flush=True),
    )
    try:
        asyncio.run(campaign.run(given.seconds))
    except ViolationError as violation:
        print(f"{campaign.tally}\nVIOLATION {violation}")
        print(
            f"episode {campaign.tally.episodes}: {'; '.join(map(str, campaign.faults))}"
        )
        print(f"{numbers} journals in {folder}")
        return 1
    print(campaign.tally)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
