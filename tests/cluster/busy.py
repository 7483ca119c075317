"""An app for `groupctl start --app` that has known rows, and never stops writing."""

from collections.abc import Iterable
from itertools import count

from actors import Actor, ChildSpec, child, register_name, tell_after
from group import Group
from transport import NodeLost, NodeUp

# Seconds between two turns of a writer, and rows written in one.
PAUSE, ROWS = 0.05, 5
CLUSTER = "match 7"


class Holder(Actor):
    """Has what tests look for: one key, one membership, one row in a named cluster."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def on_start(self) -> None:
        node = self._group.node.name
        self._group.register(f"user/{node}", {"node": node, "tags": ["x", 1]})
        self._group.join("room/lobby", {"node": node})
        if node != "c":
            self._group.connect(CLUSTER)
            self._group.join("score", {"node": node}, cluster=CLUSTER)


class Writer(Actor):
    """The load: registers and joins, and takes it back, without an end."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group
        self._numbers = count()

    def on_start(self) -> None:
        self.actor_ref.tell("write")

    def on_receive(self, message: object) -> None:
        for _ in range(ROWS):
            key = f"load/{self._group.node.name}/{next(self._numbers) % 50}"
            self._group.register(key, {"n": 1})
            self._group.join("load/all")
            self._group.leave("load/all")
            self._group.unregister(key)
        tell_after(self.actor_ref, PAUSE, "write")


class Witness(Actor):
    """Remembers every set of nodes that it has seen, and all that it was told."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group
        self.views: set[tuple[str, ...]] = set()
        self.told: list[tuple[str, str]] = []

    def on_start(self) -> None:
        register_name("witness", self.actor_ref)
        self._group.node.monitor_nodes()
        self.actor_ref.tell("look")

    def on_receive(self, message: object) -> None:
        match message:
            case NodeUp(node):
                self.told.append(("up", node.name))
            case NodeLost(node):
                self.told.append(("lost", node.name))
            case _:
                peers = [peer.name for peer in self._group.node.peers()]
                self.views.add(tuple(self._group.nodes()))
                self.views.add(tuple(sorted(peers)))
                tell_after(self.actor_ref, 0.01, "look")

    def seen(self) -> tuple[list[tuple[str, ...]], list[tuple[str, str]]]:
        return sorted(self.views), self.told

    def forget(self) -> None:
        self.views.clear()
        self.told.clear()


def factory(group: Group) -> Iterable[ChildSpec]:
    return [child(Holder, group), child(Writer, group), child(Witness, group)]
