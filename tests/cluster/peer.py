"""A node in a process of its own, with one actor called "target". Run as a script."""

import sys
import threading

from actors import Actor, register_name
from transport import Node


class Target(Actor):
    """Counts what it is told and answers what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def on_receive(self, message: object) -> object:
        self.told += 1
        return message


def main(name: str, join: str, lease: str) -> None:
    with Node.start(name, join=join, lease=float(lease), require_peers=1):
        register_name("target", Target.start())
        print("ready", flush=True)
        # Until the test ends the process.
        threading.Event().wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
