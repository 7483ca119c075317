"""What all verbs of a group share: whose they are, and how a shard is asked."""

from actors import AnyRef, Timeout, class_name, current, hooks, is_ref
from group._clock import monotonic, wall_ms
from group._core.errors import shown
from group._core.keys import shard_of
from group._core.requests import (
    DONE,
    EXPIRED,
    Condemned,
    Done,
    Expired,
    Join,
    Leave,
    NotConnected,
    NotJoined,
    NotOwner,
    NotRegistered,
    Register,
    Sealed,
    Taken,
    Unregister,
)
from group._core.rows import Row
from group._errors import (
    CondemnedError,
    DeadActorError,
    GroupError,
    KeyTakenError,
    NotConnectedError,
    NotJoinedError,
    NotLocalError,
    NotOwnerError,
    NotRegisteredError,
    ShardTimeoutError,
)
from group._instance import Instance
from group._tree.runner import Crashed, Runner
from transport import NotLocalError as TransportNotLocalError

Write = Register | Unregister | Join | Leave

_SPANS = {
    Register: hooks.span("group.register"),
    Unregister: hooks.span("group.unregister"),
    Join: hooks.span("group.join"),
    Leave: hooks.span("group.leave"),
}

_WRITES = hooks.several(*_SPANS.values())

ATTEMPTS = 2
"""How often a request is handed in whose turn has crashed the shard."""


class Verbs:
    """The base of the classes that `Group` is made of."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def _check_running(self) -> None:
        if self._instance.stopped.is_set():
            raise self._instance.ended()

    def _owner(self, actor: AnyRef | None) -> tuple[AnyRef, int]:
        """Return an actor of this node and its number."""
        instance = self._instance
        if instance.stopped.is_set():
            raise instance.ended()
        ref = current() if actor is None else actor
        if not is_ref(ref):
            raise TypeError(f"{shown(ref)} is no actor ref")
        try:
            n = instance.node.adopt(ref)
        except TransportNotLocalError as error:
            home, _ = self._instance.node.address_of(ref)
            raise NotLocalError(
                class_name(ref), home.name, self._instance.node.name
            ) from error
        if not ref.is_alive():
            raise DeadActorError(str(ref))
        return ref, n

    def _carry_out(
        self,
        request: Write,
        seconds: float,
        ref: AnyRef | None = None,
        *,
        told: bool = False,
    ) -> None:
        """Have the shard of a key carry out a request; see that the group runs first.

        Args:
            request: Its deadline is `seconds` from now.
            seconds: How long to wait for an answer.
            ref: The actor it is about, for the words of errors.
            told: Whether those who observe it know of it.

        Raises:
            GroupError: As the verbs say.
            ShardTimeoutError: No answer came before the deadline.
            StoppedError: The group is stopped.
        """
        if _WRITES.observed and not told:
            _SPANS[type(request)].run(
                self._about(request),
                lambda: self._carry_out(request, seconds, ref, told=True),
            )
            return
        runners = self._instance.runners
        shard = shard_of(request.cluster, request.key, len(runners))
        runner = runners[shard]
        answer = _answer(runner, request, seconds)
        if answer is DONE:
            return
        answer = self._insist(runner, request, answer)
        if isinstance(answer, Expired):
            self._check_running()
            raise ShardTimeoutError(shard, seconds, runner.waiting)
        if not isinstance(answer, Done):
            who = "actor" if ref is None else str(ref)
            raise self._error(answer, request.key, request.cluster, who)

    def _about(self, request: Write) -> dict[str, object]:
        return {
            "group": self._instance.config.name,
            "node": self._instance.me.name,
            "cluster": request.cluster or None,
            "key": request.key,
        }

    def _insist(self, runner: Runner, request: Write, answer: object) -> object:
        """Hand a request in again, as long as its answer says that this may help.

        It may when it met a lease being judged, and once when it crashed the shard.
        """
        crashes = 0
        while True:
            if isinstance(answer, Sealed):
                try:
                    self._instance.await_decision(request.deadline)
                except Timeout:
                    return EXPIRED
            elif isinstance(answer, Crashed):
                crashes += 1
                if crashes == ATTEMPTS:
                    return EXPIRED
            elif crashes and isinstance(answer, NotRegistered | NotJoined):
                # The turn that crashed had come that far.
                return DONE
            else:
                return answer
            self._check_running()
            left = max(0.0, request.deadline - monotonic())
            answer = _answer(runner, request, left)

    def _error(self, answer: object, key: str, cluster: str, who: str) -> GroupError:
        match answer:
            case Taken(row):
                return self._taken(key, row)
            case NotConnected():
                return NotConnectedError(cluster, self._instance.directory.own())
            case NotRegistered():
                return NotRegisteredError(key)
            case NotOwner(row):
                return NotOwnerError(key, row.origin.name)
            case NotJoined():
                return NotJoinedError(key, who)
            case Condemned():
                return CondemnedError(who)
            case _:
                raise AssertionError(answer)

    def _taken(self, key: str, row: Row) -> KeyTakenError:
        entry = self._instance.narrator.entry(row)
        age = max(0.0, (wall_ms() - (row.stamp >> 16)) / 1000)
        return KeyTakenError(
            key,
            entry.ref,
            entry.meta,
            row.origin.name,
            actor=row.cls or class_name(entry.ref),
            age=age,
        )


def _answer(runner: Runner, request: Write, timeout: float) -> object:
    try:
        return runner.call(request, timeout)
    except Timeout:
        return EXPIRED


_SEE = "(see nodes(), and node.troubles() for why one is not)"


def unregistered(key: str, timeout: float) -> Timeout:
    """Say that a registration was waited for in vain."""
    return Timeout(
        f"nobody has registered {key!r} in {timeout:g} s; is the node that does so "
        f"linked? {_SEE}"
    )


def too_few_members(key: str, here: int, count: int, timeout: float) -> Timeout:
    """Say that members were waited for in vain."""
    members = "1 member" if here == 1 else f"{here} members"
    return Timeout(
        f"group {key!r} has {members} after {timeout:g} s, not {count}; are the nodes "
        f"of the others linked? {_SEE}"
    )
