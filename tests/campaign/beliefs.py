"""What actors say of themselves, outside the registry: lines of a journal, summed.

Every actor says what it is about to do before it does it, and afterwards what came of
it. The sum of the lines is what must be true of a node's rows: for each row either one
value, or, where a call was cut short, several possible ones.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

Kind = Literal["registered", "member"]
Owner = tuple[str, str, int]
"""Node, its life, and the actor's number."""

Asked = Literal["puts", "drops"]
Answered = Literal["done", "refused", "unsure"]
What = Asked | Answered | Literal["start", "end", "left", "watches", "down", "links"]


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `at` is of the machine's monotonic clock.

    start, end (reason, other: who won): an actor.
    puts (version), drops, then done, refused or unsure: what it does to a row.
    left: this node has left a cluster.
    watches (version: of the watch, other: whom), down (version, reason): a monitor.
    links (other: to whom): it ends when that one ends badly.
    """

    at: float
    what: What
    n: int = 0
    kind: Kind = "registered"
    cluster: str = ""
    key: str = ""
    version: int = 0
    reason: str = ""
    other: Owner | None = None


class Place(NamedTuple):
    """Where a row of one actor would be."""

    kind: Kind
    cluster: str
    key: str
    n: int


class Call(NamedTuple):
    """A change that has been asked for and not been answered."""

    place: Place
    before: frozenset[int | None]
    after: int | None


GONE: frozenset[int | None] = frozenset({None})


@dataclass
class Beliefs:
    """The sum of the lines of one life of a node. Its own lock is the caller's.

    Attributes:
        live: Actors that have started and not ended.
        rows: The values that a row may have now; None is no row. Without None and
            others beside it, it is certain.
        claimed: All keys that an actor has ever asked for.
        ends: How each actor ended: the lines, of which there must be one.
        watches: Whom a watch of a live actor is for, until it has fired.
        links: To whom live actors are linked.
    """

    live: set[int] = field(default_factory=set)
    rows: dict[Place, frozenset[int | None]] = field(default_factory=dict)
    claimed: dict[int, set[str]] = field(default_factory=dict)
    ends: dict[int, list[Line]] = field(default_factory=dict)
    watches: dict[tuple[int, int], Owner] = field(default_factory=dict)
    fired: set[tuple[int, int]] = field(default_factory=set)
    links: set[tuple[int, Owner]] = field(default_factory=set)
    ever_linked: set[tuple[int, Owner]] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    _calls: dict[int, Call] = field(default_factory=dict)
    _crossed: set[int] = field(default_factory=set)

    def apply(self, line: Line) -> None:
        """Take one more line."""
        match line.what:
            case "start":
                self.live.add(line.n)
            case "end":
                self._end(line)
            case "puts" | "drops":
                self._ask(line)
            case "done" | "refused" | "unsure":
                self._answer(line)
            case "left":
                self._left(line.cluster)
            case "watches" | "down" | "links":
                self._bind(line)

    def of(self, n: int) -> dict[Place, frozenset[int | None]]:
        """Return the rows that an actor has, or may have."""
        return {place: held for place, held in self.rows.items() if place.n == n}

    def _end(self, line: Line) -> None:
        self.ends.setdefault(line.n, []).append(line)
        self.live.discard(line.n)
        self._calls.pop(line.n, None)
        self.links = {link for link in self.links if link[0] != line.n}
        for place in self.of(line.n):
            del self.rows[place]
        for watch in [watch for watch in self.watches if watch[0] == line.n]:
            del self.watches[watch]

    def _ask(self, line: Line) -> None:
        place = Place(line.kind, line.cluster, line.key, line.n)
        before = self.rows.get(place, GONE)
        after = line.version if line.what == "puts" else None
        self._calls[line.n] = Call(place, before, after)
        self._crossed.discard(line.n)
        self._put(place, before | {after})
        if line.kind == "registered" and after is not None:
            self.claimed.setdefault(line.n, set()).add(line.key)

    def _answer(self, line: Line) -> None:
        call = self._calls.pop(line.n, None)
        if call is None:
            # It has ended in the meantime.
            return
        after = {call.after}
        if line.n in self._crossed:
            # Its node has left the cluster meanwhile: before it, or after it?
            after |= GONE
        if line.what == "done":
            self._put(call.place, frozenset(after))
        elif line.what == "refused":
            self._put(call.place, GONE if line.n in self._crossed else call.before)

    def _left(self, cluster: str) -> None:
        called = {call.place: n for n, call in self._calls.items()}
        for place in [place for place in self.rows if place.cluster == cluster]:
            n = called.get(place)
            if n is None:
                del self.rows[place]
            else:
                self._put(place, self.rows[place] | GONE)
        self._crossed |= {
            n for n, call in self._calls.items() if call.place.cluster == cluster
        }

    def _put(self, place: Place, held: frozenset[int | None]) -> None:
        if held == GONE:
            self.rows.pop(place, None)
        else:
            self.rows[place] = held

    def _bind(self, line: Line) -> None:
        watch = (line.n, line.version)
        if line.what == "links":
            if line.other is not None and line.n in self.live:
                self.links.add((line.n, line.other))
                self.ever_linked.add((line.n, line.other))
        elif line.what == "watches":
            if watch not in self.fired and line.other is not None:
                self.watches[watch] = line.other
        elif watch in self.fired:
            self.complaints.append(f"watch {watch} has fired twice")
        else:
            self.fired.add(watch)
            self.watches.pop(watch, None)


class Writing:
    """A journal that is being written. What is written outlives the process.

    Not thread-safe.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._encoder = msgspec.json.Encoder()
        self.beliefs = Beliefs()

    def note(self, line: Line) -> None:
        """Write a line and take it in."""
        os.write(self._file, self._encoder.encode(line) + b"\n")
        self.beliefs.apply(line)


class Reading:
    """A journal that is read while it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beliefs = Beliefs()
        self._offset = 0
        self._decoder = msgspec.json.Decoder(Line)

    def catch_up(self) -> Beliefs:
        """Take in what has been written since, and return the sum."""
        for line in self._lines():
            self.beliefs.apply(line)
        return self.beliefs

    def _lines(self) -> Iterator[Line]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            read = file.read()
        whole = read.rfind(b"\n") + 1
        self._offset += whole
        for text in read[:whole].splitlines():
            yield self._decoder.decode(text)
