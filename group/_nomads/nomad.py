"""NomadSupervisor: its children restart on other nodes.

Each supervisor is a member of one group, and tells all others which children it has:
so the others know what to start when its node is lost. A child's key in the registry,
`<key>/<id of the child>`, sees to it that it runs once: when a split has made two of
it, the conflict ends one.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from actors import (
    Actor,
    ActorDeadError,
    AnyRef,
    ChildError,
    ChildSpec,
    Down,
    DynamicSupervisor,
    DynamicSupervisorRef,
    MonitorRef,
    NodeDown,
    StartError,
    link,
    monitor,
    tell_after,
)
from group._clock import monotonic
from group._core.errors import InvalidKeyError, shown
from group._core.events import Events, Lagged
from group._core.keys import check_write_key
from group._core.nomads import Limit, heir, moves, spend
from group._core.views import Member
from group._errors import (
    GroupError,
    KeyTakenError,
    NoProcessError,
    NoSuchGroupError,
    StoppedError,
)
from group._group import Group
from group._log import log
from group._nomads.talk import Adopt, Carries, Dropped, Travel
from group._reasons import RegistryConflict

LOOK_AGAIN = 0.02
"""Seconds after which a key is looked at again whose owner is just being lost."""


@dataclass(slots=True)
class _Child:
    travel: Travel
    ref: AnyRef
    monitor: MonitorRef
    since: float


class NomadSupervisor(Actor):
    """Starts children that live on, on another node, when they end.

    Start one on each node, with the same key. A child that ends by itself is started
    by another supervisor of the group, a random one; when a node is lost, the others
    share its children. Nothing is handed over but the spec of the child, and how often
    it has been restarted: whoever restarts too often is given up, with an error in the
    log. So is one for which there is no other supervisor. A child that its supervisor
    stops, at its own end too, is not started again.

    Its methods are called through `ref.proxy()`, also from other nodes.

    Args:
        group: The group that the supervisors of this node and of others share.
        key: The group's key that the supervisors join; children are registered below.
        max_restarts: A child may be restarted so many times within `max_seconds`.
        max_seconds: Length of that window.
    """

    # Whoever asks for what cannot be gets an error, and the children live on.
    crash_on: ClassVar[Literal["any", "tell"]] = "tell"

    def __init__(
        self,
        group: Group,
        key: str = "nomads",
        *,
        max_restarts: int = 3,
        max_seconds: float = 5.0,
    ) -> None:
        super().__init__()
        self._group = group
        self._key = check_write_key(key)
        self._limit = Limit(max_restarts, max_seconds)
        self._log = log.bind(group=group.name, node=group.node.name, supervisors=key)
        self._pool: DynamicSupervisorRef[DynamicSupervisor] | None = None
        self._mine: dict[str, _Child] = {}
        # What others have, by supervisor; and what somebody has been asked to take.
        self._theirs: dict[AnyRef, dict[str, Travel]] = {}
        self._awaited: dict[str, tuple[Travel, AnyRef]] = {}
        self._others: set[AnyRef] = set()

    # Requests

    def start_child(
        self, spec: ChildSpec, *, where: Literal["here", "random"] = "here"
    ) -> AnyRef | None:
        """Start a child here, or on a random node of the group.

        Args:
            spec: Made by `actors.child`; its id is a str. It must be able to travel:
                a class or function that the other nodes can import, and plain data.
            where: With "random" it may come up after this call, on another node.

        Returns:
            The child, if it was started here.

        Raises:
            InvalidKeyError: The id makes no key.
            ChildError: A child of this id runs already, here or elsewhere.
            StartError: It did not come up.
        """
        if not isinstance(spec.id, str):
            raise InvalidKeyError(
                f"the id of a nomad must be a str, got {shown(spec.id)}", spec.id
            )
        key = self._key_of(check_write_key(spec.id))
        taken = self._group.lookup(key)
        if taken is not None:
            home, _ = self._group.node.address_of(taken.ref)
            raise _runs_already(spec.id, home.name)
        travel = Travel(spec, self._limit)
        if where == "random":
            target = self._group.pick(self._key, "random").ref
            if target != self.actor_ref:
                self._hand_over(travel, target)
                return None
        return self._start(travel)

    def which_children(self) -> dict[str, AnyRef]:
        """Return the children of this node by id."""
        return {name: child.ref for name, child in self._mine.items()}

    def terminate_child(self, child_id: str) -> None:
        """Stop a child of this node; it is not started again anywhere.

        Raises:
            ChildError: There is none of this id here.
        """
        child = self._mine.pop(child_id, None)
        if child is None:
            raise ChildError(child_id, "not_found")
        self._tell_others(Dropped(self.actor_ref, (child_id,)))
        self._started_pool.terminate_child(child.ref)

    # Life

    def on_start(self) -> None:
        """Meet the others."""
        self._pool = DynamicSupervisor.start()
        link(self._pool)
        self._group.monitor(self._key)
        self._group.join(self._key)
        self._look_around()

    def on_stop(self) -> None:
        """Stop the children for good."""
        self._tell_others(Dropped(self.actor_ref, tuple(self._mine)))
        self._mine.clear()
        if self._pool is not None:
            self._pool.stop()

    def on_receive(self, message: object) -> object:
        """Take what other supervisors say, and news of actors."""
        try:
            return self._handle(message)
        except StoppedError:
            # Without its group it can keep no child.
            self.exit("shutdown")
            return None

    def _handle(self, message: object) -> object:
        match message:
            case Down(monitor=number, reason=reason):
                self._down(number, reason)
            case Adopt():
                self._adopt(message)
            case Carries(supervisor, travel):
                self._forget(travel.id)
                self._theirs.setdefault(supervisor, {})[travel.id] = travel
            case Dropped(supervisor, ids):
                self._dropped(supervisor, ids)
            case Events() | Lagged():
                self._look_around()
            case _:
                return super().on_receive(message)
        return None

    # The others

    def _supervisors(self) -> dict[Member, AnyRef]:
        address_of = self._group.node.address_of
        entries = self._group.members(self._key)
        return {address_of(entry.ref): entry.ref for entry in entries}

    def _look_around(self) -> None:
        """Greet who has come, and share the children of who has gone."""
        now = {*self._supervisors().values()} - {self.actor_ref}
        come, gone = now - self._others, self._others - now
        self._others = now
        for supervisor in come:
            for child in self._mine.values():
                _tell(supervisor, Carries(self.actor_ref, self._aged(child)))
        orphans: dict[str, tuple[Travel, AnyRef]] = {}
        for supervisor in gone:
            for travel in self._theirs.pop(supervisor, {}).values():
                orphans[travel.id] = (travel, supervisor)
        for travel, target in list(self._awaited.values()):
            if target in gone:
                orphans[travel.id] = (travel, target)
        for travel, lost in orphans.values():
            self._share(travel, lost)

    def _share(self, travel: Travel, lost: AnyRef) -> None:
        """Start a child whose supervisor is lost, or wait for the one that does."""
        if travel.id in self._mine:
            return
        origin, _ = self._group.node.address_of(lost)
        reason = NodeDown(origin.name, "supervisor lost")
        if not moves(travel.spec.restart, reason, travel.limit):
            self._awaited.pop(travel.id, None)
            return
        target = heir(travel.id, self._supervisors())
        if target is None:
            return
        if target != self.actor_ref:
            # It knows by itself; should it be lost as well, we shall hear of it.
            self._awaited[travel.id] = (travel, target)
            return
        ages, allowed = spend(travel.ages, travel.limit)
        if allowed:
            self._adopt(Adopt(replace(travel, ages=ages), origin))
        else:
            self._give_up(travel, "its nodes were lost too often")

    def _dropped(self, supervisor: AnyRef, ids: Iterable[str]) -> None:
        for name in ids:
            self._theirs.get(supervisor, {}).pop(name, None)
            if name in self._awaited and self._awaited[name][1] == supervisor:
                del self._awaited[name]

    def _forget(self, name: str) -> None:
        """Forget what was known of a child of others: there is news of it."""
        self._awaited.pop(name, None)
        for children in self._theirs.values():
            children.pop(name, None)

    def _tell_others(self, message: object) -> None:
        for supervisor in self._others:
            _tell(supervisor, message)

    # Children

    def _down(self, number: MonitorRef, reason: object) -> None:
        for name, child in self._mine.items():
            if child.monitor == number:
                del self._mine[name]
                self._ended(self._aged(child), reason)
                return

    def _ended(self, travel: Travel, reason: object) -> None:
        if isinstance(reason, RegistryConflict) or not moves(
            travel.spec.restart, reason, travel.limit
        ):
            self._tell_others(Dropped(self.actor_ref, (travel.id,)))
            return
        self._log.warning("nomad_ended", child=travel.id, reason=reason)
        self._move(travel)

    def _move(self, travel: Travel) -> None:
        """Let another supervisor start a child that has ended here."""
        ages, allowed = spend(travel.ages, travel.limit)
        if not allowed:
            self._give_up(travel, f"restarted {len(ages) - 1} times; see its errors")
            return
        # Its key must be free where it comes to.
        with suppress(GroupError):
            self._group.unregister(self._key_of(travel.id))
        try:
            target = self._group.pick(self._key, "random", exclude=self.actor_ref).ref
        except (NoSuchGroupError, NoProcessError):
            self._give_up(travel, "no other supervisor runs; start one elsewhere")
            return
        self._hand_over(replace(travel, ages=ages), target)

    def _hand_over(self, travel: Travel, target: AnyRef) -> None:
        self._awaited[travel.id] = (travel, target)
        # A target that is lost is met again when it leaves the supervisors' group.
        _tell(target, Adopt(travel, self._group.node.id))

    def _give_up(self, travel: Travel, words: str) -> None:
        self._log.error("nomad_given_up", child=travel.id, words=words)
        self._tell_others(Dropped(self.actor_ref, (travel.id,)))

    def _adopt(self, adopt: Adopt) -> None:
        """Start a child that has ended elsewhere, unless it runs by now."""
        travel = adopt.travel
        self._forget(travel.id)
        owner = self._group.whereis(self._key_of(travel.id))
        if owner is not None:
            origin, _ = self._group.node.address_of(owner)
            if origin == adopt.origin and adopt.looks:
                # It has just ended, and its key will be free in a moment.
                again = replace(adopt, looks=adopt.looks - 1)
                tell_after(self.actor_ref, LOOK_AGAIN, again)
            return
        try:
            self._start(travel)
        except ChildError:
            # Somebody was faster.
            return
        except StartError as error:
            self._log.warning("nomad_did_not_start", child=travel.id, error=error)
            self._move(travel)

    def _start(self, travel: Travel) -> AnyRef:
        # Its own supervisor starts it once, for it is here that it is decided where.
        spec = replace(travel.spec, restart="temporary", significant=False)
        ref = self._started_pool.start_child(spec)
        if ref is None:
            raise StartError(travel.id, "ignored")
        try:
            self._group.register(self._key_of(travel.id), actor=ref)
        except GroupError as error:
            with suppress(ChildError):
                self._started_pool.terminate_child(ref)
            if isinstance(error, KeyTakenError):
                raise _runs_already(travel.id, error.node) from None
            raise StartError(travel.id, str(error)) from error
        child = _Child(travel, ref, monitor(ref), monotonic())
        self._mine[travel.id] = child
        self._awaited.pop(travel.id, None)
        self._tell_others(Carries(self.actor_ref, travel))
        return ref

    @property
    def _started_pool(self) -> DynamicSupervisorRef[DynamicSupervisor]:
        assert self._pool is not None
        return self._pool

    def _aged(self, child: _Child) -> Travel:
        passed = monotonic() - child.since
        return replace(
            child.travel, ages=tuple(age + passed for age in child.travel.ages)
        )

    def _key_of(self, child_id: str) -> str:
        return f"{self._key}/{child_id}"


def _tell(supervisor: AnyRef, message: object) -> bool:
    try:
        supervisor.tell(message)
    except ActorDeadError:
        return False
    return True


def _runs_already(child_id: str, node: str) -> ChildError:
    return ChildError(child_id, "already_started", f"on node {node}")
