"""Scopes: counted joins, names that match many, callbacks, snapshots, pools.

It prints:
    + /users/?/ has one more, join_local
    + /users/?/ has one more, join_local
    + /users/?/ has one more, join_remote
    /users/ann/ leads to /users/?/ with 3 occurrences
    /users/ann/photos/ leads to /users/*/
    the oldest is the same on both nodes: True
    2 of 3 messages go to the one that has joined twice, or so: True
    the snapshot still has 3, the scope has 1
    - /users/?/ has one less, leave_local
    - /users/?/ has one less, leave_local
    the pool took 2 of 3 servers
"""

import threading

from actors import Actor
from group import Scope
from transport import Node


class Server(Actor):
    """Does nothing but be there."""


def tour(a: Scope, b: Scope) -> None:
    strong, weak = Server.start(), Server.start()
    calls = threading.Semaphore(0)

    def call(word: str) -> None:
        print(word)
        calls.release()

    a.on_join("/users/?/", lambda group, _, why: call(f"+ {group} has one more, {why}"))
    leaving = a.on_leave(
        "/users/?/", lambda group, _, why: call(f"- {group} has one less, {why}")
    )
    a.join("/users/?/", actor=strong, count=2)
    a.settle()
    b.join_counts({"/users/?/": 1, "/users/*/": 1}, actor=weak)
    b.settle()
    for _ in range(3):
        calls.acquire(timeout=5)

    # The most specific name with wildcards wins, and is said.
    group, refs = a.members("/users/ann/")
    print(f"/users/ann/ leads to {group} with {len(refs)} occurrences")
    print(f"/users/ann/photos/ leads to {a.members('/users/ann/photos/').group}")
    oldest = [scope.pick("/users/ann/", "oldest").ref for scope in (a, b)]
    print(f"the oldest is the same on both nodes: {oldest[0] == oldest[1] == strong}")
    picked = [b.pick("/users/ann/", "random").ref for _ in range(3000)]
    fair = 1800 < picked.count(strong) < 2200
    print(f"2 of 3 messages go to the one that has joined twice, or so: {fair}")

    snapshot = a.snapshot()
    a.leave("/users/?/", actor=strong, count=2)
    before, now = snapshot.join_count("/users/?/"), a.join_count("/users/?/")
    print(f"the snapshot still has {before}, the scope has {now}")
    for _ in range(2):
        calls.acquire(timeout=5)
    leaving.remove()

    # A pool of two under one name: whoever finds it full stays out.
    took = 0
    for server in (Server.start() for _ in range(3)):
        if a.whereis_name(("pool", 2)) is None:
            took += a.register_name(("pool", 2), actor=server)
    print(f"the pool took {took} of 3 servers")


with (
    Node.start("a") as node_a,
    Node.start("b", join=[node_a.address]) as node_b,
    Scope.start("tour", node=node_a) as scope_a,
    Scope.start("tour", node=node_b) as scope_b,
):
    while not (scope_a.nodes() and scope_b.nodes()):
        threading.Event().wait(0.01)
    tour(scope_a, scope_b)
