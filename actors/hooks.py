"""Hooks: what happens inside, for whoever wants to measure or trace it.

A place that can be observed is a `Hook`, or a `Span` of three. It looks at one
attribute to see whether anybody listens, and does nothing else while nobody does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from actors._clock import monotonic
from actors._log import log

if TYPE_CHECKING:
    from actors._types import Cancel

T = TypeVar("T")
Callback: TypeAlias = Callable[[str, Mapping[str, float], Mapping[str, object]], None]
"""Called with the hook's name, what was measured, and what it is about."""

_hooks: dict[str, Hook] = {}
_several: list[Several] = []
_attached: list[tuple[tuple[str, ...], Callback]] = []
# Guards all three; never taken where something happens.
_lock = threading.Lock()


class Hook:
    """One place where something happens.

    Attributes:
        name: A dotted path, such as "transport.peer.up".
        callbacks: Who wants to know; empty as long as nobody does.
    """

    __slots__ = ("callbacks", "name", "span")

    def __init__(self, name: str, span: Span | None = None) -> None:
        self.name = name
        self.span = span
        self.callbacks: tuple[Callback, ...] = ()

    def __call__(
        self, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        """Tell all that are attached; one that raises is logged, and told no more."""
        for callback in self.callbacks:
            try:
                callback(self.name, measured, about)
            except KeyboardInterrupt:
                # Not the observer's: the user wants the program to end.
                raise
            except BaseException as error:  # noqa: BLE001 - an observer's fault
                _drop(callback)
                log.error("hook_failed", hook=self.name, error=repr(error)[:200])


class Span:
    """Something that takes time: "x.start", then "x.stop" or "x.exception".

    Attributes:
        start: Before it.
        stop: After it; measures "seconds".
        exception: In its place when it raised; its "error" is the exception's class.
        observed: Whether anybody wants to know of one of them.
    """

    __slots__ = ("exception", "observed", "start", "stop")

    def __init__(self, name: str) -> None:
        self.observed = False
        self.start = Hook(f"{name}.start", self)
        self.stop = Hook(f"{name}.stop", self)
        self.exception = Hook(f"{name}.exception", self)

    @property
    def hooks(self) -> tuple[Hook, Hook, Hook]:
        """All three."""
        return self.start, self.stop, self.exception

    def run(self, about: Mapping[str, object], do: Callable[[], T]) -> T:
        """Do it, and tell."""
        if self.start.callbacks:
            self.start({}, about)
        began = monotonic()
        try:
            result = do()
        except BaseException as error:
            seconds = {"seconds": monotonic() - began}
            self.exception(seconds, {**about, "error": type(error).__name__})
            raise
        if self.stop.callbacks:
            self.stop({"seconds": monotonic() - began}, about)
        return result


class Several:
    """Several spans, looked at as one where it is not known yet which it will be.

    Attributes:
        observed: Whether anybody wants to know of one of them.
    """

    __slots__ = ("observed", "spans")

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self.spans = spans
        self.observed = False


def several(*spans: Span) -> Several:
    """Look at spans as one."""
    made = Several(spans)
    with _lock:
        _several.append(made)
        _settle_several()
    return made


def hook(name: str) -> Hook:
    """Make a hook, once, where its place is."""
    made = Hook(name)
    _enlist(made)
    return made


def span(name: str) -> Span:
    """Make the three hooks of something that takes time."""
    made = Span(name)
    _enlist(*made.hooks)
    return made


def _enlist(*made: Hook) -> None:
    with _lock:
        for each in made:
            _hooks[each.name] = each
            _settle(each)
        _settle_several()


def attach(callback: Callback, *patterns: str) -> Cancel:
    """Call a function whenever something happens.

    It is called in the thread in which it happens, maybe with locks held: it must be
    quick, must not block, and must not call what it observes. One that raises is logged
    and called no more.

    Args:
        callback: Gets the hook's name, what was measured (durations in seconds), and
            what it is about.
        *patterns: Names of hooks, or beginnings that end in "."; none means all.

    Returns:
        What detaches it.

    Raises:
        TypeError: The callback cannot be called, or a pattern is no text.
        ValueError: A pattern is empty.
    """
    _check(callback, patterns)
    entry = (patterns, callback)
    with _lock:
        _attached.append(entry)
        _settle_all()

    def detach() -> bool:
        with _lock:
            found = any(each is entry for each in _attached)
            _attached[:] = [each for each in _attached if each is not entry]
            _settle_all()
        return found

    return detach


def _check(callback: object, patterns: Iterable[object]) -> None:
    if not callable(callback):
        raise TypeError(
            f"{callback!r:.80} is not callable; write attach(callback, ...)"
        )
    for each in patterns:
        if not isinstance(each, str):
            raise TypeError(f"the name of a hook is a text, got {each!r:.80}")
        if not each:
            raise ValueError("the name of a hook is not empty; give none to hear all")


def names() -> list[str]:
    """Return the names of all hooks that there are, sorted."""
    with _lock:
        return sorted(_hooks)


def _drop(callback: Callback) -> None:
    with _lock:
        _attached[:] = [each for each in _attached if each[1] is not callback]
        _settle_all()


def _settle_all() -> None:
    for each in _hooks.values():
        _settle(each)
    _settle_several()


def _settle_several() -> None:
    for each in _several:
        each.observed = any(span.observed for span in each.spans)


def _settle(hook: Hook) -> None:
    hook.callbacks = tuple(
        callback for patterns, callback in _attached if _fits(hook.name, patterns)
    )
    if hook.span is not None:
        hook.span.observed = any(each.callbacks for each in hook.span.hooks)


def _fits(name: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(
        name.startswith(each) if each.endswith(".") else name == each
        for each in patterns
    )
