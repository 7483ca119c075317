"""Arguments of the public verbs that are neither keys, clusters nor meta."""

from __future__ import annotations

import math
from typing import TypeGuard, cast

from group._core.errors import InvalidArgumentError, shown

FOREVER = 1e9
"""Seconds, some 31 years: longer waits become this, for locks refuse them."""


def check_ttl(ttl: object) -> float | None:
    """Return the seconds that a lease lasts; None is no lease.

    Raises:
        InvalidArgumentError: It is not a positive finite number.
    """
    if ttl is None:
        return None
    if _is_number(ttl) and ttl > 0:
        return float(min(ttl, FOREVER))
    raise InvalidArgumentError(
        f"ttl must be a positive finite number of seconds, got {shown(ttl)}", "B033"
    )


def check_timeout(timeout: object) -> float:
    """Return the seconds that a caller waits at most; 0 is not at all.

    Raises:
        InvalidArgumentError: It is not a finite number, or negative.
    """
    if type(timeout) is float and 0.0 <= timeout <= FOREVER:
        return timeout
    if _is_number(timeout) and timeout >= 0:
        return float(min(timeout, FOREVER))
    raise InvalidArgumentError(
        f"timeout must be a number of seconds, 0 or more, got {shown(timeout)}", "B033"
    )


def check_limit(limit: object) -> int | None:
    """Return how many entries a caller wants at most; None is all.

    Raises:
        InvalidArgumentError: It is not an int of 0 or more.
    """
    if limit is None or (type(limit) is int and limit >= 0):
        return limit
    raise InvalidArgumentError(
        f"limit must be an integer, 0 or more, got {shown(limit)}", "B035"
    )


def check_count(count: object) -> None:
    """Check how many members a caller waits for.

    Raises:
        InvalidArgumentError: It is not an int of 0 or more.
    """
    if type(count) is not int or count < 0:
        raise InvalidArgumentError(
            f"count must be an integer, 0 or more, got {shown(count)}", "B035"
        )


def _is_number(value: object) -> TypeGuard[float]:
    # Not isinstance(): True would be a second. Comparing, not math.isfinite(), which
    # raises for an int that no float can hold.
    return type(value) in (int, float) and cast("float", value) < math.inf
