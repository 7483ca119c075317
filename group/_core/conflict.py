"""Who keeps a contested key: the one place where that is decided.

The rule is a maximum over a total order that every node computes alike, so it does not
matter in which order claims arrive: rank, then the newest registration, then node and
actor number.
"""

from collections.abc import Callable, Iterable

from group._core.rows import Row

Rank = Callable[[str, Row], object]


def constant_rank(_key: str, _row: Row) -> object:
    """Rank all claims alike: the newest registration wins."""
    return ()


def winner(key: str, claims: Iterable[Row], rank: Rank) -> Row:
    """Return the claim that keeps the key.

    Args:
        key: The contested key.
        claims: At least one; at most one per node.
        rank: Ranks one claim; must not raise, and its values must be comparable.
    """
    return max(claims, key=lambda row: (rank(key, row), row.stamp, row.origin, row.n))
