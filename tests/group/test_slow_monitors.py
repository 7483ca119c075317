"""A monitor that does not keep up is told so, and begins again: never a silent hole."""

import threading
from collections.abc import Iterator

import pytest

from actors import Actor, AnyRef, Mailbox, mailbox
from group import ALL, Event, Events, Group, Lagged


@pytest.fixture
def g() -> Iterator[Group]:
    with Group.start("slow", max_events=5, log=False) as group:
        yield group


class Fold:
    """The view that an actor has from its events."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], int] = {}
        self.lagged = 0

    def take(self, message: object) -> None:
        if isinstance(message, Lagged):
            self.lagged += message.missed
            self.rows.clear()
            return
        assert isinstance(message, Events)
        for event in message:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        place = (event.key, str(event.ref))
        if event.reason is None:
            self.rows[place] = self.rows.get(place, 0) + 1
        else:
            self.rows.pop(place, None)


def view(g: Group) -> set[tuple[str, str]]:
    return {(record.key, str(record.ref)) for record in g.entries()}


def drain(me: Mailbox, fold: Fold, g: Group) -> None:
    for _ in range(1000):
        if set(fold.rows) == view(g) and fold.lagged:
            return
        fold.take(me.receive(timeout=5))


def test_a_monitor_that_lags_is_told_and_begins_again(g: Group) -> None:
    with mailbox() as me:
        g.monitor(ALL)
        for number in range(40):
            g.register(f"k/{number}")
        fold = Fold()

        drain(me, fold, g)

        assert fold.lagged >= 30
        assert set(fold.rows) == view(g)


def test_rows_that_two_patterns_match_come_once_after_a_lag(g: Group) -> None:
    with mailbox() as me:
        g.monitor("k/")
        g.monitor(ALL)
        for number in range(40):
            g.register(f"k/{number}")
        fold = Fold()

        drain(me, fold, g)

        assert set(fold.rows.values()) == {1}


def test_events_after_the_lag_continue_the_snapshot(g: Group) -> None:
    with mailbox() as me:
        g.monitor(ALL)
        for number in range(40):
            g.register(f"k/{number}")
        fold = Fold()
        drain(me, fold, g)

        g.unregister("k/7")
        fold.take(me.receive(timeout=5))

        assert set(fold.rows) == view(g)


class Stuck(Actor):
    """An actor whose first message lasts until it is let go."""

    def __init__(self, go: threading.Event, fold: Fold) -> None:
        super().__init__()
        self.go, self.fold = go, fold
        self.done = threading.Event()

    def on_receive(self, message: object) -> None:
        self.go.wait(30)
        self.fold.take(message)


def test_a_stuck_monitor_holds_up_no_writer_and_a_bounded_queue(g: Group) -> None:
    go, fold = threading.Event(), Fold()
    stuck: AnyRef = Stuck.start(go, fold)
    g.monitor(ALL, actor=stuck)
    with mailbox():
        for number in range(500):
            g.register(f"k/{number}")
        waiting = stuck.actor_inbox

        go.set()
        stuck.stop()

        assert waiting is stuck.actor_inbox
        assert fold.lagged >= 400
