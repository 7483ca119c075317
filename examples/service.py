"""A supervised actor: it crashes, comes back, and is found again from another node.

It prints:

    2
    4
    unregistered service/counter RuntimeError: nobody survives 'this'
    registered service/counter None
    2
"""

import logging

from actors import Actor, Supervisor, child
from group import Event, Group
from transport import Node


class Counter(Actor):
    """What the service is."""

    def __init__(self, g: Group) -> None:
        super().__init__()
        self.g, self.total = g, 0

    def on_start(self) -> None:
        """Take the key: in each life, so that it comes back after a crash."""
        self.g.register("service/counter")

    def add(self, number: int) -> int:
        """Return the new total."""
        self.total += number
        return self.total

    def on_receive(self, message: object) -> None:
        """Crash."""
        raise RuntimeError(f"nobody survives {message!r}")


# The crash is meant; whoever runs a service wants to read of it.
logging.getLogger("actors").setLevel(logging.CRITICAL)

with (
    Node.start("server") as server,
    Group.start("shop", node=server) as gs,
    Node.start("client", join=[server.address]) as client,
    Group.start("shop", node=client) as gc,
):
    # In a process of its own: actors.run(supervisor, node=server) waits for Ctrl-C.
    supervisor = Supervisor.start(children=[child(Counter, gs)])
    counter = gc.wait_for("service/counter", timeout=5).ref
    print(counter.proxy().add(2).get(timeout=5))
    print(counter.proxy().add(2).get(timeout=5))

    with gc.events("service/") as events:
        counter.tell("this")
        for event in events:
            if isinstance(event, Event):
                print(event.type, event.key, event.reason)
                if event.type == "registered":
                    break

    counter = gc.wait_for("service/counter", timeout=5).ref
    print(counter.proxy().add(2).get(timeout=5))  # a new life begins at nought
    supervisor.stop()
