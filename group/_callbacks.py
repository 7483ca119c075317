"""User callbacks, called so that they can hurt nobody: guarded, timed, defaulted."""

import math
import traceback
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from group._clock import monotonic
from group._core.config import ExtractMeta
from group._core.config import Rank as UserRank
from group._core.conflict import Rank, constant_rank
from group._core.meta import Meta, RefIn
from group._core.rows import Row
from group._log import GroupLog

SLOW = 0.1
"""Seconds after which a callback is complained about: it holds a shard up."""

T = TypeVar("T")

_LOWEST = (0,)


def guarded(log: GroupLog, name: str, call: Callable[[], T], default: T) -> T:
    """Return what a callback of the user returns; `default` if it raises."""
    began = monotonic()
    trace = ""
    try:
        result = call()
    except Exception:  # noqa: BLE001 - the user's code may raise anything
        result, trace = default, traceback.format_exc()
    if trace:
        log.error("callback_failed", callback=name, traceback=trace)
    took = monotonic() - began
    if took > SLOW:
        log.warning("slow_callback", callback=name, seconds=round(took, 3))
    return result


def safe_rank(rank: UserRank | None, ref_in: RefIn, log: GroupLog) -> Rank:
    """Make a user's rank a total order: what cannot be compared ranks lowest."""
    if rank is None:
        return constant_rank

    def ranked(key: str, row: Row) -> object:
        meta = Meta.of(row.meta, ref_in)
        value: object = guarded(
            log,
            "conflict_rank",
            lambda: rank(key, meta, row.origin.name, row.stamp),
            None,
        )
        return ordered(value)

    return ranked


def safe_extract(
    extract: ExtractMeta | None, log: GroupLog
) -> Callable[[Meta], Mapping[str, object]]:
    """Make a user's extractor safe: where it fails, readers get the raw meta."""
    if extract is None:
        return _unchanged

    def extracted(meta: Meta) -> Mapping[str, object]:
        # What an extractor returns is what its user reads, whatever it is.
        call = cast("Callable[[], Mapping[str, object]]", lambda: extract(meta))
        return guarded(log, "extract_meta", call, meta)

    return extracted


def _unchanged(meta: Meta) -> Mapping[str, object]:
    return meta


def ordered(value: object) -> tuple[object, ...]:
    """Put a rank into an order in which any two values can be compared."""
    match value:
        case int() | float() if not math.isnan(value):
            return (1, value)
        case str():
            return (2, value)
        case bytes():
            return (3, value)
        case tuple() | list():
            return (4, tuple(ordered(item) for item in value))
        case _:
            return _LOWEST
