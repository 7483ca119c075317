"""Something to look at: people in rooms, who come, go and stumble."""

import random
from collections.abc import Iterable

from actors import Actor, ChildSpec, Supervisor, child, tell_after
from group import Group

ROOMS = ("chat/garden", "chat/kitchen", "chat/roof")


class Person(Actor):
    """Has a name, wanders from room to room."""

    def __init__(self, group: Group, name: str, restless: float) -> None:
        super().__init__()
        self._group = group
        self._name = name
        self._room: str | None = None
        self._restless = restless

    def on_start(self) -> None:
        """Take the name."""
        meta = {"name": self._name, "home": self._group.node.name}
        self._group.register(f"user/{self._name}", meta)
        self.on_receive("move")

    def on_receive(self, message: object) -> None:
        """Move on, or stumble."""
        if message == "stumble":
            raise RuntimeError(f"{self._name} has stumbled over a cat")
        if self._room is not None:
            self._group.leave(self._room)
        self._room = random.choice(ROOMS)
        self._group.join(self._room, {"role": random.choice(("guest", "host"))})
        if self._restless:
            tell_after(self.actor_ref, random.uniform(1, 2) * self._restless, "move")
            if random.random() < 0.05:
                self.actor_ref.tell("stumble")


class People(Supervisor):
    """Those who live on one node."""

    max_restarts = 1000
    NAMES = ("ada", "ben", "cleo", "dora", "emil", "fay", "gus", "hana", "ivo", "june")

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def children(self) -> Iterable[ChildSpec]:
        """Give the specs of all."""
        node = self._group.node.name
        return [
            child(Person, self._group, f"{name}@{node}", 2.0, id=name)
            for name in self.NAMES
        ]


def factory(group: Group) -> Iterable[ChildSpec]:
    """Populate a node."""
    return [child(People, group, id="people", shutdown="infinity")]
