"""The options of every command, and what is said about wrong ones."""

import argparse
from typing import NoReturn

from group._version import VERSION

DEFAULT_GROUP = "my_app"
DEFAULT_NODE = "127.0.0.1:7946"
# Seconds: for an orderly stop, for one step of the demo, for an answer of a node.
STOP_TIMEOUT = 2.0
STEP_TIMEOUT = 10.0
ANSWER_TIMEOUT = 5.0
COOKIE_HELP = "the secret that all nodes share (GROUP_COOKIE, ~/.group/cookie)"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Return the parser of the whole command line."""
    root = Parser(
        prog="groupctl",
        description="Run a node of a group, watch a demo, look inside a running node.",
    )
    root.add_argument("--version", action="version", version=f"groupctl {VERSION}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _start(commands.add_parser("start", help="run a node until Ctrl-C"))
    _demo(commands.add_parser("demo", help="watch three nodes, a crash and a kill"))
    for name, argument, words in _INSPECTIONS:
        inspection = commands.add_parser(name, help=words, description=words)
        if argument is not None:
            _argument(inspection, argument)
        _target(inspection)
    # How the demo starts its nodes; not for people, so without help.
    commands.add_parser("demo-node")
    return root


# Command, its argument, and what it shows.
_INSPECTIONS = (
    ("status", None, "show the nodes of a group, and what each of them owns"),
    ("nodes", None, "list the nodes of a group"),
    ("keys", "prefix", "list the keys that are registered or joined"),
    ("members", "key", "list the members of a key, or of a prefix that ends in /"),
    ("lookup", "key", "show who owns a key; status 1 if nobody does"),
    ("tree", None, "draw the supervision trees of a node's process"),
    ("ping", None, "measure a round trip to a node"),
)


def _start(one: argparse.ArgumentParser) -> None:
    one.description = "Run a node with a group, and an app on it, until Ctrl-C."
    one.add_argument("--name", help="unique among the nodes (GROUP_NODE, host-pid)")
    one.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:0",
        help="where peers reach this node; port 0 takes a free one (%(default)s)",
    )
    one.add_argument("--advertise", metavar="HOST:PORT", help="if that differs")
    one.add_argument(
        "--join",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="a node that runs already, or dns://host:port; may be repeated",
    )
    one.add_argument(
        "--group",
        metavar="NAME",
        default=DEFAULT_GROUP,
        help="what the nodes share (%(default)s)",
    )
    one.add_argument("--shards", type=_whole, help="equal on all nodes (8)")
    one.add_argument("--cookie-file", metavar="FILE", help=COOKIE_HELP)
    one.add_argument(
        "--heartbeat", type=_seconds, metavar="S", help="between signs of life (1.0)"
    )
    one.add_argument(
        "--lease", type=_seconds, metavar="S", help="silence that cuts a link (5.0)"
    )
    one.add_argument(
        "--grace", type=_seconds, metavar="S", help="time to come back after that (2.0)"
    )
    one.add_argument(
        "--allow-plaintext-network",
        action="store_true",
        help="listen beyond loopback although links can be read there",
    )
    one.add_argument(
        "--app",
        metavar="MODULE:FACTORY",
        help="called with the group; returns specs of children, a ref, or None",
    )
    one.add_argument(
        "--log",
        choices=("info", "verbose", "off"),
        default="off",
        help="what stderr gets beside warnings (%(default)s)",
    )
    one.add_argument(
        "--stop-timeout",
        type=_seconds,
        metavar="S",
        default=STOP_TIMEOUT,
        help="for an orderly stop after Ctrl-C (%(default)s)",
    )


def _demo(one: argparse.ArgumentParser) -> None:
    one.description = (
        "Start three nodes, each a process of its own, on this machine; let them "
        "talk, crash an actor, kill a node. Nothing is left behind."
    )
    one.add_argument(
        "--once", action="store_true", help="end by itself after the story"
    )
    one.add_argument(
        "--timeout",
        type=_seconds,
        metavar="S",
        default=STEP_TIMEOUT,
        help="give up when a step takes longer (%(default)s)",
    )


def _argument(one: argparse.ArgumentParser, name: str) -> None:
    if name == "prefix":
        one.add_argument("argument", metavar="PREFIX", nargs="?", help="such as user/")
    else:
        one.add_argument("argument", metavar="KEY")


def _target(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--node",
        metavar="HOST:PORT",
        default=DEFAULT_NODE,
        help="the node to ask, where it listens (%(default)s)",
    )
    one.add_argument(
        "--group",
        metavar="NAME",
        default=DEFAULT_GROUP,
        help="what the nodes share (%(default)s)",
    )
    one.add_argument("--cookie-file", metavar="FILE", help=COOKIE_HELP)
    one.add_argument("--json", action="store_true", help="write the same for programs")
    one.add_argument(
        "--timeout",
        type=_seconds,
        metavar="S",
        default=ANSWER_TIMEOUT,
        help="how long to wait for its answer (%(default)s)",
    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds, got {text!r}"
        ) from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a whole number, got {text!r}"
        ) from None
