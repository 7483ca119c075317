"""Whoever reads events, however slowly: what it knows in the end is the view.

A subscriber holds few events. What it misses it is told of, once, and begins again;
shards answer its wish for a snapshot late, each when it likes, and go on meanwhile.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from actors import Mailbox, Timeout, mailbox
from group import Event, Events, Lagged
from group._core import effects
from group._core import requests as ask
from group._core.conflict import constant_rank
from group._core.keys import ALL, DEFAULT, shard_of
from group._core.narrate import Narrator
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from group._events.stream import EventStream
from group._events.subscribers import ActorSubscriber, StreamSubscriber, Subscriber
from tests.group.bench import FOREVER, HERE
from tests.search.machines import Amount, live
from tests.search.node import entry
from tests.sim.stories import Story

SHARDS = 2
MOST = 2
"""Events that wait for a subscriber."""

VERBS = st.sampled_from(["register", "join", "unregister", "leave"])
KEYS = st.sampled_from(["k/0", "k/1", "k/2", "k/3"])
ACTORS = st.integers(1, 3)
METAS = st.sampled_from([b"\x80", b"\xa1a", b"\xa1b"])


class Reader(ABC):
    """One who reads, and what it has understood."""

    def __init__(self, on_lag: Callable[[], None]) -> None:
        self.on_lag = on_lag
        self.story = Story()
        self.missed = 0

    @property
    @abstractmethod
    def subscriber(self) -> Subscriber:
        """Whom the shards write to."""

    @abstractmethod
    def next(self) -> object:
        """Return what comes next; None if nothing waits."""

    @abstractmethod
    def close(self) -> None:
        """Read no more."""

    def read(self) -> bool:
        """Take what comes next; tell whether there was anything."""
        item = self.next()
        if isinstance(item, Lagged):
            assert item.missed > 0
            self.missed += item.missed
            self.story = Story()
        elif isinstance(item, Event):
            self.story.news.append(item)
        elif isinstance(item, Events):
            assert item.group == "demo"
            self.story.news += item
        assert list(self.story.fold()) == []
        return item is not None


class StreamReader(Reader):
    """Reads an event stream."""

    def __init__(self, on_lag: Callable[[], None]) -> None:
        super().__init__(on_lag)
        self.stream = EventStream(MOST, on_lag=on_lag)
        self._subscriber = StreamSubscriber(self.stream, lambda: None)

    @property
    def subscriber(self) -> Subscriber:
        return self._subscriber

    def next(self) -> object:
        try:
            return self.stream.get(timeout=0)
        except Timeout:
            return None

    def close(self) -> None:
        self.stream.close()


class ActorReader(Reader):
    """Reads the mailbox of an actor."""

    def __init__(self, on_lag: Callable[[], None]) -> None:
        super().__init__(on_lag)
        self._open = mailbox()
        self._box: Mailbox = self._open.__enter__()
        self._subscriber = ActorSubscriber(
            "demo", self._box.ref, MOST, lambda subscriber: on_lag()
        )

    @property
    def subscriber(self) -> Subscriber:
        return self._subscriber

    def next(self) -> object:
        try:
            return self._box.receive(timeout=0)
        except Timeout:
            return None

    def close(self) -> None:
        self._open.__exit__(None, None, None)


class Monitors(RuleBasedStateMachine):
    """Two shards write, one reads."""

    reader_class: type[Reader] = StreamReader

    def __init__(self) -> None:
        super().__init__()
        self.views: dict[str, View] = {}
        # Shards that have been asked for their rows and have not answered.
        self.asked: deque[int] = deque()
        self.reader: Reader = self.reader_class(self._ask)
        self.shards = [self._shard(index) for index in range(SHARDS)]

    def _shard(self, index: int) -> Shard:
        tables = Tables(HERE, (index, SHARDS), self.views, constant_rank)
        shard = Shard(tables, Narrator("demo", entry), set())
        shard.step(ask.OpenCluster(DEFAULT, 0, 1), 0.0, 0)
        shard.step(ask.Subscribe(self.reader.subscriber, DEFAULT, ALL), 0.0, 0)
        return shard

    def _ask(self) -> None:
        self.asked += range(SHARDS)

    def _turn(self, index: int, request: object) -> object:
        answer = None
        for effect in self.shards[index].step(request, 0.0, 0):
            if isinstance(effect, effects.Notify):
                self.reader.subscriber.take(index, effect.events)
            elif isinstance(effect, effects.Reply):
                answer = effect.answer
        return answer

    # What is written

    @rule(verb=VERBS, n=ACTORS, key=KEYS, meta=METAS)
    def write(self, verb: str, n: int, key: str, meta: bytes) -> None:
        requests = {
            "register": ask.Register(n, "A", DEFAULT, key, meta, FOREVER),
            "unregister": ask.Unregister(DEFAULT, key, FOREVER),
            "join": ask.Join(n, "A", DEFAULT, key, meta, FOREVER),
            "leave": ask.Leave(n, DEFAULT, key, FOREVER),
        }
        self._turn(shard_of(DEFAULT, key, SHARDS), requests[verb])

    @rule(n=ACTORS)
    def end(self, n: int) -> None:
        for index in range(SHARDS):
            self._turn(index, ask.ActorDown(n, "exit"))

    # What is read

    @rule(times=st.integers(1, 4))
    def read(self, times: int) -> None:
        for _ in range(times):
            self.reader.read()

    @rule()
    def answer(self) -> None:
        if self.asked:
            index = self.asked.popleft()
            found = self._turn(index, ask.Describe(((DEFAULT, ALL),)))
            assert isinstance(found, ask.Snapshot)
            self.reader.subscriber.restart(index, found.events)

    def catch_up(self) -> None:
        for _ in self._until_quiet():
            pass
        assert list(self.reader.story.compare(self.views[DEFAULT])) == []

    def _until_quiet(self) -> Iterator[None]:
        while self.reader.read() or self.asked:
            self.answer()
            yield

    def teardown(self) -> None:
        self.catch_up()
        self.reader.close()


class ActorMonitors(Monitors):
    reader_class = ActorReader


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("machine", [Monitors, ActorMonitors])
def test_what_a_reader_understands_is_the_view(
    machine: type[Monitors], seed: int, request: pytest.FixtureRequest
) -> None:
    live(machine, seed, request, Amount(examples=150, steps=40))
