"""A small service: what tests of `group.testing` put on nodes."""

from dataclasses import dataclass

from actors import Actor, ActorRef, ChildSpec, child
from group import Group


@dataclass(frozen=True)
class Add:
    number: int


class Counter(Actor):
    """Counts; one on each node, and the first one also has a name."""

    def __init__(self, g: Group) -> None:
        super().__init__()
        self.g, self.total = g, 0

    def on_start(self) -> None:
        self.g.join("counters", {"node": self.g.node.name})

    def on_receive(self, message: object) -> None:
        match message:
            case Add(number):
                self.total += number
            case _:
                raise LookupError(message)

    def read(self) -> int:
        return self.total


def counter(g: Group) -> ChildSpec:
    return child(Counter, g)


def counter_ref(g: Group) -> ActorRef[Counter]:
    return Counter.start(g)


def nothing(g: Group) -> str:
    return "nothing"


def broken(g: Group) -> None:
    print("this is what it wrote")
    raise LookupError("no such thing")
