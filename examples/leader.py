"""One leader among three processes; when it is killed, the next one takes over.

    python examples/leader.py

The oldest candidate that sees a majority claims the key "leader". All nodes agree who
is the oldest, so nobody races for the key; and when the network splits, only one side
has a majority. For the moment until both sides know of the split there may be two: a
registry is not consensus, so let what the leader does bear that.

It prints:
    b leads
    b is killed; 20 ms later c leads
    c is killed; d sees no majority
"""

import logging
import subprocess
import sys
import time
from contextlib import ExitStack

from actors import Actor, Supervisor, child, run
from group import Event, Events, EventStream, Group
from transport import Node

# That a killed node cannot be reached is a warning, but no news here.
logging.getLogger("transport").setLevel(logging.ERROR)

CANDIDATES = "bcd"
MAJORITY = 2


class Candidate(Actor):
    """Leads, or waits until it may."""

    def __init__(self, g: Group) -> None:
        super().__init__()
        self.g = g

    def on_start(self) -> None:
        """Watch first, then look: so nothing that happens in between is missed."""
        self.g.monitor("leader")
        self.g.monitor("candidates")
        self.g.join("candidates")
        self.look()

    def on_receive(self, message: object) -> None:
        """Hear that the key or the candidates have changed."""
        if isinstance(message, Events):
            self.look()

    def look(self) -> str:
        """Take the key if it is free and our turn; say how things are."""
        if leader := self.g.lookup("leader"):
            return f"follows {leader.meta['name']}"
        if self.g.member_count("candidates") < MAJORITY:
            return "sees no majority"
        if self.g.pick("candidates", "oldest").ref == self.actor_ref:
            self.g.register("leader", {"name": self.g.node.name})
        return "waits"


def follow(name: str, *addresses: str) -> None:
    """Run one candidate in this process; one that loses a conflict begins anew."""
    with (
        Node.start(name, join=addresses, require_peers=len(addresses)) as node,
        Group.start("jobs", node=node) as g,
    ):
        run(Supervisor.start(children=[child(Candidate, g)]))


def main() -> None:
    """Start the candidates, and kill one leader after the other."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    with (
        Node.start("a") as node,
        Group.start("jobs", node=node) as g,
        g.events("leader") as events,
        ExitStack() as leavings,
    ):
        for number, name in enumerate(CANDIDATES, 1):
            addresses = [node.address, *(peer.address for peer in node.peers())]
            command = [sys.executable, __file__, name, *addresses]
            processes[name] = subprocess.Popen(command)
            # Whatever happens, nothing is left behind.
            leavings.callback(kill, processes[name])
            g.wait_for_member("candidates", count=number, timeout=30)
        print(f"{next_leader(events)} leads")

        began = kill(processes.pop("b"))
        leader, gap = next_leader(events), 1000 * (time.monotonic() - began)
        print(f"b is killed; {gap:.0f} ms later {leader} leads")
        assert leader == "c", "the oldest candidate leads"

        kill(processes.pop("c"))
        d = g.pick("candidates", "newest").ref.proxy()
        deadline = time.monotonic() + 10
        while "majority" not in (state := d.look().get(timeout=5)):
            assert time.monotonic() < deadline, "d hears that c is gone"
        print(f"c is killed; d {state}")
        kill(processes.pop("d"))


def next_leader(events: EventStream) -> str:
    while True:
        match events.get(timeout=30):
            case Event(type="registered", meta=meta):
                return str(meta["name"])


def kill(process: "subprocess.Popen[bytes]") -> float:
    process.kill()
    process.wait()
    return time.monotonic()


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if not word.startswith("--")]
    follow(*names) if names else main()
