"""A node in another process that joins ours, with one actor; ends with its input.

Run as a script. It stops nothing itself: what happens then is left to the interpreter.
"""

import os
import sys

from actors import Actor, DecodeFailed, register_name
from group import Group
from transport import Node


class OwnError(Exception):
    """Known to this process alone."""


class Guest(Actor):
    """Does what a test asks of it, and keeps what it is told."""

    crash_on = "tell"

    def __init__(self, g: Group) -> None:
        super().__init__()
        self.g = g
        self.heard: list[object] = []

    def on_receive(self, message: object) -> object:
        match message:
            case "raise":
                raise OwnError("only here")
            case "heard":
                return [repr(each) for each in self.heard]
            case "optimised":
                return not __debug__
            case "keys":
                return self.g.keys()
            case ("register", int(count)):
                for number in range(count):
                    self.g.register(f"guest/{number}", {"n": number})
                self.g.settle()
            case DecodeFailed(kind, text):
                self.heard.append((kind, text))
            case _:
                self.heard.append(message)
        return len(self.heard)


def main(name: str, join: str, cookie: str) -> None:
    heartbeat = float(os.environ.get("GUEST_HEARTBEAT", "1.0"))
    node = Node.start(
        name,
        join=join,
        cookie=cookie,
        require_peers=1,
        allow_pickle=name != "plain",
        heartbeat=heartbeat,
        lease=5 * heartbeat,
    )
    guest = Guest.start(Group.start("app", node=node))
    register_name("guest", guest)
    print("ready", flush=True)
    sys.stdin.read()
    print("end of main", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
