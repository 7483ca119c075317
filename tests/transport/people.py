"""Actors and messages that the tests of the traffic between nodes use."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pykka

from actors import Actor, ActorRef
from tests.transport.memory import MemoryNode

AnyRef = pykka.ActorRef[Any]


@dataclass(frozen=True)
class Say:
    text: str


@dataclass(frozen=True)
class Echo:
    value: object


@dataclass(frozen=True)
class Fail:
    error: BaseException


@dataclass(frozen=True)
class Locked:
    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)


class UnknownError(Exception):
    """Needs more than a message to be built."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


class Settings:
    """Something with attributes, reached through the actor."""

    pykka_traversable = True

    def __init__(self) -> None:
        self.volume = 3

    def louder(self, by: int) -> int:
        self.volume += by
        return self.volume


class User(Actor):
    """Does what it is asked, and keeps what it is told."""

    crash_on = "tell"

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []
        self.mood = "calm"
        self.settings = Settings()
        self.gate = threading.Event()

    def on_receive(self, message: object) -> object:
        match message:
            case Echo(value):
                return value
            case Fail(error):
                raise error
            case "odd error":
                raise UnknownError(1, 2)
            case "wait":
                return self.gate.wait(30)
            case _:
                pass
        self.heard.append(message)
        return len(self.heard)

    def shout(self, text: str, *, mark: str = "!") -> str:
        return text.upper() + mark

    def actor_ref_of_mine(self) -> AnyRef:
        return self.actor_ref

    def fail(self) -> None:
        raise LookupError("no such thing")


class Trapper(User):
    """Gets exits as messages."""

    trap_exits = True


class Plain(pykka.ThreadingActor):
    """Existing code that knows nothing of us."""

    use_daemon_thread = True
    entered = threading.Event()
    gate = threading.Event()

    def on_receive(self, message: object) -> object:
        if message == "wait":
            self.entered.set()
            return self.gate.wait(30)
        if isinstance(message, Fail):
            raise message.error
        return message

    def shout(self, text: str) -> str:
        return text.upper()


@contextmanager
def linked(
    *names: str, allow_pickle: bool = True
) -> Iterator[tuple[MemoryNode, MemoryNode]]:
    """Two linked nodes in memory."""
    a, b = (MemoryNode(name, allow_pickle=allow_pickle) for name in names)
    a.connect(b)
    try:
        yield a, b
    finally:
        a.stop()
        b.stop()


def seen_from(node: MemoryNode, home: MemoryNode, ref: AnyRef) -> AnyRef:
    """Make an actor one of its home, and return its ref as another node has it."""
    n = home.traffic.locals.adopt(ref)
    return node.traffic.refs.ref(home.id, n, ref.actor_class.__name__)


@contextmanager
def users(count: int = 1, cls: type[User] = User) -> Iterator[list[ActorRef[User]]]:
    """Actors that are stopped in the end."""
    refs: list[Any] = [cls.start() for _ in range(count)]
    try:
        yield refs
    finally:
        for ref in refs:
            ref.stop(block=False)


@contextmanager
def plain_actor() -> Iterator[AnyRef]:
    """An actor of Pykka's own."""
    ref = Plain.start()
    try:
        yield ref
    finally:
        ref.stop()


def heard_by(user: AnyRef, far: AnyRef) -> list[Any]:
    """What a user has been told up to now by way of a ref of it."""
    far.proxy().mood.get(timeout=5)
    heard: list[Any] = user.proxy().heard.get(timeout=5)
    return heard
