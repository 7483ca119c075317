"""What runs in each pod: one named actor, which every pod can call."""

from collections.abc import Iterable

from actors import Actor, ChildSpec, child
from group import Group


class Greeter(Actor):
    """Has a key with the pod's name, and is in one group with all its like."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group

    def on_start(self) -> None:
        """Take the key: in each life, so that it comes back after a crash."""
        pod = self.group.node.name
        self.group.register(f"greeter/{pod}", {"pod": pod})
        self.group.join("greeters", {"pod": pod})

    def greet(self, name: str) -> str:
        """Answer from here."""
        return f"{self.group.node.name} greets {name}"


def factory(group: Group) -> Iterable[ChildSpec]:
    """Return what `groupctl start --app app:factory` supervises."""
    return [child(Greeter, group)]
