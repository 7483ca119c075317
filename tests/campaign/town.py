"""One life of a node: its group, its journal, and what actors do to their rows."""

import random
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

from actors import (
    AnyRef,
    on_down,
)
from group import (
    CondemnedError,
    Entry,
    Group,
    KeyTakenError,
    NotConnectedError,
    NotJoinedError,
    NotOwnerError,
    NotRegisteredError,
    RegistryConflict,
    ShardTimeoutError,
    StoppedError,
)
from tests.campaign.beliefs import GONE, Answered, Asked, Kind, Line, Place, Writing
from tests.campaign.calls import Recorder
from transport import Node

LOAD = 4096
"""Bytes of a large meta: four seconds of a throttled link."""

_REFUSALS = (NotConnectedError, CondemnedError, StoppedError, ShardTimeoutError)
_ABSENT = (NotRegisteredError, NotJoinedError)


class Town:
    """One life of a node: its group, its journal, and all who live here."""

    def __init__(self, node: Node, group: Group, journal: Path, seed: int) -> None:
        self.node = node
        self.group = group
        self.calls = Recorder()
        self.random = random.Random(seed)
        self.quiet = threading.Event()
        # Guards the journal and the people.
        self.lock = threading.Lock()
        self._journal = Writing(journal)
        self._versions = 0
        self.people: dict[int, AnyRef] = {}

    def note(self, line: Line) -> None:
        """Write a line of the journal."""
        with self.lock:
            self._journal.note(line)

    def moved_in(self, ref: AnyRef) -> int:
        """Enter an actor; from now on its end will be told."""
        n = self.node.adopt(ref)
        with self.lock:
            self._journal.note(Line(monotonic(), "start", n))
            self.people[n] = ref
        on_down(ref, partial(self._ended, n))
        return n

    def _ended(self, n: int, reason: object) -> None:
        line = Line(monotonic(), "end", n, reason=str(reason)[:200])
        if isinstance(reason, RegistryConflict):
            node, number = self.node.address_of(reason.winner)
            winner = (node.name, node.incarnation.hex(), number)
            line = Line(
                monotonic(), "end", n, key=reason.key, reason="conflict", other=winner
            )
        with self.lock:
            self._journal.note(line)
            self.people.pop(n, None)

    def places(self, n: int) -> list[Place]:
        """Return the rows that an actor has, or may have."""
        with self.lock:
            return sorted(self._journal.beliefs.of(n))

    def is_certain(self, place: Place) -> bool:
        """Tell whether a row must be there."""
        with self.lock:
            held = self._journal.beliefs.rows.get(place, GONE)
        return None not in held

    def version(self) -> int:
        """Return a number that was never a row's meta."""
        with self.lock:
            self._versions += 1
            return self._versions

    def put(self, n: int, kind: Kind, cluster: str, key: str) -> None:
        """Register or join as the current actor."""
        version, within = self.version(), cluster or None
        meta = {"v": version, "load": self._load()}
        group = self.group
        calls: dict[Kind, Callable[[], None]] = {
            "registered": lambda: group.register(key, meta, cluster=within),
            "member": lambda: group.join(key, meta, cluster=within),
        }
        place = Place(kind, cluster, key, n)
        what = "register" if kind == "registered" else "join"
        taken = (KeyTakenError,) if kind == "registered" else ()
        self._change(what, "puts", place, version, calls[kind], *taken)

    def _load(self) -> bytes:
        """Return so much, now and then, that a slow link has to do with it."""
        with self.lock:
            return bytes(LOAD) if self.random.random() < 0.05 else b""

    def serve(self, key: str, ref: AnyRef) -> None:
        """Let a servant have a key, if nobody has."""
        version = self.version()
        n = self.node.adopt(ref)
        place = partial(Line, n=n, key=key, version=version)

        def hired() -> AnyRef:
            self.note(place(monotonic(), "puts"))
            return ref

        entry = self.calls.call(
            "get_or_start",
            lambda: self.group.get_or_start(key, hired, meta={"v": version}),
            *_REFUSALS,
        )
        if isinstance(entry, Entry) and entry.ref == ref:
            self.note(place(monotonic(), "done"))
        else:
            # Not called for, or stopped already.
            ref.stop(block=False)

    def drop(self, place: Place) -> None:
        """Unregister or leave as the current actor."""
        within, group = place.cluster or None, self.group
        calls: dict[Kind, Callable[[], None]] = {
            "registered": lambda: group.unregister(place.key, cluster=within),
            "member": lambda: group.leave(place.key, cluster=within),
        }
        what = "unregister" if place.kind == "registered" else "leave"
        certain = self.is_certain(place)
        errors = (NotOwnerError, *_ABSENT)
        result = self._change(what, "drops", place, 0, calls[place.kind], *errors)
        # From a named cluster its node may have parted meanwhile.
        if certain and not place.cluster and isinstance(result, _ABSENT):
            self.calls.complain(f"{what} of {place}: {result}, but it was there")

    def _change(
        self,
        what: str,
        asked: Asked,
        place: Place,
        version: int,
        call: Callable[[], None],
        *errors: type[Exception],
    ) -> object:
        kind, cluster, key, n = place
        line = partial(Line, n=n, kind=kind, cluster=cluster, key=key, version=version)
        self.note(line(monotonic(), asked))
        result = self.calls.call(what, call, *_REFUSALS, *errors)
        answered: Answered = "done"
        if isinstance(result, ShardTimeoutError | StoppedError):
            answered = "unsure"
        elif isinstance(result, _ABSENT):
            # It is gone, as was wished.
            answered = "done"
        elif isinstance(result, Exception):
            answered = "refused"
        self.note(line(monotonic(), answered))
        return result
