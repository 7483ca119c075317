"""A cluster is cut in two, both sides register the same key, and the cut heals.

    python examples/split_brain.py

Three nodes with real sockets between them; a and b stay together, c is cut off. Both
sides go on, and each accepts a claim of "primary": there is no quorum. When they meet
again one claim stays, the same on every node. It would be the newer one, ann's; here
`conflict_rank` says that the greater version is better. The loser ends, on its own
node, with a reason that names the winner.

It prints:
    together: a sees nobody, b sees nobody, c sees nobody
    cut, two claims: a sees bob v9, b sees bob v9, c sees ann v7
    healed: a sees bob v9, b sees bob v9, c sees bob v9
    ann has ended: lost 'primary' to bob v9
    bob lives: True
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

from actors import Actor, Down, mailbox, monitor
from group import Group, RegistryConflict
from transport import Node

# A conflict is an error for those who operate a cluster; here it is what we show.
logging.getLogger("group").setLevel(logging.CRITICAL)


class Database(Actor):
    """Does nothing but be the primary."""


class ByVersion:
    """Ranks claims; the greatest keeps the key. The same on every node."""

    rank_id = "by version 1"  # What peers compare, so that all settle it alike.

    def __call__(
        self, _key: str, meta: Mapping[str, object], _node: str, _stamp: int
    ) -> object:
        """Rank one claim. Claims of one rank are settled by age, then by node."""
        return meta["version"]


def start(stack: ExitStack, name: str, join: list[str]) -> Group:
    node = stack.enter_context(Node.start(name, join=join))
    return stack.enter_context(Group.start("db", node=node, conflict_rank=ByVersion()))


def until(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not fact():
        assert time.monotonic() < deadline, "it comes true within 20 s"
        time.sleep(0.01)


def cut_off(one: Group, others: list[Group]) -> bool:
    """Part one node from the others; whoever dials meanwhile is parted again."""
    for other in others:
        other.node.disconnect(one.node.name)
        one.node.disconnect(other.node.name)
    return not one.nodes() and all(len(other.nodes()) == 1 for other in others)


def show(when: str, groups: list[Group]) -> str:
    seen = []
    for g in groups:
        entry = g.lookup("primary")
        who = "{name} v{version}".format(**entry.meta) if entry else "nobody"
        seen.append(f"{g.node.name} sees {who}")
    words = ", ".join(seen)
    print(f"{when}: {words}")
    return words


def main() -> None:
    with ExitStack() as stack:
        a = start(stack, "a", [])
        b, c = (start(stack, name, [a.node.address]) for name in "bc")
        groups = [a, b, c]
        until(lambda: all(len(g.nodes()) == 2 for g in groups))
        show("together", groups)

        until(lambda: cut_off(c, [a, b]))
        bob, ann = Database.start(), Database.start()
        a.register("primary", {"name": "bob", "version": 9}, actor=bob)
        c.register("primary", {"name": "ann", "version": 7}, actor=ann)
        a.settle()
        assert "c sees ann" in show("cut, two claims", groups)

        me = stack.enter_context(mailbox())
        monitor(ann)
        c.node.join(a.node.address)
        down = me.receive(timeout=20)
        until(lambda: all(g.whereis("primary") == bob for g in groups))
        show("healed", groups)
        match down:
            case Down(reason=RegistryConflict(key=key, meta=meta)):
                print(
                    f"ann has ended: lost {key!r} to {meta['name']} v{meta['version']}"
                )
        print(f"bob lives: {bob.is_alive()}")
        assert not ann.is_alive()


if __name__ == "__main__":
    main()
