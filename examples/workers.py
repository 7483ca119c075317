"""Workers on two nodes: work goes to one of them, and one that ends lives on elsewhere.

It prints:
    the closest to b: cid squares 7: 49
    the furthest from b is one of a's: True
    the oldest, as both nodes see it: ann, ann
    cid runs on b
    cid runs on a
    cid squares 9: 81
"""

import logging

from actors import Actor, AnyRef, child, start_ready
from group import Event, Group, NomadSupervisor
from transport import Node

# That a worker has ended is a warning, but no news here.
logging.getLogger("group").setLevel(logging.ERROR)


class Worker(Actor):
    """Squares numbers."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def square(self, number: int) -> str:
        """Answer a call."""
        return f"{self.name} squares {number}: {number * number}"


def squared(worker: AnyRef, number: int) -> str:
    answer: str = worker.proxy().square(number).get(timeout=5)
    return answer


def choose(a: Group, b: Group) -> None:
    for group, name in ((a, "ann"), (a, "bob"), (b, "cid")):
        group.join("workers", {"name": name}, actor=Worker.start(name))
        # The other node knows of it: whoever joins there is newer.
        group.settle()
    print("the closest to b:", squared(b.pick("workers").ref, 7))
    far = b.pick("workers", "furthest").meta["name"]
    print(f"the furthest from b is one of a's: {far in ('ann', 'bob')}")
    oldest = [str(group.pick("workers", "oldest").meta["name"]) for group in (a, b)]
    print("the oldest, as both nodes see it:", ", ".join(oldest))


def wander(a: Group, b: Group) -> None:
    """Start a worker on b that runs on a when it ends there."""
    supervisors = [start_ready(NomadSupervisor, group) for group in (a, b)]
    for group in (a, b):
        group.wait_for_member("nomads", count=2, timeout=5)
    worker = supervisors[1].proxy().start_child(child(Worker, "cid", id="cid")).get()
    print(f"cid runs on {home(b)}")

    a.wait_for("nomads/cid", timeout=5)
    with a.events("nomads/cid") as events:
        worker.stop()
        # One that it is gone, one that it is back.
        next(e for e in events if isinstance(e, Event) and e.type == "registered")
    print(f"cid runs on {home(a)}")
    print(squared(a.wait_for("nomads/cid", timeout=5).ref, 9))
    for supervisor in supervisors:
        supervisor.stop()


def home(group: Group) -> str:
    return group.node.address_of(group.wait_for("nomads/cid", timeout=5).ref)[0].name


with (
    Node.start("a") as node_a,
    Node.start("b", join=[node_a.address]) as node_b,
    Group.start("app", node=node_a) as group_a,
    Group.start("app", node=node_b) as group_b,
):
    choose(group_a, group_b)
    wander(group_a, group_b)
