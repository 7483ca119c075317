"""What follows from events alone: the view, if nothing is missing or said twice."""

import threading
from collections.abc import Callable, Iterable

from actors import Actor, AnyRef, Timeout
from group import ALL, Event, Events, Group, Lagged, StreamClosedError
from tests.campaign.beliefs import Kind, Owner
from tests.campaign.state import SUB, Row

OwnerOf = Callable[[AnyRef], Owner]
_KINDS: dict[str, Kind] = {
    "registered": "registered",
    "unregistered": "registered",
    "joined": "member",
    "left": "member",
}


class Fold:
    """The sum of events. Not thread-safe."""

    def __init__(self, owner_of: OwnerOf) -> None:
        self._owner_of = owner_of
        self._rows: dict[tuple[object, ...], Row] = {}
        self.complaints: list[str] = []

    def rows(self) -> list[Row]:
        return list(self._rows.values())

    def clear(self) -> None:
        """Begin again: a snapshot follows."""
        self._rows.clear()

    def add(self, events: Iterable[Event]) -> None:
        """Take events in their order."""
        for event in events:
            row = self._row(event)
            if row.kind == "registered":
                place: tuple[object, ...] = (row.kind, row.cluster, row.key)
            else:
                place = (row.kind, row.cluster, row.key, row.owner)
            self._judge(event, row, self._rows.get(place))
            if event.type in ("registered", "joined"):
                self._rows[place] = row
            else:
                self._rows.pop(place, None)

    def _row(self, event: Event) -> Row:
        owner, version = self._owner_of(event.ref), event.meta["v"]
        assert isinstance(version, int)
        kind = _KINDS[event.type]
        return Row(kind, event.cluster or "", event.key, owner, version)

    def _judge(self, event: Event, row: Row, before: Row | None) -> None:
        comes = event.type in ("registered", "joined")
        if comes and before is not None and before.owner != row.owner:
            self.complaints.append(f"{row} came while {before} was there")
        if not comes and before is None:
            self.complaints.append(f"{row} went and had never come")
        if not comes and before is not None and before.owner != row.owner:
            self.complaints.append(f"{row} went while {before} was there")


class Watcher(Actor):
    """A monitor of everything, from the first moment of a node.

    A lazy one takes its time over every message, and so lags, until `hurry` is set.
    """

    LAZINESS = 0.1

    def __init__(
        self, group: Group, owner_of: OwnerOf, hurry: threading.Event | None = None
    ) -> None:
        super().__init__()
        self._group = group
        self._hurry = hurry
        self.fold = Fold(owner_of)
        self.lags = 0

    def on_start(self) -> None:
        self._group.monitor(ALL)
        self._group.monitor(ALL, cluster=SUB)

    def on_receive(self, message: object) -> None:
        if self._hurry is not None:
            self._hurry.wait(self.LAZINESS)
        match message:
            case Events(events, _):
                self.fold.add(events)
            case Lagged():
                self.lags += 1
                self.fold.clear()
            case _:
                pass

    def look(self) -> tuple[list[Row], list[str], int]:
        """Return the rows, what was wrong with the events, and how often it lagged."""
        return self.fold.rows(), list(self.fold.complaints), self.lags


class Reader:
    """A stream of everything that begins in mid-run, read by a thread."""

    def __init__(self, group: Group, owner_of: OwnerOf) -> None:
        # Guards the fold.
        self._lock = threading.Lock()
        self._fold = Fold(owner_of)
        self._stream = group.events(ALL, snapshot=True)
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def look(self) -> tuple[list[Row], list[str]]:
        """Return the rows, and what was wrong with the events."""
        with self._lock:
            return self._fold.rows(), list(self._fold.complaints)

    def close(self) -> None:
        """End the stream and the thread."""
        self._stream.close()
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                item = self._stream.get()
            except (StreamClosedError, Timeout):
                return
            with self._lock:
                if isinstance(item, Lagged):
                    self._fold.clear()
                else:
                    self._fold.add([item])
