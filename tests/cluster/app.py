"""An app for `groupctl start --app`: one clerk per node, who does what tests ask."""

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

from actors import (
    Actor,
    ChildSpec,
    SupervisorRef,
    child,
    kill,
    register_name,
    start_ready,
    whereis,
)
from actors import Supervisor as AnySupervisor
from group import Group, KeyTakenError


class Refusal(NamedTuple):
    """What a KeyTakenError says."""

    text: str
    key: str
    node: str


class Clerk(Actor):
    """Registers keys, looks them up, calls their owners."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group

    def on_start(self) -> None:
        register_name("clerk", self.actor_ref)
        self.group.register(f"clerk/{self.group.node.name}", {"pid": os.getpid()})
        self.group.join("clerks", {"node": self.group.node.name})

    def register(self, key: str) -> Refusal | None:
        """Claim a key; return who has it if it is taken."""
        try:
            self.group.register(key)
        except KeyTakenError as error:
            return Refusal(str(error), error.key, error.node)
        return None

    def view(self) -> list[tuple[str, str, str]]:
        """Return all rows that this node knows: kind, key, owner's node."""
        address_of = self.group.node.address_of
        return sorted(
            (record.kind, record.key, address_of(record.ref)[0].name)
            for record in self.group.entries()
        )

    def nodes(self) -> list[str]:
        return self.group.nodes()

    def call(self, key: str, text: str) -> str:
        """Call the owner of a key, wherever it is."""
        ref, _ = self.group.wait_for(key, timeout=10)
        answer: str = ref.proxy().shout(text).get(timeout=10)
        return answer

    def shout(self, text: str) -> str:
        return f"{text.upper()} from {self.group.node.name}"


def factory(group: Group) -> Iterable[ChildSpec]:
    return [child(Clerk, group)]


class Mortal(Actor):
    """Ends by itself, and takes its supervisor along."""

    def on_start(self) -> None:
        self.actor_ref.tell("end")

    def on_receive(self, message: object) -> None:
        raise RuntimeError("this app never works")


def failing(group: Group) -> ChildSpec:
    return child(Mortal)


def hurting(group: Group) -> None:
    """An app that is none: it kills an actor of its group."""
    registry = whereis(group._instance.registry_name)
    assert registry is not None
    kill(registry)


class Stubborn(Actor):
    """Does not end when it is told to."""

    def on_stop(self) -> None:
        while True:
            os.read(os.pipe()[0], 1)


def stubborn(group: Group) -> SupervisorRef[AnySupervisor]:
    return AnySupervisor.start(children=[child(Stubborn, shutdown=30)])


def not_a_tree(group: Group) -> int:
    return 42


def unready(group: Group) -> object:
    return start_ready(Clerk, None)


def hanging(_group: Group) -> None:
    """An app that never comes up."""
    print("hanging", flush=True)
    while True:
        time.sleep(1)


def no_specs(_group: Group) -> list[type[Clerk]]:
    return [Clerk]


def by_name(_group: Group) -> dict[str, type[Clerk]]:
    return {"clerk": Clerk}


async def later(_group: Group) -> list[ChildSpec]:
    return []


def deaf() -> list[ChildSpec]:
    return []


def raising(_group: Group) -> list[ChildSpec]:
    return _look_up("a shop")


def raising_late(_group: Group) -> Iterable[ChildSpec]:
    yield child(Clerk, _group)
    raise ValueError("no such shop")


def _look_up(_name: str) -> list[ChildSpec]:
    raise ValueError("no such shop")
