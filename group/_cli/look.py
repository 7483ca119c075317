"""A hidden node that asks a running one; nobody else hears of it."""

import os
import secrets
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from actors import ActorDeadError, AnyRef, Timeout
from group._cli.errors import FAILED, WRONG_USE, CommandError
from group._cli.options import DEFAULT_GROUP
from group._cli.progress import Progress
from group._cli.service import take_cookie_from, trust
from group._clock import monotonic
from group._looking.ops import ops_name
from transport import JoinTimeoutError, Node, NodeDownError, NodeOptions

# A start without peers returns after a second, or sooner when all have refused.
_REFUSED_WITHIN = 0.9
# Where a node runs, these may be set for it; a second one is not to take its name.
_NOT_FOR_US = ("GROUP_NODE", "GROUP_JOIN", "GROUP_LISTEN", "GROUP_ADVERTISE")


@dataclass(slots=True)
class Look:
    """A link to the node that is asked.

    Attributes:
        node: The hidden node.
        target: The name of the other one.
        progress: What is shown meanwhile.
    """

    node: Node
    target: str
    progress: Progress
    _options: Namespace
    _deadline: float

    @property
    def left(self) -> float:
        """Seconds that are left of --timeout."""
        return max(0.0, self._deadline - monotonic())

    def ping(self) -> float:
        """Return the seconds of a round trip.

        Raises:
            CommandError: It is not answered in time.
        """
        try:
            return self.node.ping(self.target, timeout=self.left)
        except Timeout:
            raise self._slow() from None

    def ask(self, *question: object) -> tuple[str, str, object]:
        """Ask the group that was meant.

        Raises:
            CommandError: It does not run there, does not answer in time, or says that
                the question is wrong.
        """
        return self.ask_actor(self._operations(), *question)

    def ask_actor(self, ref: AnyRef, *question: object) -> tuple[str, str, object]:
        """Ask one actor of the other node; errors are those of `ask`."""
        try:
            answer: object = ref.ask(question, timeout=self.left)
        except Timeout:
            raise self._slow() from None
        except NodeDownError:
            raise
        except ActorDeadError:
            raise self._no_group() from None
        match answer:
            case ("wrong", str(words), _):
                raise CommandError(words, status=WRONG_USE)
            case (str(kind), str(text), data):
                return kind, text, data
            case _:
                words = (
                    f"node {self.target} gave an answer that this groupctl does not "
                )
                words += "understand; use the same version on both"
                raise CommandError(words, status=FAILED)

    def group(self) -> str:
        """Return the group that is meant: the only one, if none was named."""
        group: str | None = self._options.group
        if group is None:
            # What runs there is said before a ping is answered.
            self.ping()
            runs = self._groups()
            group = runs[0] if len(runs) == 1 else DEFAULT_GROUP
        return group

    def _operations(self) -> AnyRef:
        try:
            return self.node.actor(self.target, ops_name(self.group(), self.target))
        except ValueError:
            # No group can have that name.
            raise self._no_group() from None

    def _groups(self) -> list[str]:
        return [name for kind, name in self.node.offers(self.target) if kind == "group"]

    def _no_group(self) -> CommandError:
        runs = ", ".join(map(repr, self._groups())) or "no group yet"
        if self._options.group is None:
            words = f"node {self.target} runs {runs}; say which: --group NAME"
        else:
            words = f"node {self.target} runs no group {self._options.group!r}, but "
            words += f"{runs}; say --group NAME"
        return CommandError(words, status=FAILED)

    def _slow(self) -> CommandError:
        return CommandError(
            f"node {self.target} did not answer in {self._options.timeout:g} s; "
            "it is busy, or stands still (--timeout)",
            status=FAILED,
        )


@contextmanager
def looking(options: Namespace, more: NodeOptions | None = None) -> Iterator[Look]:
    """Link with the node of --node for as long as the block runs.

    Args:
        options: Those of the command.
        more: What else the hidden node is started with.

    Raises:
        CommandError: Nothing answers there.
        ConfigError: An option cannot be used.
    """
    file = options.cookie_file
    if file is not None and not Path(file).exists():
        # A node makes one; whoever looks into a node needs that of the node.
        words = f"--cookie-file: there is no file {file}"
        raise CommandError(words, status=WRONG_USE)
    take_cookie_from(file)
    for name in _NOT_FOR_US:
        os.environ.pop(name, None)
    began = monotonic()
    known: NodeOptions = {
        **(more or {}),
        **trust(options),
        "listen": "127.0.0.1:0",
        "join": options.node,
        "hidden": True,
        "join_timeout": options.timeout,
    }
    with (
        Progress(f"an answer of {options.node}") as progress,
        Node.start(options.name or f"groupctl-{secrets.token_hex(4)}", **known) as node,
    ):
        deadline = began + options.timeout
        _await_link(node, options, began, deadline)
        # A hidden node is told of no other, so this is the one.
        target = node.peers()[0].name
        yield Look(node, target, progress, options, deadline)


def _await_link(node: Node, options: Namespace, began: float, deadline: float) -> None:
    # A name of dns:// is looked up after the start, which has no trouble to tell then.
    refused = monotonic() - began < _REFUSED_WITHIN and bool(node.troubles())
    try:
        node.wait_peers(1, 0.0 if refused else max(0.0, deadline - monotonic()))
    except JoinTimeoutError:
        raise CommandError(_unreached(node, options), status=FAILED) from None


def _unreached(node: Node, options: Namespace) -> str:
    said = [each.words.replace(" (will keep trying)", "") for each in node.troubles()]
    silence = (
        f"no node answers at {options.node} in {options.timeout:g} s, and nothing "
        "refuses: what is there stands still, or the network drops what is sent"
    )
    return f"{'; '.join(said) or silence}. Another node: --node HOST:PORT"
