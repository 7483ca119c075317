"""What supervisors tell the operator: each fact once, as an event with fields.

A crash itself is logged, with its traceback, where it happened; here only its words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors._log import log

if TYPE_CHECKING:
    from actors._reasons import Reason
    from actors._supervision.spec import ChildSpec
    from actors._types import AnyRef


def child_started(supervisor: AnyRef, spec: ChildSpec, ref: AnyRef) -> None:
    """Progress: a child is up."""
    log.info("child_started", **_who(supervisor, spec, ref))


def child_terminated(
    supervisor: AnyRef, spec: ChildSpec, ref: AnyRef | None, reason: Reason
) -> None:
    """A child ended by itself, and should not have."""
    log.error("child_terminated", **_who(supervisor, spec, ref), reason=reason)


def start_error(supervisor: AnyRef, spec: ChildSpec, reason: Reason) -> None:
    """A child did not start."""
    log.error("start_error", **_who(supervisor, spec, None), reason=reason)


def shutdown_error(
    supervisor: AnyRef, spec: ChildSpec, ref: AnyRef, reason: Reason
) -> None:
    """A child that was stopped ended in another way than it should."""
    log.error("shutdown_error", **_who(supervisor, spec, ref), reason=reason)


def gave_up(
    supervisor: AnyRef, spec: ChildSpec, restarts: int, seconds: float, reason: Reason
) -> None:
    """A supervisor has restarted too often and ends."""
    log.error(
        "supervisor_gave_up",
        **_who(supervisor, spec, None),
        attempts=restarts,
        within=seconds,
        reason=reason,
    )


def unexpected_message(supervisor: AnyRef, message: object) -> None:
    """A supervisor was sent something it does not know."""
    log.warning("unexpected_message", supervisor=supervisor, message=repr(message))


def _who(supervisor: AnyRef, spec: ChildSpec, ref: AnyRef | None) -> dict[str, object]:
    return {
        "supervisor": supervisor,
        "child": spec.id,
        "actor": ref,
        "restart": spec.restart,
    }
