"""Which children restart, in what order, and when to give up.

Pure: no thread, no clock, no log. The rules are Erlang's (OTP `supervisor`). Each
function answers one question, and the supervisor obeys.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

Restart = Literal["permanent", "transient", "temporary"]
Shutdown = float | Literal["infinity", "kill"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
AutoShutdown = Literal["never", "any_significant", "all_significant"]

K = TypeVar("K")


def orderly(reason: object) -> bool:
    """Did an actor with this exit reason end as it was meant to?

    True for "normal", "shutdown" and a pair ("shutdown", detail).
    """
    match reason:
        case "normal" | "shutdown" | ("shutdown", _):
            return True
        case _:
            return False


def restarts(restart: Restart, reason: object) -> bool:
    """Is a child that ended by itself with this reason started again?"""
    if restart == "transient":
        return not orderly(reason)
    return restart == "permanent"


def reported(restart: Restart, reason: object) -> bool:
    """Is the end of a child, by itself, worth an error report?

    A permanent child is never meant to end; the others may, in order.
    """
    return restart == "permanent" or not orderly(reason)


def kept_when_ended(restart: Restart, *, dynamic: bool) -> bool:
    """Does the spec of a child that ended, and is not restarted, stay?

    A static transient child can be brought back by name. A dynamic one has no name,
    and a temporary one is gone at once.
    """
    return restart != "temporary" and not dynamic


def kept_when_stopped(restart: Restart) -> bool:
    """Does the spec of a child that its supervisor stopped stay?"""
    return restart != "temporary"


def group(strategy: Strategy, ids: Sequence[K], failed: K) -> list[K]:
    """List the children that one restart touches, in start order.

    Args:
        strategy: The supervisor's.
        ids: All its children in start order.
        failed: The child that ended, or that failed to start in the last round.
    """
    match strategy:
        case "one_for_one":
            return [failed]
        case "one_for_all":
            return list(ids)
        case "rest_for_one":
            return list(ids[ids.index(failed) :])


def stop_order(ids: Iterable[K]) -> list[K]:
    """Order children for stopping: the last one started goes first."""
    return list(ids)[::-1]


def spend(
    history: Sequence[float], now: float, max_restarts: int, max_seconds: float
) -> tuple[list[float], bool]:
    """Count one restart attempt, and say whether it is still allowed.

    An attempt exactly max_seconds old still counts. Unlike OTP, which cuts the time
    to whole seconds, the window is exact, so it is up to a second shorter.

    Args:
        history: Moments of earlier attempts, oldest first.
        now: This moment, on the same monotonic clock, in seconds.
        max_restarts: So many attempts are allowed within the window.
        max_seconds: Length of the window.

    Returns:
        The new history, this attempt included, and True when it is allowed.
    """
    recent = [then for then in history if now - then <= max_seconds]
    recent.append(now)
    return recent, len(recent) <= max_restarts


def ends_supervisor(
    auto_shutdown: AutoShutdown, *, significant: bool, significant_left: int
) -> bool:
    """Does a child that ended by itself, and is not restarted, end its supervisor?

    Args:
        auto_shutdown: The supervisor's.
        significant: Whether that child was significant.
        significant_left: Other significant children that run or are restarting.
    """
    if not significant:
        return False
    match auto_shutdown:
        case "never":
            return False
        case "any_significant":
            return True
        case "all_significant":
            return significant_left == 0


def stopped_well(restart: Restart, shutdown: Shutdown, reason: object) -> bool:
    """Did a child that its supervisor stopped end with a reason it may end with?"""
    if shutdown == "kill":
        return reason == "killed"
    if reason == "shutdown":
        return True
    return orderly(reason) and restart != "permanent"
