"""Faults to plant: each takes one rule of the protocol away."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.sim.profiles import PROFILES, Profile

Patch = pytest.MonkeyPatch
Planter = Callable[[Patch], None]


@dataclass(frozen=True)
class Fault:
    """A rule to take away, and the histories one of which must notice.

    Attributes:
        first: The seed to begin with: for a fault that few histories notice, one
            that is known to.
    """

    plant: Planter
    profile: Profile
    histories: int
    first: int


FAULTS: dict[str, Fault] = {}


def fault(
    profile: str = "partitions", *, histories: int = 200, first: int = 0
) -> Callable[[Planter], Planter]:
    """Enter a function that plants a fault into the list of all."""

    def enter(plant: Planter) -> Planter:
        FAULTS[plant.__name__] = Fault(plant, PROFILES[profile], histories, first)
        return plant

    return enter
