"""Commands that look inside a running node: as a hidden node that asks one actor."""

import json
import logging
import os
import secrets
from argparse import Namespace

from actors import ActorDeadError
from group._cli.errors import FAILED, WRONG_USE, CommandError
from group._cli.paper import Paper
from group._cli.service import take_cookie_from
from group._clock import monotonic
from group._ops import ops_name
from transport import JoinTimeoutError, Node, NodeDownError

_MS = 1000
# A start without peers returns after a second, or sooner when all have refused.
_REFUSED_WITHIN = 0.9
# Where a node runs, these may be set for it; a second one is not to take its name.
_NOT_FOR_US = ("GROUP_NODE", "GROUP_JOIN", "GROUP_LISTEN", "GROUP_ADVERTISE")
_WITH_ARGUMENT = frozenset({"keys", "members", "lookup"})


def inspect(options: Namespace, paper: Paper) -> int:
    """Ask a node, write its answer, and return the exit status.

    Raises:
        CommandError: Nothing answers there, or not to this question.
        ConfigError: The address cannot be one.
        Timeout: There is a node, but no answer in time.
    """
    # Why a node cannot be reached is said by transport, with what to do about it.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    take_cookie_from(options.cookie_file)
    for name in _NOT_FOR_US:
        os.environ.pop(name, None)
    began = monotonic()
    with Node.start(
        f"groupctl-{secrets.token_hex(4)}",
        listen="127.0.0.1:0",
        join=options.node,
        hidden=True,
        join_timeout=options.timeout,
    ) as node:
        _await_link(node, options, monotonic() - began)
        # A hidden node is told of no other, so this is the one.
        target = node.peers()[0].name
        if options.command == "ping":
            return _ping(node, target, options, paper)
        return _ask(node, target, options, paper)


def _await_link(node: Node, options: Namespace, passed: float) -> None:
    patience = 0.0 if passed < _REFUSED_WITHIN else options.timeout - passed
    try:
        node.wait_peers(1, max(0.0, patience))
    except JoinTimeoutError:
        raise CommandError(
            f"no node answers at {options.node}; say --node HOST:PORT", status=FAILED
        ) from None


def _ping(node: Node, target: str, options: Namespace, paper: Paper) -> int:
    rtt = node.ping(target, timeout=options.timeout)
    if options.json:
        paper.line(json.dumps({"node": target, "rtt": rtt}))
    else:
        paper.line(f"{target} at {options.node} answered in {rtt * _MS:.1f} ms")
    return 0


def _ask(node: Node, target: str, options: Namespace, paper: Paper) -> int:
    about_keys = options.command in _WITH_ARGUMENT
    question = (options.command, *([options.argument] if about_keys else []))
    ref = node.actor(target, ops_name(options.group, target))
    try:
        kind, text, data = ref.ask(question, timeout=options.timeout)
    except NodeDownError:
        raise
    except ActorDeadError:
        raise CommandError(
            f"node {target} runs no group {options.group!r}; say --group NAME",
            status=FAILED,
        ) from None
    if kind == "wrong":
        raise CommandError(text, status=WRONG_USE)
    if options.json:
        paper.line(json.dumps(data))
    elif text:
        paper.line(text)
    return 0 if kind == "found" else FAILED
