"""The options of every command, and what is said about wrong ones."""

import argparse
import math
import os
from typing import NamedTuple, NoReturn

from group._version import VERSION

DEFAULT_GROUP = "my_app"
DEFAULT_NODE = "127.0.0.1:7946"
# Seconds: for an orderly stop, for one step of the demo, for an answer of a node.
STOP_TIMEOUT = 2.0
STEP_TIMEOUT = 10.0
ANSWER_TIMEOUT = 5.0
JOIN_TIMEOUT = 10.0
TOP_ACTORS = 20
LOG_LEVELS = ("info", "verbose", "off")
SHELLS = ("bash", "zsh", "fish")
_EPILOG = """\
groupctl COMMAND --help tells what a command takes. Most of them look into a node that
runs (--node): they join it as a hidden node, which no other node sees.

Exit status:
  0    as it should be
  1    it did not work, or there is nothing
  2    the command was wrong
  130  ended by Ctrl-C; start and watch, which are meant to be, give 0
"""
COOKIE_HELP = "the secret that all nodes share (GROUP_COOKIE, ~/.group/cookie)"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that says in one sentence what is wrong."""

    def error(self, message: str) -> NoReturn:
        """Say it, and end with status 2."""
        # Not for people; argparse offers all that it has.
        message = message.replace(", 'demo-node')", ")")
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


class Grammar(NamedTuple):
    """All that groupctl understands.

    Attributes:
        parser: Of the whole command line.
        commands: Those for people: the help of each, and what it takes.
    """

    parser: Parser
    commands: dict[str, tuple[str, Parser]]


def grammar() -> Grammar:
    """Make the parsers of the command line."""
    root = Parser(
        prog="groupctl",
        description="Run a node of a group, watch a demo, look inside a running node.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # Two names also make the column wide enough for the names of all commands.
    root.add_argument(
        "-V", "--version", action="version", version=f"groupctl {VERSION}"
    )
    parsers = root.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands: dict[str, tuple[str, Parser]] = {}

    def command(name: str, words: str) -> Parser:
        made: Parser = parsers.add_parser(name, help=words)
        commands[name] = (words, made)
        return made

    _start(command("start", "run a node until Ctrl-C"))
    _demo(command("demo", "watch three nodes, a crash and a kill"))
    _dashboard(command("dashboard", "show a group in the browser"))
    for name, arguments, words in _INSPECTIONS:
        inspection = command(name, words)
        inspection.description = f"{words[0].upper()}{words[1:]}."
        for argument in arguments:
            _ARGUMENTS[argument](inspection)
        _target(inspection)
    _completion(command("completion", "write what a shell needs"))
    # How the demo starts its nodes; not for people, so without help.
    parsers.add_parser("demo-node")
    return Grammar(root, commands)


# Command, its arguments, and what it shows.
_INSPECTIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("status", (), "show the nodes of a group, and what each of them owns"),
    ("nodes", (), "list the nodes of a group"),
    ("keys", ("prefix", "cluster"), "list the keys that are registered or joined"),
    (
        "members",
        ("key", "cluster"),
        "list the members of a key, or of a prefix that ends in /",
    ),
    ("lookup", ("key", "cluster"), "show who owns a key; status 1 if nobody does"),
    ("explain", ("key", "cluster"), "show why a key has the owner that it has"),
    ("clusters", (), "list the clusters that the node knows of"),
    ("tree", (), "draw the supervision trees of a node's process"),
    ("actors", ("top",), "list the actors of a node's process, the busiest first"),
    ("watch", ("pattern", "cluster"), "tell of events until Ctrl-C"),
    ("log-level", ("level",), "show what a group logs on a node, or change it"),
    ("ping", (), "measure a round trip to a node"),
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
    _trust(one)
    one.add_argument(
        "--heartbeat", type=_seconds, metavar="S", help="between signs of life (1.0)"
    )
    one.add_argument(
        "--lease", type=_seconds, metavar="S", help="silence that cuts a link (5.0)"
    )
    one.add_argument(
        "--grace", type=_seconds, metavar="S", help="time to come back after that (2.0)"
    )
    _http(one, "where a browser finds the dashboard, and probes and metrics are")
    one.add_argument(
        "--allow-plaintext-network",
        action="store_true",
        help="listen beyond loopback although links can be read there",
    )
    one.add_argument(
        "--require-peers",
        type=_not_negative,
        metavar="N",
        default=0,
        help="fail unless so many are linked in time (%(default)s)",
    )
    one.add_argument(
        "--timeout",
        type=_positive,
        metavar="S",
        default=JOIN_TIMEOUT,
        help="how long to wait for those (%(default)s)",
    )
    one.add_argument(
        "--app",
        metavar="MODULE:FACTORY",
        help="called with the group; returns specs of children, a ref, or None",
    )
    one.add_argument(
        "--log",
        choices=LOG_LEVELS,
        default="off",
        help="what stderr gets beside warnings (%(default)s)",
    )
    one.add_argument(
        "--stop-timeout",
        type=_positive,
        metavar="S",
        default=STOP_TIMEOUT,
        help="for an orderly stop after Ctrl-C (%(default)s)",
    )
    one.add_argument("--json", action="store_true", help="write lines for programs")


def _http(one: argparse.ArgumentParser, words: str, default: str | None = None) -> None:
    one.add_argument("--http", metavar="HOST:PORT", default=default, help=words)
    one.add_argument(
        "--http-token-file",
        metavar="FILE",
        help="what visitors must know; beyond loopback a must (GROUP_HTTP_TOKEN)",
    )


def _dashboard(one: argparse.ArgumentParser) -> None:
    one.description = "Show a group in the browser until Ctrl-C, from outside."
    _target(one)
    _http(one, "where the page is served (%(default)s)", "127.0.0.1:0")


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
        type=_positive,
        metavar="S",
        default=STEP_TIMEOUT,
        help="give up when a step takes longer (%(default)s)",
    )
    one.add_argument("--json", action="store_true", help="write lines for programs")


def _prefix(one: argparse.ArgumentParser) -> None:
    one.add_argument("argument", metavar="PREFIX", nargs="?", help="such as user/")


def _key(one: argparse.ArgumentParser) -> None:
    one.add_argument("argument", metavar="KEY", help="such as user/1")


def _cluster(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--cluster", metavar="NAME", help="a named cluster, not the default one"
    )


def _top(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--top",
        choices=("mailbox", "restarts"),
        default="mailbox",
        help="what to sort by, the most first (%(default)s)",
    )
    one.add_argument(
        "--limit",
        metavar="N",
        type=_not_negative,
        default=TOP_ACTORS,
        help="how many to list; 0 is all (%(default)s)",
    )


def _pattern(one: argparse.ArgumentParser) -> None:
    one.epilog = "--timeout is for the node's first answer; events may take their time."
    one.add_argument(
        "argument",
        metavar="PATTERN",
        nargs="?",
        help="a key, or a prefix that ends in /; all keys if not given",
    )
    one.add_argument(
        "--snapshot", action="store_true", help="begin with the rows that are there"
    )
    one.add_argument(
        "--count", metavar="N", type=_counting, help="end after so many events"
    )
    one.add_argument(
        "--for",
        dest="duration",
        metavar="S",
        type=_positive,
        help="end after so many seconds",
    )


def _level(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "argument",
        metavar="LEVEL",
        nargs="?",
        choices=LOG_LEVELS,
        help=f"{', '.join(LOG_LEVELS)}; shown if not given",
    )


_ARGUMENTS = {
    "prefix": _prefix,
    "key": _key,
    "cluster": _cluster,
    "top": _top,
    "pattern": _pattern,
    "level": _level,
}


def _completion(one: argparse.ArgumentParser) -> None:
    one.description = (
        "Write the lines that complete groupctl's commands and options in a shell. "
        'bash: eval "$(groupctl completion bash)". '
        "zsh: groupctl completion zsh > a folder of $fpath, as _groupctl. "
        "fish: groupctl completion fish | source."
    )
    one.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _target(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--node",
        metavar="HOST:PORT",
        default=os.environ.get("GROUPCTL_NODE", DEFAULT_NODE),
        help=f"the node to ask, where it listens (GROUPCTL_NODE, {DEFAULT_NODE})",
    )
    one.add_argument(
        "--group",
        metavar="NAME",
        help=f"which, if several run there (the only one, or {DEFAULT_GROUP})",
    )
    one.add_argument("--json", action="store_true", help="write the same for programs")
    one.add_argument(
        "--timeout",
        type=_positive,
        metavar="S",
        default=ANSWER_TIMEOUT,
        help="how long to wait for its answer (%(default)s)",
    )
    one.add_argument(
        "--name",
        help="of the hidden node that asks, where a certificate is for a name",
    )
    _trust(one)


def _trust(one: argparse.ArgumentParser) -> None:
    one.add_argument("--cookie-file", metavar="FILE", help=COOKIE_HELP)
    one.add_argument(
        "--cluster-id", metavar="ID", default="default", help="equal on all nodes"
    )
    for what, words in (
        ("ca", "the authority that has signed the nodes' certificates"),
        ("cert", "the certificate of this node, for its name"),
        ("key", "the certificate's private key"),
    ):
        one.add_argument(f"--tls-{what}", metavar="FILE", help=words)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number of seconds, got {text!r}"
        ) from None


def _positive(text: str) -> float:
    seconds = _seconds(text)
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(
            f"must be a positive number of seconds, got {text!r}"
        )
    return seconds


def _not_negative(text: str) -> int:
    number = _whole(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, got {text!r}")
    return number


def _counting(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text!r}")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a whole number, got {text!r}"
        ) from None
