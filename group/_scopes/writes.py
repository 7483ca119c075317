"""The verbs of a scope that change it: each is one request to its one shard."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from actors import AnyRef, Timeout, class_name
from group._clock import monotonic
from group._core.arguments import check_timeout
from group._core.errors import InvalidArgumentError, shown
from group._core.keys import DEFAULT, check_key
from group._core.occurrences import MAX_COUNT, MAX_RUNS
from group._core.patterns import check_group_name
from group._core.requests import EXPIRED, Done, Expired
from group._core.scoped import Counts, JoinCounts, LeaveCounts, NotIn, TooMany
from group._errors import NotJoinedError, ShardTimeoutError
from group._instance import Instance
from group._scopes.reads import Storage
from group._tree.runner import Crashed
from group._verbs.shared import ATTEMPTS, Verbs

GivenCounts = Mapping[str, int] | Iterable[tuple[str, int]]
"""How often which group; a group that comes twice in pairs counts for both."""

Make = Callable[[int, str, float], object]
"""Makes a request for an actor's number and class, and a deadline."""

_numbers = itertools.count(1)


class ScopeWrites(Verbs):
    """join, leave, join_counts, leave_counts."""

    def __init__(self, instance: Instance, storage: Storage) -> None:
        super().__init__(instance)
        self._storage = storage

    def join(
        self,
        group: str,
        *,
        actor: AnyRef | None = None,
        count: int = 1,
        timeout: float = 5.0,
    ) -> None:
        """Put an actor into a group once more, or `count` times more.

        Args:
            group: 1 to 1,024 bytes of UTF-8. With the storage "patterns" a "*" in it
                stands for one or more characters, and "?" for those up to the next
                character of the name; no wildcard follows another, and "?" is not last.
            actor: An actor of this node; the current one if not given.
            count: 1 to 1,000,000.
            timeout: Seconds to wait. Nothing is done after this.

        Raises:
            InvalidKeyError: Not the name of a group.
            InvalidArgumentError: Not such a count, or too many with those there are.
            NotLocalError: The actor belongs to another node.
            DeadActorError: The actor has ended.
            ShardTimeoutError: The scope did not answer in time.
            StoppedError: The scope is stopped.
        """
        self.join_counts(((group, count),), actor=actor, timeout=timeout)

    def leave(
        self,
        group: str | None = None,
        *,
        actor: AnyRef | None = None,
        count: int = 1,
        timeout: float = 5.0,
    ) -> None:
        """Take an actor out of a group once, or out of all groups altogether.

        The oldest occurrences go first. If there are fewer than `count`, all go.

        Args:
            group: The exact name; None: every group, however often it is in there.
            actor: An actor of this node; the current one if not given.
            count: 1 to 1,000,000.
            timeout: Seconds to wait. Nothing is done after this.

        Raises:
            NotJoinedError: The actor is not in this group, or in none.
            InvalidKeyError: Not the name of a group.
            InvalidArgumentError: Not such a count.
            NotLocalError: The actor belongs to another node.
            ShardTimeoutError: The scope did not answer in time.
            StoppedError: The scope is stopped.
        """
        if group is None:
            self._change(actor, timeout, partial(_leave_all, next(_numbers)))
        else:
            self.leave_counts(((group, count),), actor=actor, timeout=timeout)

    def join_counts(
        self,
        counts: GivenCounts,
        *,
        actor: AnyRef | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Put an actor into several groups, so often into each: into all, or none.

        Raises:
            GroupError: As `join`; then nothing was done.
        """
        checked = self._counts(counts)
        if checked:
            make = partial(_join, next(_numbers), counts=checked)
            self._change(actor, timeout, make)

    def leave_counts(
        self,
        counts: GivenCounts,
        *,
        actor: AnyRef | None = None,
        timeout: float = 5.0,
    ) -> None:
        """Take an actor out of several groups, so often out of each: all, or none.

        Raises:
            GroupError: As `leave`; then nothing was done.
        """
        checked = self._counts(counts)
        if checked:
            make = partial(_leave, next(_numbers), counts=checked)
            self._change(actor, timeout, make)

    def _counts(self, counts: GivenCounts) -> Counts:
        pairs = counts.items() if isinstance(counts, Mapping) else counts
        check = check_key if self._storage == "plain" else check_group_name
        added: dict[str, int] = {}
        for group, number in pairs:
            name = check(group)
            if type(number) is not int or not 1 <= number <= MAX_COUNT:
                raise InvalidArgumentError(
                    f"the count of {shown(name)} must be an integer "
                    f"1\u2013{MAX_COUNT}, got {shown(number)}",
                    "B035",
                )
            added[name] = min(MAX_COUNT + 1, added.get(name, 0) + number)
        return tuple(added.items())

    def _change(self, actor: AnyRef | None, timeout: float, make: Make) -> None:
        ref, n = self._owner(actor)
        seconds = check_timeout(timeout)
        request = make(n, class_name(ref), monotonic() + seconds)
        answer = self._request(request, seconds)
        if isinstance(answer, Done):
            return
        if isinstance(answer, NotIn):
            raise NotJoinedError(answer.key or "any group", str(ref))
        if isinstance(answer, TooMany):
            raise InvalidArgumentError(
                f"{ref} cannot be in {shown(answer.key)} more than {MAX_COUNT} times, "
                f"or {MAX_RUNS} when it joins one by one; use count=",
                "B035",
            )
        raise self._error(answer, "", DEFAULT, str(ref))

    def _request(self, request: object, seconds: float) -> object:
        """Hand a request to the shard; once more if that crashes.

        The request is the same the second time, so that the shard knows it again.
        """
        runner, deadline = self._instance.runners[0], monotonic() + seconds
        answer: object = EXPIRED
        for _ in range(ATTEMPTS):
            self._check_running()
            try:
                answer = runner.call(request, max(0.0, deadline - monotonic()))
            except Timeout:
                break
            if not isinstance(answer, Crashed | Expired):
                return answer
        self._check_running()
        raise ShardTimeoutError(0, seconds, runner.waiting)


def _join(id: int, n: int, cls: str, deadline: float, *, counts: Counts) -> JoinCounts:
    return JoinCounts(id, n, cls, counts, deadline)


def _leave(
    id: int, n: int, _cls: str, deadline: float, *, counts: Counts | None
) -> LeaveCounts:
    return LeaveCounts(id, n, counts, deadline)


def _leave_all(id: int, n: int, _cls: str, deadline: float) -> LeaveCounts:
    return LeaveCounts(id, n, None, deadline)
