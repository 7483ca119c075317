"""Handles to supervisors: the questions and orders they take from any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Literal, Self, TypeVar, cast, overload

import pykka
from pykka.messages import ProxyCall

from actors._current import current_cell
from actors._errors import DeadlockError
from actors._ref import ActorRef, actor_id
from actors._supervision import roster

if TYPE_CHECKING:
    from collections.abc import Hashable

    from actors._future import Future
    from actors._supervision.children import Child, Counts
    from actors._supervision.spec import ChildSpec
    from actors._types import Answer, AnyRef

A = TypeVar("A", bound=pykka.Actor)

# Looking takes no time; a supervisor that starts or stops children may be busy.
LOOK_SECONDS = 5.0


class OverseerRef(ActorRef[A], Generic[A]):
    """What can be asked of both kinds of supervisor.

    A request waits while the supervisor starts or stops children. Without `timeout`
    a change takes as long as the children it concerns may take; when a `timeout`
    passes, the request is carried out all the same, later.

    Attributes:
        gave_up: Whether it ended because it had restarted too often.
    """

    gave_up: bool = False

    def __enter__(self) -> Self:
        """Stop the tree when the `with` block ends."""
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def which_children(self, *, timeout: float | None = LOOK_SECONDS) -> list[Child]:
        """List the children, newest first.

        Raises:
            Timeout: The supervisor is busy with its children.
        """
        return cast("list[Child]", self._request("which_children", timeout=timeout))

    def count_children(self, *, timeout: float | None = LOOK_SECONDS) -> Counts:
        """Count the children: all, those that really live, and by type.

        Raises:
            Timeout: The supervisor is busy with its children.
        """
        return cast("Counts", self._request("count_children", timeout=timeout))

    def start_child(
        self, spec: ChildSpec, *, timeout: float | None = None
    ) -> AnyRef | None:
        """Start one more child, the last in order; return when it is up.

        Returns:
            Its ref, or None when its callable declined to start it.

        Raises:
            ChildError: There is a child with this id: "already_started", or
                "already_present" when it does not run.
            StartError: It did not come up, and is forgotten.
            MaxChildrenError: A dynamic supervisor has all it may have.
            ValueError: The spec does not fit this supervisor.
            Timeout: The child is not up yet. It will be, or is given up later.
        """
        answer = self._request("start_child", spec, timeout=timeout)
        return cast("AnyRef | None", answer)

    def _request(
        self, name: str, *args: object, timeout: float | None = None
    ) -> Answer:
        return self.ask(ProxyCall((name,), args, {}), timeout=timeout)

    @overload
    def stop(
        self, *, block: Literal[True] = True, timeout: float | None = None
    ) -> bool: ...

    @overload
    def stop(
        self, *, block: Literal[False], timeout: float | None = None
    ) -> Future[bool]: ...

    @overload
    def stop(
        self, *, block: bool = True, timeout: float | None = None
    ) -> bool | Future[bool]: ...

    def stop(
        self, *, block: bool = True, timeout: float | None = None
    ) -> bool | Future[bool]:
        """Stop the children in reverse order, then the supervisor.

        Raises:
            DeadlockError: Called from inside its own tree, whose end it would wait
                for; use `block=False` there.
            Timeout: The tree did not end in time. It will.
        """
        if block:
            refuse_from_below(self)
        return super().stop(block=block, timeout=timeout)


class SupervisorRef(OverseerRef[A], Generic[A]):
    """A handle to a Supervisor. Its children are named by their ids."""

    def terminate_child(
        self, child_id: Hashable, *, timeout: float | None = None
    ) -> None:
        """Stop a child and keep its spec, unless it is temporary.

        Also takes back a restart that is still being tried. No-op when it is down.

        Raises:
            ChildError: "not_found".
            DeadlockError: Called from inside that child.
            Timeout: The child is not down yet. It will be.
        """
        self._refuse_from_child(child_id)
        self._request("terminate_child", child_id, timeout=timeout)

    def restart_child(
        self, child_id: Hashable, *, timeout: float | None = None
    ) -> AnyRef | None:
        """Start a child that is down; return when it is up.

        Raises:
            ChildError: "running", "restarting" or "not_found".
            StartError: It did not come up; its spec stays.
            Timeout: The child is not up yet.
        """
        answer = self._request("restart_child", child_id, timeout=timeout)
        return cast("AnyRef | None", answer)

    def delete_child(
        self, child_id: Hashable, *, timeout: float | None = LOOK_SECONDS
    ) -> None:
        """Forget a child that is down.

        Raises:
            ChildError: "running", "restarting" or "not_found".
            Timeout: The supervisor is busy with its children.
        """
        self._request("delete_child", child_id, timeout=timeout)

    def get_childspec(
        self, child_id: Hashable, *, timeout: float | None = LOOK_SECONDS
    ) -> ChildSpec:
        """Give the full spec of a child (of a temporary one without arguments).

        Raises:
            ChildError: "not_found".
            Timeout: The supervisor is busy with its children.
        """
        answer = self._request("get_childspec", child_id, timeout=timeout)
        return cast("ChildSpec", answer)

    def _refuse_from_child(self, child_id: Hashable) -> None:
        children = roster.children_of(self.cell.number)
        record = None if children is None else children.get(child_id)
        life = None if record is None else record.life
        if life is not None:
            refuse_from_below(life.ref)


class DynamicSupervisorRef(OverseerRef[A], Generic[A]):
    """A handle to a DynamicSupervisor. Its children are named by their refs."""

    def terminate_child(self, ref: AnyRef, *, timeout: float | None = None) -> None:
        """Stop a child and forget it.

        Raises:
            ChildError: "not_found"; also for a child that has ended.
            DeadlockError: Called from inside that child.
            Timeout: The child is not down yet. It will be.
        """
        refuse_from_below(ref)
        self._request("terminate_child", ref, timeout=timeout)


def refuse_from_below(ref: AnyRef) -> None:
    """Raise DeadlockError if this code runs in that actor or in its tree."""
    me = current_cell()
    if me is None or not roster.is_below(me.number, actor_id(ref)):
        return
    raise DeadlockError(
        f"{ref} waits for its children, of which this actor is one; "
        "use stop(block=False), or let another actor wait"
    )
