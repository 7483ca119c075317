"""How long to wait before dialling again."""

FIRST = 0.1
LONGEST = 5.0


def delay(attempts: int, jitter: float) -> float:
    """Return the seconds to wait after so many failed attempts in a row.

    Args:
        attempts: 1 or more.
        jitter: A random number from 0 to 1; half of the wait is random, so that
            nodes which lost each other together do not meet again together.
    """
    longest = min(LONGEST, FIRST * 2.0 ** min(attempts - 1, 16))
    return longest * (0.5 + jitter / 2)
