"""What the operations server shows: pages, checks and numbers, added by others.

The server knows none of them. A group registers its own with the node it runs on, and
takes them back when it stops.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from actors import Cancel
from transport._http.metric import Metric, merged

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, after all checks.

    Attributes:
        path: What follows the prefix of the page, without its first slash.
        query: The parameters; of one given twice the last value.
    """

    path: str
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered.

    Attributes:
        body: All of it; or, of a stream, pieces as they come: an empty one is not sent,
            but lets the server see that it is to end, so give one every quarter of a
            second. An iterator that has a `close` is closed in the end.
        kind: The content type.
        status: The status of HTTP.
    """

    body: bytes | Iterator[bytes]
    kind: str = TEXT
    status: int = 200


Page = Callable[[Request], Response | None]
"""Answers a request, None if there is no such thing. On a thread of the request's."""

Check = Callable[[], str | None]
"""Returns None when all is well, else what is not, in a few words. Must not block."""

Source = Callable[[], Iterable[Metric]]
"""Gives numbers of this moment. Must not block."""

Probe = Literal["alive", "ready"]


# Compared by identity: the same page may be added twice, and taken back once.
@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    prefix: str
    page: Page


@dataclass(frozen=True, slots=True, eq=False)
class _Check:
    probe: Probe
    name: str
    check: Check


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    source: Source


_Entry = _Page | _Check | _Source


class Pages:
    """Who answers what on one node. Any thread.

    Of two pages with the same prefix, or checks of the same name, the newer one is
    asked; when it is taken back, the older one again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Replaced whole, never changed: readers take what is there. Newest first.
        self._entries: tuple[_Entry, ...] = ()

    def add(self, prefix: str, page: Page) -> Cancel:
        """Answer all paths that begin with a prefix; the longest one wins.

        Args:
            prefix: Begins and ends with a slash.
            page: Called for GET and HEAD, after the checks of Host and token.

        Returns:
            What takes it back.
        """
        return self._add(_Page(prefix, page))

    def add_check(self, probe: Probe, name: str, check: Check) -> Cancel:
        """Let a probe fail as long as a check returns words.

        Returns:
            What takes it back.
        """
        return self._add(_Check(probe, name, check))

    def add_metrics(self, source: Source) -> Cancel:
        """Show numbers at /metrics.

        Returns:
            What takes it back.
        """
        return self._add(_Source(source))

    def _add(self, entry: _Entry) -> Cancel:
        with self._lock:
            self._entries = (entry, *self._entries)

        def take_back() -> bool:
            with self._lock:
                before = self._entries
                self._entries = tuple(each for each in before if each is not entry)
                return len(self._entries) < len(before)

        return take_back

    def answer(self, path: str, query: Mapping[str, str]) -> Response | None:
        """Ask the page with the longest prefix of a path; None if there is none."""
        fitting = [
            each
            for each in self._entries
            if isinstance(each, _Page) and path.startswith(each.prefix)
        ]
        if not fitting:
            return None
        # max() keeps the first of equals, which is the newest.
        found = max(fitting, key=lambda each: len(each.prefix))
        return found.page(Request(path[len(found.prefix) :], query))

    def failures(self, probe: Probe) -> list[str]:
        """Ask the checks of a probe; return what is not well, "name: words"."""
        newest: dict[str, Check] = {}
        for each in self._entries:
            if isinstance(each, _Check) and each.probe == probe:
                newest.setdefault(each.name, each.check)
        said = [(name, check()) for name, check in sorted(newest.items())]
        return [f"{name}: {words}" for name, words in said if words]

    def metrics(self) -> list[Metric]:
        """Return all numbers of this moment."""
        sources = [each.source for each in self._entries if isinstance(each, _Source)]
        return merged(metric for source in reversed(sources) for metric in source())
