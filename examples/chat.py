"""A chat room over three processes, of which one is killed in the middle of a word.

    python examples/chat.py                               # all of it by itself
    python examples/chat.py ann 127.0.0.1:7946            # or one terminal each: the
    python examples/chat.py bob 127.0.0.1:0 127.0.0.1:7946    # first, and who joins it

A room is a key that everybody joins; a message is dispatched to all its members. Who
is in the room is in the registry, so a killed process leaves it without a word.
`Said` is defined in the script itself: nodes that run the same script share it.

It prints:
    [ann] + bob is here
    [ann] + cid is here
    [bob] ann: hello, both
    [cid] ann: hello, both
    [ann] cid: hello, ann
    [bob] cid: hello, ann
    [ann] - cid is gone, its node is lost
    [ann] bob: where is cid?
    [ann] in the room: ann, bob
"""

import logging
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

from actors import Actor, NodeDown
from group import Event, Events, Group
from transport import Node

# That a killed node cannot be reached is a warning, but no news here.
logging.getLogger("transport").setLevel(logging.ERROR)

ROOM = "room/lobby"


@dataclass(frozen=True)
class Said:
    """What somebody says."""

    name: str
    text: str


class Guest(Actor):
    """Prints what is said, and who comes and goes."""

    def __init__(self, g: Group, name: str) -> None:
        super().__init__()
        self.g, self.name = g, name
        self.here = {name}

    def on_start(self) -> None:
        """Come in, and look who is there; who comes later makes an event."""
        self.g.monitor(ROOM)
        self.g.join(ROOM, {"name": self.name})
        for entry in self.g.members(ROOM):
            self.comes(str(entry.meta["name"]))

    def say(self, text: str) -> None:
        """Say something to everybody in the room, or look who is there."""
        if text == "/who":
            names = sorted(str(entry.meta["name"]) for entry in self.g.members(ROOM))
            show(f"in the room: {', '.join(names)}")
        else:
            self.g.dispatch(ROOM, Said(self.name, text))

    def on_receive(self, message: object) -> None:
        """Hear something."""
        match message:
            case Said(name, text) if name != self.name:
                show(f"{name}: {text}")
            case Events():
                for event in message:
                    if event.type == "joined":
                        self.comes(str(event.meta["name"]))
                    else:
                        self.goes(str(event.meta["name"]), event)

    def comes(self, name: str) -> None:
        """Say that somebody is there, once: by the look at first or by an event."""
        if name not in self.here:
            self.here.add(name)
            show(f"+ {name} is here")

    def goes(self, name: str, event: Event) -> None:
        """Say that somebody has gone, and why."""
        self.here.discard(name)
        lost = isinstance(event.reason, NodeDown)
        why = "its node is lost" if lost else f"because {event.reason}"
        show(f"- {name} is gone, {why}")


def show(line: str) -> None:
    print(line, flush=True)


def chat(name: str, listen: str, *join: str) -> None:
    """Run one terminal: every line is said, until the end of the input."""
    with (
        Node.start(name, listen=listen, join=join, require_peers=len(join)) as node,
        Group.start("chat", node=node) as g,
    ):
        show(f"at {node.address}")
        guest = Guest.start(g, name).proxy()
        for line in filter(None, map(str.strip, sys.stdin)):
            guest.say(line).get(timeout=5)


class Terminal:
    """A process that somebody types into."""

    def __init__(self, name: str, *join: str) -> None:
        self.name = name
        command = [sys.executable, __file__, name, "127.0.0.1:0", *join]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.address = self.sees("at").removeprefix("at ")

    def types(self, line: str) -> None:
        """Enter a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def sees(self, words: str) -> str:
        """Wait for a line, which begins so."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line.startswith(words), f"{self.name} sees {line!r}, not {words!r}"
        return line

    def shows(self, words: str) -> None:
        """Wait for a line and show it."""
        print(f"[{self.name}] {self.sees(words)}")


def demo() -> None:
    ann = Terminal("ann")
    bob = Terminal("bob", ann.address)
    ann.shows("+ bob")
    bob.sees("+ ann")
    cid = Terminal("cid", ann.address, bob.address)
    ann.shows("+ cid")
    bob.sees("+ cid")
    cid.sees("+"), cid.sees("+")
    ann.types("hello, both")
    bob.shows("ann: hello, both")
    cid.shows("ann: hello, both")
    cid.types("hello, ann")
    ann.shows("cid: hello, ann")
    bob.shows("cid: hello, ann")
    cid.process.kill()
    ann.shows("- cid is gone")
    bob.types("where is cid?")
    ann.shows("bob: where is cid?")
    ann.types("/who")
    ann.shows("in the room: ann, bob")
    for terminal in (ann, bob, cid):
        terminal.process.communicate()


if __name__ == "__main__":
    names = [word for word in sys.argv[1:] if not word.startswith("--")]
    if len(names) == 1:
        sys.exit(
            f"where does {names[0]} listen? chat.py NAME HOST:PORT [HOST:PORT ...]"
        )
    with suppress(KeyboardInterrupt):
        chat(*names) if names else demo()
