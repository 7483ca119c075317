"""Long runs: `python -m tests.sim --histories 10000 --profile standard`."""

import argparse
import gc
import random
import sys
from time import monotonic

from tests.sim.campaign import Campaign, HistoryError
from tests.sim.profiles import PROFILES

REPORT_EVERY = 10.0


class Progress:
    """Prints how far a campaign is, every ten seconds."""

    def __init__(self, campaign: Campaign, histories: int) -> None:
        self.campaign = campaign
        self.histories = histories
        self.began = self.told = monotonic()

    @property
    def rate(self) -> float:
        """Histories per second so far."""
        return self.campaign.histories / max(1e-9, monotonic() - self.began)

    def __call__(self) -> None:
        # Here, and nowhere else: a history is thrown away whole.
        gc.collect()
        if monotonic() - self.told >= REPORT_EVERY:
            self.told = monotonic()
            done = f"{self.campaign.histories}/{self.histories}"
            print(f"{self.campaign.profile} {done}, {self.rate:.0f}/s", flush=True)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--histories", type=int, help="how many (default: 1000)")
    parser.add_argument("--profile", choices=(*PROFILES, "all"), default="standard")
    parser.add_argument("--seed", type=int, help="the first; alone: only this one")
    return parser.parse_args()


def main() -> int:
    """Run the campaigns that the command line asks for."""
    given = options()
    count = given.histories or (1000 if given.seed is None else 1)
    first = random.SystemRandom().getrandbits(31) if given.seed is None else given.seed
    gc.disable()
    # What was imported is not looked through after each history.
    gc.collect()
    gc.freeze()
    profiles = PROFILES if given.profile == "all" else (given.profile,)
    for profile in profiles:
        campaign = Campaign(profile)
        progress = Progress(campaign, count)
        print(f"seed={first} histories={count} profile={profile}", flush=True)
        try:
            campaign.run(range(first, first + count), progress)
        except HistoryError as error:
            print(error)
            return 1
        print(f"{campaign.summary()}\n  {progress.rate:.1f} histories/s", flush=True)
        if not campaign.needless_is_rare:
            print("  too many losers were ended for winners that had gone")
            return 1
        if count >= 100 and campaign.unmet():
            print(f"  never met: {', '.join(sorted(campaign.unmet()))}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
