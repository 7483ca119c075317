"""`groupctl start`: one node with a group, and an app on it, until a signal."""

import logging
import os
import signal
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import FrameType

from actors import Actor, AnyRef, Timeout, Timer, on_down, tell_after
from group._cli.app import factory_of
from group._cli.errors import FAILED, WRONG_USE, CommandError
from group._cli.options import DEFAULT_GROUP
from group._cli.paper import Paper
from group._clock import monotonic
from group._errors import StoppedError
from group._group import Group, GroupOptions
from transport import TLS, Node, NodeId, NodeLost, NodeOptions, NodeUp

# A node runs the group some milliseconds after its link is up; on a busy machine it may
# take longer, and those that do not run it are looked at for as long as they are there.
LOOK_AGAIN, SELDOM = 0.05, 1.0
# Seconds after which a signal that has woken nobody is seen.
LOOK_UP = 1.0
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def serve(options: Namespace, paper: Paper) -> int:
    """Run until SIGINT or SIGTERM; return the exit status.

    The app is stopped first, then the group, then the node, all within
    `--stop-timeout`. After a signal SIGINT ends the process at once.

    Raises:
        CommandError: There is no such factory, or it is of no use.
        ConfigError: An option cannot be used.
        TransportError: The node does not start.
    """
    _log_to_stderr(options.log)
    take_cookie_from(options.cookie_file)
    factory = factory_of(options.app)
    news: SimpleQueue[str] = SimpleQueue()
    deadline = Deadline()
    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.signal(number, partial(_signalled, news))
            stack.callback(signal.signal, number, before)
        node = Node.start(options.name, **_node_options(options))
        stack.callback(lambda: _end("node", node.stop, deadline, paper))
        started = node.pages.add_check("ready", "app", lambda: "the app is starting")
        group = Group.start(options.group, node=node, **_group_options(options))
        stack.callback(lambda: _end("group", group.stop, deadline, paper))
        app = None if factory is None else factory.start(group)
        if app is not None:
            stack.callback(lambda: _end("app", _stop_of(app), deadline, paper))
            on_down(app, lambda reason: news.put(f"the app has ended: {reason}"))
        started()
        paper.say(
            _ready(options, node),
            event="up",
            node=node.name,
            address=node.address,
            group=options.group,
            **({} if node.http_url is None else {"http": node.http_url}),
        )
        announcer = Announcer.start(group, paper)
        why = await_news(news)
        # Whoever sends requests here is to send them elsewhere from now on.
        node.pages.add_check("ready", "app", lambda: "the app is stopping")
        deadline.begin(options.stop_timeout)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # First, so that the last line is the one that says why.
        _end("announcer", _stop_of(announcer), deadline, paper)
        paper.say(
            f"{node.name} stops: {why}", event="stops", node=node.name, reason=why
        )
    return 0 if why in _ORDERS else FAILED


_ORDERS = ("SIGINT", "SIGTERM")


class Deadline:
    """The time in which everything must have stopped."""

    def __init__(self) -> None:
        self._end: float | None = None

    def begin(self, seconds: float) -> None:
        """Let the time run from now."""
        self._end = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, never none at all."""
        # Begun by a signal; a start that fails stops what there is without one.
        end = monotonic() + 1.0 if self._end is None else self._end
        return max(0.1, end - monotonic())


class Announcer(Actor):
    """Writes a line when a peer that runs the group comes or goes."""

    def __init__(self, group: Group, paper: Paper) -> None:
        super().__init__()
        self._group = group
        self._paper = paper
        self._known: set[str] = set()
        # When to look again at those that do not run the group yet.
        self._timers: dict[str, Timer] = {}

    def on_start(self) -> None:
        """Watch the node, and tell of those that are there already."""
        self._group.node.monitor_nodes()
        for peer in self._group.node.peers():
            self._look(peer.name, LOOK_AGAIN)

    def on_receive(self, message: object) -> None:
        """Hear of a change, or look again."""
        match message:
            case NodeUp(node):
                self._look(node.name, LOOK_AGAIN)
            case NodeLost(node, cause):
                self._gone(node, cause)
            case ("look", str() as name, float() as wait):
                if name in self._timers:
                    self._look(name, wait)
            case _:
                super().on_receive(message)

    def _look(self, name: str, wait: float) -> None:
        self._forget(name)
        if name in self._known:
            return
        if self._runs_the_group(name):
            self._known.add(name)
            self._paper.say(
                f"+ {name} is here; {self._count()}",
                event="node_up",
                node=name,
                nodes=1 + len(self._known),
            )
        else:
            again = ("look", name, min(1.5 * wait, SELDOM))
            self._timers[name] = tell_after(self.actor_ref, wait, again)

    def _runs_the_group(self, name: str) -> bool:
        try:
            return name in self._group.nodes()
        except StoppedError:
            # It has given up, and said so.
            return False

    def _forget(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _gone(self, node: NodeId, cause: str) -> None:
        self._forget(node.name)
        if node.name in self._known:
            self._known.discard(node.name)
            self._paper.say(
                f"- {node.name} is gone: {cause}; {self._count()}",
                event="node_down",
                node=node.name,
                cause=cause,
                nodes=1 + len(self._known),
            )

    def _count(self) -> str:
        number = 1 + len(self._known)
        return f"{number} nodes" if number > 1 else "1 node"


def take_cookie_from(file: str | None) -> None:
    """Let the nodes of this process find the cookie in a file, whatever is set."""
    if file is not None:
        os.environ.pop("GROUP_COOKIE", None)
        os.environ["GROUP_COOKIE_FILE"] = file


def trust(options: Namespace) -> NodeOptions:
    """Return what nodes of one cluster prove to each other with.

    Raises:
        CommandError: A file for TLS is missing.
    """
    given: NodeOptions = {"cluster_id": options.cluster_id}
    ca, cert, key = options.tls_ca, options.tls_cert, options.tls_key
    if ca and cert and key:
        given["tls"] = TLS(ca=ca, cert=cert, key=key)
    elif ca or cert or key:
        raise _wrong("TLS takes all of --tls-ca, --tls-cert and --tls-key")
    return given


def _log_to_stderr(level: str) -> None:
    number = logging.WARNING if level == "off" else logging.INFO
    logging.basicConfig(level=number, format=LOG_FORMAT)
    # What the group logs is its own setting, which `groupctl log-level` changes.
    logging.getLogger("group").setLevel(logging.INFO)


def await_news(news: SimpleQueue[str]) -> str:
    """Wait for what comes first, and miss no signal; see `actors.run`."""
    while True:
        with suppress(Empty):
            return news.get(timeout=LOOK_UP)


def _signalled(news: SimpleQueue[str], number: int, _frame: FrameType | None) -> None:
    # The next one ends the process, also where it has not come up yet.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    news.put(signal.Signals(number).name)


def _node_options(options: Namespace) -> NodeOptions:
    given: NodeOptions = {
        "listen": options.listen,
        "join": options.join,
        "allow_plaintext_network": options.allow_plaintext_network,
        "require_peers": options.require_peers,
        "join_timeout": options.timeout,
        **trust(options),
    }
    if options.advertise is not None:
        given["advertise"] = options.advertise
    if options.heartbeat is not None:
        given["heartbeat"] = options.heartbeat
    if options.lease is not None:
        given["lease"] = options.lease
    if options.grace is not None:
        given["grace"] = options.grace
    if options.http is not None:
        given["http"] = options.http
        given["http_token"] = token_of(options)
    return given


def token_of(options: Namespace) -> str | None:
    """Read what visitors of a dashboard must know.

    Raises:
        CommandError: The file cannot be read.
    """
    if options.http_token_file is None:
        return None
    try:
        return Path(options.http_token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(f"--http-token-file: {error}") from error


def _group_options(options: Namespace) -> GroupOptions:
    given: GroupOptions = {"log": False if options.log == "off" else options.log}
    if options.shards is not None:
        given["shards"] = options.shards
    return given


def _ready(options: Namespace, node: Node) -> str:
    others = "" if options.group == DEFAULT_GROUP else f" --group {options.group}"
    page = "" if node.http_url is None else f"\nDashboard: {node.http_url}"
    return (
        f"{node.name} is up at {node.address}, group {options.group}. "
        f"Join it: groupctl start{others} --join {node.address}{page}"
    )


# The end


def _stop_of(ref: AnyRef) -> Callable[[float], object]:
    return lambda seconds: ref.stop(timeout=seconds)


def _end(
    what: str, stop: Callable[[float], object], deadline: Deadline, paper: Paper
) -> None:
    """Stop a part of the command; the others are stopped even if it does not end."""
    try:
        stop(deadline.left())
    except Timeout:
        words = f"the {what} did not end in time; its threads are left behind"
        paper.say(words, event=f"{what}_left_behind")


def _wrong(text: str) -> CommandError:
    return CommandError(text, status=WRONG_USE)
