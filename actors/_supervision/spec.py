"""How a child is to be started, restarted and stopped."""

import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import pykka

from actors._supervision.restart import AutoShutdown, Restart, Shutdown, Strategy

ChildType = Literal["worker", "supervisor"]
Seconds = float | Literal["infinity"]
Startable = type[pykka.Actor] | Callable[..., pykka.ActorRef[Any] | None]

# OTP's value for workers; a supervisor takes as long as its own children need.
WORKER_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child of a supervisor, checked. Made by `child`.

    Attributes:
        id: Unique among the children of one supervisor (ignored by a dynamic one).
        start: An actor class, or a callable that returns a ref (or None for "not
            now", which keeps the spec without a running child).
        args: Passed to `start` at every start.
        kwargs: Likewise.
        restart: Whether the child is started again after it ended by itself.
        shutdown: Seconds given to stop, "infinity", or "kill" for none at all.
        start_timeout: Seconds given to start, or "infinity".
        significant: Whether its end may end the supervisor; see `auto_shutdown`.
        type: "supervisor" for a child with children of its own.
    """

    id: Hashable
    start: Startable
    args: tuple[object, ...] = ()
    kwargs: Mapping[str, object] = field(default_factory=dict)
    restart: Restart = "permanent"
    shutdown: Shutdown = WORKER_SECONDS
    start_timeout: Seconds = WORKER_SECONDS
    significant: bool = False
    type: ChildType = "worker"

    def __post_init__(self) -> None:
        if not callable(self.start):
            raise TypeError(f"a child starts with a class or a callable: {self.start}")
        _check_id(self.id)
        _check_choice("restart", self.restart, get_args(Restart))
        _check_choice("type", self.type, get_args(ChildType))
        _check_seconds("shutdown", self.shutdown, ("infinity", "kill"))
        _check_seconds("start_timeout", self.start_timeout, ("infinity",))
        self._check_significant()
        if self.type == "supervisor" and self.shutdown != "infinity":
            warnings.warn(
                f"child {self.id!r} is a supervisor with shutdown={self.shutdown!r}; "
                "anything but 'infinity' may abandon its children",
                stacklevel=3,
            )

    def _check_significant(self) -> None:
        if not isinstance(self.significant, bool):
            raise TypeError(f"significant must be True or False: {self.significant!r}")
        if self.significant and self.restart == "permanent":
            raise ValueError(
                f"child {self.id!r} is significant and permanent; "
                "a significant child needs restart='transient' or 'temporary'"
            )

    def without_arguments(self) -> "ChildSpec":
        """Return this spec with nothing to start from (it is never used again)."""
        return replace(self, args=(), kwargs={})

    def with_arguments_first(self, arguments: tuple[object, ...]) -> "ChildSpec":
        """Return this spec with more arguments, before its own."""
        return replace(self, args=(*arguments, *self.args)) if arguments else self


def child(
    cls_or_callable: Startable,
    *args: object,
    id: Hashable | None = None,
    restart: Restart = "permanent",
    shutdown: Shutdown | None = None,
    start_timeout: Seconds | None = None,
    significant: bool = False,
    **kw: object,
) -> ChildSpec:
    """Say how a supervisor starts, restarts and stops one child.

    Args:
        cls_or_callable: An actor class, ours or plain Pykka's, or a callable that
            returns the ref of an actor it started, or None for "not now".
        *args: Passed on at every start.
        id: Unique in one supervisor; the name of the class when not given.
        restart: "permanent" always, "transient" after an abnormal end, "temporary"
            never.
        shutdown: Seconds to stop in, then the thread is abandoned; "infinity"; or
            "kill" to abandon at once. 5.0, and "infinity" for supervisors.
        start_timeout: Seconds to start in, or "infinity". 5.0, and "infinity" for
            supervisors.
        significant: Whether the end of this child may end its supervisor.
        **kw: Passed on at every start.

    Raises:
        TypeError: A value is of the wrong kind.
        ValueError: A value is out of range.
    """
    kind: ChildType = getattr(cls_or_callable, "child_type", "worker")
    seconds: Seconds = WORKER_SECONDS if kind == "worker" else "infinity"
    return ChildSpec(
        id=_default_id(cls_or_callable) if id is None else id,
        start=cls_or_callable,
        args=args,
        kwargs=kw,
        restart=restart,
        shutdown=seconds if shutdown is None else shutdown,
        start_timeout=seconds if start_timeout is None else start_timeout,
        significant=significant,
        type=kind,
    )


def check_childspecs(
    specs: Iterable[ChildSpec], *, auto_shutdown: AutoShutdown = "never"
) -> list[ChildSpec]:
    """Check the children of one supervisor together, starting none.

    Raises:
        TypeError: An element is not a ChildSpec.
        ValueError: Two have the same id, or one is significant in vain.
    """
    checked: dict[Hashable, ChildSpec] = {}
    for spec in specs:
        check_childspec(spec, auto_shutdown=auto_shutdown)
        if spec.id in checked:
            raise ValueError(
                f"two children have the id {spec.id!r}; give one another id="
            )
        checked[spec.id] = spec
    return list(checked.values())


def check_childspec(spec: object, *, auto_shutdown: AutoShutdown) -> None:
    """Check that a supervisor with this auto_shutdown can have this child."""
    if not isinstance(spec, ChildSpec):
        raise TypeError(f"not a ChildSpec: {spec!r}; write child(...)")
    if spec.significant and auto_shutdown == "never":
        raise ValueError(
            f"child {spec.id!r} is significant, but auto_shutdown is 'never'"
        )


def check_flags(
    strategy: object,
    max_restarts: object,
    max_seconds: object,
    auto_shutdown: object,
) -> None:
    """Check a supervisor's own flags; raises TypeError or ValueError."""
    _check_choice("strategy", strategy, get_args(Strategy))
    _check_choice("auto_shutdown", auto_shutdown, get_args(AutoShutdown))
    if isinstance(max_restarts, bool) or not isinstance(max_restarts, int):
        raise TypeError(f"max_restarts must be a whole number: {max_restarts!r}")
    if max_restarts < 0:
        raise ValueError(f"max_restarts must be at least 0: {max_restarts!r}")
    if isinstance(max_seconds, bool) or not isinstance(max_seconds, int | float):
        raise TypeError(f"max_seconds must be a number: {max_seconds!r}")
    if not 0 < max_seconds < math.inf:
        raise ValueError(f"max_seconds must be greater than 0: {max_seconds!r}")


def check_max_children(max_children: object) -> None:
    """Check a dynamic supervisor's limit; raises TypeError or ValueError."""
    if max_children is None:
        return
    if isinstance(max_children, bool) or not isinstance(max_children, int):
        raise TypeError(f"max_children must be a whole number: {max_children!r}")
    if max_children < 0:
        raise ValueError(f"max_children must be at least 0: {max_children!r}")


def _default_id(start: object) -> str:
    return getattr(start, "__name__", type(start).__name__)


def _check_id(value: object) -> None:
    if value is None:
        raise TypeError("a child needs an id")
    try:
        hash(value)
    except TypeError as error:
        raise TypeError(f"the id of a child must be hashable: {value!r}") from error


def _check_choice(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        words = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} must be one of {words}: {value!r}")


def _check_seconds(name: str, value: object, words: tuple[str, ...]) -> None:
    if isinstance(value, str) and value in words:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        others = " or ".join(repr(word) for word in words)
        raise TypeError(f"{name} must be seconds or {others}: {value!r}")
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be at least 0 and finite: {value!r}")
