"""Who lives on the nodes of a campaign, and what they do all day."""

import random
import threading
from contextlib import suppress
from time import monotonic

from actors import (
    Actor,
    ActorDeadError,
    AnyRef,
    Down,
    MonitorRef,
    Timeout,
    link,
    monitor,
    tell_after,
)
from actors import exit as exit_actor
from group import (
    ShardTimeoutError,
    StoppedError,
)
from tests.campaign.beliefs import Kind, Line
from tests.campaign.state import SUB
from tests.campaign.town import LOAD, Town
from transport import LinkFullError, NodeDownError

KEYS = {
    ("registered", ""): tuple(f"k/{number}" for number in range(5)),
    ("registered", SUB): tuple(f"s/{number}" for number in range(3)),
    ("member", ""): ("g/0", "g/1"),
    ("member", SUB): ("h/0",),
}
CLERKS = 2
ASK_TIME, SETTLE_TIME, WAIT_TIME = 1.5, 1.0, 0.3


class Clerk(Actor):
    """Answers; keeps one key and one membership for life."""

    def __init__(self, town: Town, number: int) -> None:
        super().__init__()
        self.town = town
        self.key = f"clerk/{town.node.name}/{number}"

    def on_start(self) -> None:
        n = self.town.moved_in(self.actor_ref)
        self.town.put(n, "registered", "", self.key)
        self.town.put(n, "member", "", "clerks")

    def on_receive(self, message: object) -> object:
        return message


class Servant(Actor):
    """Keeps a key for a while, and goes; never in quiet times."""

    STAYS = 1.0

    def __init__(self, town: Town) -> None:
        super().__init__()
        self.town = town

    def on_start(self) -> None:
        self.town.moved_in(self.actor_ref)
        tell_after(self.actor_ref, self.STAYS, "go")

    def on_receive(self, message: object) -> object:
        if message == "go":
            if self.town.quiet.is_set():
                tell_after(self.actor_ref, self.STAYS, "go")
            else:
                self.stop()
        return message


class Person(Actor):
    """Does what the driver says, to itself and to others."""

    def __init__(self, town: Town, seed: int) -> None:
        super().__init__()
        self.town = town
        self.random = random.Random(seed)
        self.n = 0
        self.watched: dict[MonitorRef, int] = {}

    def on_start(self) -> None:
        self.n = self.town.moved_in(self.actor_ref)

    def on_receive(self, message: object) -> object:
        match message:
            case ("do", str() as verb):
                if not self.town.quiet.is_set():
                    getattr(self, verb)()
            case "crash":
                raise RuntimeError("a crash that was ordered")
            case Down(watch, _, reason):
                number = self.watched.pop(watch, watch.id)
                line = Line(
                    monotonic(), "down", self.n, version=number, reason=str(reason)[:80]
                )
                self.town.note(line)
            case _:
                pass
        return message

    def _somewhere(self, kind: Kind) -> tuple[str, str]:
        cluster = self.random.choice(("", "", SUB))
        return cluster, self.random.choice(KEYS[kind, cluster])

    def register(self) -> None:
        self.town.put(self.n, "registered", *self._somewhere("registered"))

    def join(self) -> None:
        self.town.put(self.n, "member", *self._somewhere("member"))

    def update(self) -> None:
        places = self.town.places(self.n)
        if places:
            kind, cluster, key, _ = self.random.choice(places)
            self.town.put(self.n, kind, cluster, key)

    def drop(self) -> None:
        places = self.town.places(self.n)
        if places:
            self.town.drop(self.random.choice(places))

    def read(self) -> None:
        group, call = self.town.group, self.town.calls.call
        cluster, key = self._somewhere("registered")
        call("lookup", lambda: group.lookup(key, cluster=cluster or None))
        cluster, key = self._somewhere("member")
        call("members", lambda: group.members(key, cluster=cluster or None))
        call("explain", lambda: group.explain(key, cluster=cluster or None))
        call("entries", lambda: list(group.entries()))

    def dispatch(self) -> None:
        cluster, key = self._somewhere("member")
        group = self.town.group
        letter = "hello" * self.random.choice((1, 1, 1, LOAD))
        self.town.calls.call(
            "dispatch", lambda: group.dispatch(key, letter, cluster=cluster or None)
        )

    def _other(self, key: str) -> AnyRef | None:
        found = self.town.group.members(key)
        return self.random.choice(found).ref if found else None

    def ask(self) -> None:
        ref = self._other("clerks")
        if ref is not None:
            number = self.town.version()
            result = self.town.calls.call(
                "ask",
                lambda: ref.ask(number, timeout=ASK_TIME),
                *(Timeout, NodeDownError, ActorDeadError, LinkFullError),
                limit=ASK_TIME + 1.0,
            )
            if not isinstance(result, Exception) and result != number:
                self.town.calls.complain(f"asked {number}, was answered {result!r}")

    def tell(self) -> None:
        ref = self._other("g/0")
        if ref is not None:
            self.town.calls.call("tell", lambda: ref.tell("hello"), ActorDeadError)

    def watch(self) -> None:
        ref = self._other("g/1")
        if ref is None or ref == self.actor_ref:
            return
        node, number = self.town.node.address_of(ref)
        watch = self.town.calls.call("monitor actor", lambda: monitor(ref))
        if not isinstance(watch, MonitorRef):
            return
        other = (node.name, node.incarnation.hex(), number)
        self.watched[watch] = watch.id
        # Written before its Down can be: that comes as a message to this actor.
        self.town.note(
            Line(monotonic(), "watches", self.n, version=watch.id, other=other)
        )

    def bond(self) -> None:
        """Share the fate of somebody, maybe far away."""
        ref = self._other("g/1")
        if ref is None or ref == self.actor_ref:
            return
        node, number = self.town.node.address_of(ref)
        self.town.calls.call("link", lambda: link(ref))
        other = (node.name, node.incarnation.hex(), number)
        self.town.note(Line(monotonic(), "links", self.n, other=other))

    def kick(self) -> None:
        """End somebody, maybe far away, with a reason."""
        ref = self._other("g/1")
        if ref is not None:
            self.town.calls.call("exit", lambda: exit_actor(ref, "kicked"))

    def serve(self) -> None:
        key = self.random.choice(KEYS["registered", ""])
        self.town.serve(key, Servant.start(self.town))

    def wait(self) -> None:
        key = self.random.choice(KEYS["registered", ""])
        self.town.calls.call(
            "wait_for",
            lambda: self.town.group.wait_for(key, timeout=WAIT_TIME),
            *(Timeout, StoppedError),
            limit=WAIT_TIME + 1.0,
        )

    def settle(self) -> None:
        self.town.calls.call(
            "settle",
            lambda: self.town.group.settle(SETTLE_TIME),
            ShardTimeoutError,
            StoppedError,
            limit=SETTLE_TIME + 1.0,
        )


VERBS = {
    "register": 10,
    "join": 6,
    "update": 8,
    "drop": 6,
    "read": 4,
    "dispatch": 3,
    "ask": 4,
    "tell": 3,
    "watch": 1,
    "settle": 1,
    "kick": 1,
    "bond": 1,
    "serve": 2,
    "wait": 1,
}


class Driver:
    """Tells the people of a town what to do, at a steady rate, from one thread."""

    PEOPLE = 6

    def __init__(self, town: Town, rate: float) -> None:
        self._town = town
        self._pause = 1.0 / rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="driver", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            if not self._town.quiet.is_set():
                self._turn()

    def _turn(self) -> None:
        rng = self._town.random
        with self._town.lock:
            people = [
                ref
                for ref in self._town.people.values()
                if ref.actor_class is Person and ref.is_alive()
            ]
        if len(people) < self.PEOPLE and rng.random() < 0.2:
            Person.start(self._town, rng.getrandbits(31))
        if not people:
            return
        ref = rng.choice(people)
        with suppress(ActorDeadError):
            if rng.random() < 0.04:
                rng.choice((stop, crash))(ref)
            else:
                verb, *_ = rng.choices(list(VERBS), list(VERBS.values()))
                ref.tell(("do", verb))


def stop(ref: AnyRef) -> None:
    ref.stop(block=False)


def crash(ref: AnyRef) -> None:
    ref.tell("crash")
