"""What all verbs of a group share: whose they are, and how a shard is asked."""

from collections.abc import Callable

from actors import AnyRef, Timeout, class_name, current, is_ref
from group._clock import monotonic, wall_ms
from group._core.arguments import check_timeout
from group._core.errors import shown
from group._core.keys import shard_of
from group._core.requests import (
    DONE,
    Condemned,
    Done,
    Expired,
    NotConnected,
    NotJoined,
    NotOwner,
    NotRegistered,
    Sealed,
    Taken,
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
from group._runner import Crashed
from transport import NotLocalError as TransportNotLocalError

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
        self._check_running()
        ref = current() if actor is None else actor
        if not is_ref(ref):
            raise TypeError(f"{shown(ref)} is no actor ref")
        try:
            n = self._instance.node.adopt(ref)
        except TransportNotLocalError as error:
            home, _ = self._instance.node.address_of(ref)
            raise NotLocalError(
                class_name(ref), home.name, self._instance.node.name
            ) from error
        if not ref.is_alive():
            raise DeadActorError(str(ref))
        return ref, n

    def _ask(
        self,
        cluster: str,
        key: str,
        timeout: float,
        request: Callable[[float], object],
    ) -> object:
        """Ask the shard of a key; `request` makes the request for a deadline.

        A request that meets a lease being judged, or that crashes the shard, is handed
        in again; the latter once.
        """
        instance = self._instance
        seconds = check_timeout(timeout)
        deadline = monotonic() + seconds
        shard = shard_of(cluster, key, instance.config.shards)
        runner = instance.runners[shard]
        attempts, repeated = ATTEMPTS, False
        while True:
            self._check_running()
            try:
                answer = runner.call(
                    request(deadline), max(0.0, deadline - monotonic())
                )
                if isinstance(answer, Sealed):
                    instance.await_decision(deadline)
                    continue
            except Timeout:
                answer = Expired()
            if isinstance(answer, Crashed):
                attempts -= 1
                repeated = True
                if attempts:
                    continue
                answer = Expired()
            if repeated and isinstance(answer, NotRegistered | NotJoined):
                # The turn that crashed had come that far.
                return DONE
            if isinstance(answer, Expired):
                self._check_running()
                raise ShardTimeoutError(shard, seconds, runner.waiting)
            return answer

    def _settle_answer(
        self, answer: object, key: str, cluster: str, ref: AnyRef | None = None
    ) -> None:
        """Return if a request was carried out; else raise what its caller is told."""
        if isinstance(answer, Done):
            return
        raise self._error(answer, key, cluster, "actor" if ref is None else str(ref))

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
