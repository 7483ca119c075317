"""Two linked nodes with one group, the actors on them, and who watches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from time import monotonic
from typing import TypeVar

from actors import AnyRef, Mailbox, Timeout, mailbox
from group import ALL, Events, EventStream, Group
from group._core.events import Event
from group._core.keys import Pattern
from tests.group.people import Listener, groups
from tests.injection.model import MEMBER, REGISTERED, Model, Rows, Story, difference
from tests.injection.points import SHARDS
from tests.injection.probes import PlannedError
from tests.injection.tables import out_of_step
from tests.waiting import eventually

HEARTBEAT = 0.1
DEADLINE = 2.0
"""Seconds within which every call returns and every promise comes true."""


class ViolationError(Exception):
    """Something was lost, or somebody saw what was not for them."""


T = TypeVar("T")
Meta = Mapping[str, object]


class Watcher:
    """An actor that monitors a pattern, and what it must know."""

    def __init__(self, name: str, group: Group, box: Mailbox) -> None:
        self.name = name
        self.group = group
        self.box = box
        self.cluster: str | None = None
        self.pattern: Pattern = ALL
        self.story = Story({})
        # None while it monitors; then the rows that it knew at the end.
        self.frozen: Rows | None = None

    def read(self) -> None:
        """Replay what has come."""
        while True:
            try:
                message = self.box.receive(timeout=0)
            except Timeout:
                return
            assert isinstance(message, Events), message
            self.story.replay(message)


class StreamWatcher:
    """Somebody who reads an event stream that began with a snapshot."""

    def __init__(self, stream: EventStream) -> None:
        self.stream = stream
        self.story = Story({})

    def read(self) -> None:
        """Replay what has come."""
        while self.stream.waiting:
            item = self.stream.get(timeout=0)
            assert isinstance(item, Event), item
            self.story.replay([item])


class World:
    """What the workload runs on. `a` is the group that is hurt, `b` its peer."""

    def __init__(self, a: Group, b: Group, stack: ExitStack) -> None:
        self.a, self.b = a, b
        self.stack = stack
        self.model = Model()
        self.actors: dict[str, AnyRef] = {}
        self.watchers: dict[str, Watcher] = {}
        self.stream: StreamWatcher | None = None
        self.sent: dict[AnyRef, list[object]] = {}
        self.calls = 0
        self.slowest = 0.0
        # Whether callers may see what is thrown in: the directory's turns are theirs.
        self.is_seen = False
        self._links = self._linked()
        # What went over a link, and is lost with it: to whom, and what.
        self.crossing: set[tuple[AnyRef, object]] = set()

    @classmethod
    def begin(cls, stack: ExitStack) -> World:
        """Start nodes and groups; all ends with the stack."""
        pair = groups("a", "b", heartbeat=HEARTBEAT, shards=SHARDS)
        a, b = stack.enter_context(pair)
        return cls(a, b, stack)

    # Who is there

    def actor(self, name: str) -> AnyRef:
        """Return an actor, started when it is first named."""
        ref = self.actors.get(name)
        if ref is None:
            ref = self.actors[name] = Listener.start()
            self.stack.callback(ref.stop, block=False)
        return ref

    def side_of(self, name: str) -> Group:
        """Return the group that an actor belongs to, by its name."""
        return self.b if name.startswith("b") else self.a

    def refs_of(self, side: Group) -> list[AnyRef]:
        """Return the actors of one side."""
        return [ref for name, ref in self.actors.items() if self.side_of(name) is side]

    # Calls, each with its deadline, and what they make true

    def call(self, verb: Callable[[], T]) -> T:
        """Call; nobody is to see a crash, or to wait for long."""
        began = monotonic()
        try:
            result = self._insist(verb)
        except Exception as error:
            raise ViolationError(f"a caller got {error!r}") from error
        finally:
            self.calls += 1
            self.slowest = max(self.slowest, monotonic() - began)
        if self.slowest > DEADLINE:
            raise ViolationError(f"a call took {self.slowest:.2f} s")
        return result

    def _insist(self, verb: Callable[[], T]) -> T:
        try:
            return verb()
        except PlannedError:
            if not self.is_seen:
                raise
            return verb()

    def register(
        self, name: str, key: str, meta: Meta, cluster: str | None = None
    ) -> None:
        """Register an actor under a key, or change the meta."""
        ref, side = self.actor(name), self.side_of(name)
        self.call(lambda: side.register(key, meta, actor=ref, cluster=cluster))
        self.model.put(REGISTERED, key, ref, meta, cluster)

    def join(self, name: str, key: str, meta: Meta, cluster: str | None = None) -> None:
        """Make an actor a member, or change the meta."""
        ref, side = self.actor(name), self.side_of(name)
        self.call(lambda: side.join(key, meta, actor=ref, cluster=cluster))
        self.model.put(MEMBER, key, ref, meta, cluster)

    def unregister(self, name: str, key: str) -> None:
        """Give up a key."""
        side = self.side_of(name)
        self.call(lambda: side.unregister(key))
        self.model.drop(REGISTERED, key, self.actor(name), None)

    def leave(self, name: str, key: str) -> None:
        """End a membership."""
        ref, side = self.actor(name), self.side_of(name)
        self.call(lambda: side.leave(key, actor=ref))
        self.model.drop(MEMBER, key, ref, None)

    def disconnect(self, side: Group, cluster: str) -> None:
        """Leave a cluster."""
        self.call(lambda: side.disconnect(cluster, timeout=DEADLINE))
        self.model.left(cluster, self.refs_of(side))

    def monitor(
        self, name: str, pattern: Pattern = ALL, cluster: str | None = None
    ) -> None:
        """Open a watcher's mailbox and let it monitor."""
        side = self.side_of(name)
        box = self.stack.enter_context(mailbox())
        watcher = self.watchers[name] = Watcher(name, side, box)
        watcher.cluster, watcher.pattern = cluster, pattern
        watcher.story = Story(self.model.matching(cluster, pattern))
        self.call(lambda: side.monitor(pattern, actor=box.ref, cluster=cluster))

    def demonitor(self, name: str) -> None:
        """Let it monitor no more; what it knows by now stays."""
        watcher = self.watchers[name]
        self.call(lambda: self.side_of(name).demonitor("user/", actor=watcher.box.ref))
        watcher.frozen = self.model.matching(watcher.cluster, watcher.pattern)

    def open_stream(self) -> None:
        """Begin an event stream with a snapshot."""
        stream = self.call(lambda: self.a.events(snapshot=True))
        self.stream = StreamWatcher(stream)

    def settle(self, side: Group) -> None:
        """Wait until the other side has applied what this one wrote."""
        self.call(lambda: side.settle(DEADLINE))
        if self.relinked:
            # A frame that crashes a shard costs its link. The fence was for those who
            # are linked; the others have the rows soon after they are again.
            self.until(self.is_in_step, "both have what the other wrote")

    @property
    def relinked(self) -> bool:
        """Whether the link of the beginning has ended."""
        return self._linked() != self._links

    def _linked(self) -> list[set[int]]:
        """Return the links that each side knows; one may notice an end first."""
        return [set(g._instance.store.directory.linked) for g in (self.a, self.b)]

    def is_in_step(self) -> bool:
        """Tell whether each side holds exactly what the other has."""
        sides = ((self.a, self.b), (self.b, self.a))
        return all(self._linked()) and not any(
            words
            for mine, other in sides
            for index in range(SHARDS)
            for words in out_of_step(mine, other, index)
        )

    def until(self, fact: Callable[[], object], what: str) -> None:
        """Wait for a promise to come true."""
        try:
            eventually(fact, DEADLINE, what=what)
        except AssertionError as error:
            raise ViolationError(str(error)) from error

    # What watchers know

    def untrue_stories(self) -> Iterator[str]:
        """Tell which watcher knows something else than it must."""
        for name, watcher in self.watchers.items():
            watcher.read()
            wanted = self.model.matching(watcher.cluster, watcher.pattern)
            if watcher.frozen is not None:
                wanted = watcher.frozen
            yield from _unlike(f"watcher {name}", watcher.story, wanted)
        if self.stream is not None:
            self.stream.read()
            wanted = self.model.matching(None, ALL)
            yield from _unlike("stream", self.stream.story, wanted)


def _unlike(who: str, story: Story, wanted: Rows) -> Iterator[str]:
    for words in story.problems:
        yield f"{who}: {words}"
    words = difference(story.rows, wanted)
    if words:
        yield f"{who} {words}"
