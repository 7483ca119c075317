"""Values as they are after a journey to another process of ours."""

from multiprocessing.reduction import ForkingPickler
from typing import TypeVar

T = TypeVar("T")


def pickled(value: T) -> T:
    """Return what another process makes of a value."""
    again: T = ForkingPickler.loads(ForkingPickler.dumps(value))
    return again
