"""Probe: a test as an actor, that says what it expects to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, TypeVar, overload

from actors import AnyRef, Mailbox, Timeout, mailbox
from group._clock import monotonic
from group._core.events import Events

T = TypeVar("T")
Message: TypeAlias = Any
"""Whatever was sent."""


class Probe:
    """A mailbox for a test. Used by the thread that has opened it.

    Events of a monitor come out one by one. What a call to `expect` passes over stays
    for the next one.
    """

    def __init__(self, box: Mailbox, timeout: float) -> None:
        """Made by `probe`."""
        self._box = box
        self._timeout = timeout
        self._seen: list[object] = []

    @property
    def ref(self) -> AnyRef:
        """The handle by which others tell it."""
        return self._box.ref

    def receive(self, timeout: float | None = None) -> Message:
        """Return the next message.

        Args:
            timeout: Seconds; the probe's own if not given.

        Raises:
            AssertionError: None came.
        """
        __tracebackhide__ = True
        return self.expect(lambda _: True, timeout)

    @overload
    def expect(
        self, what: type[T], timeout: float | None = None, **fields: object
    ) -> T: ...

    @overload
    def expect(
        self, what: Callable[[Message], object], timeout: float | None = None
    ) -> Message: ...

    @overload
    def expect(self, what: T, timeout: float | None = None) -> T: ...

    def expect(
        self, what: object, timeout: float | None = None, **fields: object
    ) -> object:
        """Return the first message that is what is expected.

            probe.expect(Event, type="registered", key="user/1")

        Args:
            what: The class of the message, a function that says whether it is the one,
                or a message that is equal to it.
            timeout: Seconds; the probe's own if not given.
            **fields: With a class: what attributes of the message must be.

        Raises:
            AssertionError: None came; the text holds those that did.
        """
        __tracebackhide__ = True
        fits = _question(what, fields)
        seconds = self._timeout if timeout is None else timeout
        deadline = monotonic() + seconds
        looked_at = 0
        while True:
            for index in range(looked_at, len(self._seen)):
                if fits(self._seen[index]):
                    return self._seen.pop(index)
            looked_at = len(self._seen)
            try:
                self._take(max(0.0, deadline - monotonic()))
            except Timeout:
                came = ", ".join(map(repr, self._seen)) or "nothing"
                wanted = f"{_name(what)} {fields or ''}".strip()
                raise AssertionError(
                    f"not told {wanted} within {seconds:g} s; what came: {came}"
                ) from None

    def expect_nothing(self, seconds: float = 0.1) -> None:
        """Check that no message is there, and that none comes for a while.

        Raises:
            AssertionError: One did.
        """
        __tracebackhide__ = True
        if not self._seen:
            try:
                self._take(seconds)
            except Timeout:
                return
        came = ", ".join(map(repr, self._seen))
        raise AssertionError(f"expected to be told nothing; what came: {came}")

    def _take(self, timeout: float) -> None:
        message = self._box.receive(timeout=timeout)
        if isinstance(message, Events):
            self._seen.extend(message)
        else:
            self._seen.append(message)


@contextmanager
def probe(timeout: float = 5.0) -> Iterator[Probe]:
    """Let this thread be an actor, for the length of the block.

    It is the current actor, so that `g.monitor("user/")` or `g.join("room")` are of the
    probe; from elsewhere it is told by `probe.ref`.

    Args:
        timeout: Seconds that `expect` waits if not told otherwise.
    """
    with mailbox() as box:
        yield Probe(box, timeout)


def _question(what: object, fields: Mapping[str, object]) -> Callable[[object], object]:
    if isinstance(what, type):
        kind = what
        return lambda message: (
            isinstance(message, kind)
            and all(getattr(message, name) == it for name, it in fields.items())
        )
    if callable(what):
        return what
    return lambda message: message == what


def _name(what: object) -> str:
    return what.__name__ if isinstance(what, type) else repr(what)
