"""One node of a `proc_cluster`, in its own process, with orders on stdin.

It runs until its stdin ends, which it also does when the test's process is gone.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import traceback
from contextlib import ExitStack
from types import FrameType
from typing import TypedDict, cast

from actors import Actor, on_down, register_name
from group._group import Group, GroupOptions
from group.testing._app import App, find, start_app
from transport import Node, NodeOptions

WITNESS = "group.testing/witness"
"""The name of the actor that tells the test what its node sees."""

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Orders(TypedDict):
    """What a child is told first, in one line of JSON."""

    name: str
    group: str
    node: NodeOptions
    options: GroupOptions
    app: App | None
    report: int


class Witness(Actor):
    """Tells what its node sees."""

    crash_on = "tell"

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def nodes(self) -> list[str]:
        """Return the peers that the node sees."""
        return self._group.nodes()

    def keys(self, prefix: str | None) -> list[str]:
        """Return the keys that it sees."""
        return self._group.keys(prefix)

    def settle(self, timeout: float) -> None:
        """Wait until its peers have what was written there."""
        self._group.settle(timeout)


def main() -> None:
    """Follow the orders."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    # Who supervises whom would fill what is shown of a failed test.
    logging.getLogger("actors").setLevel(logging.WARNING)
    orders = cast("Orders", json.loads(sys.stdin.readline()))
    signal.signal(signal.SIGTERM, _end)
    # The test's Ctrl-C is the test's affair.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with os.fdopen(orders["report"], "w", buffering=1) as report, ExitStack() as stack:
        try:
            _start(orders, stack)
        except Exception:
            report.write(json.dumps({"error": traceback.format_exc()}) + "\n")
            raise
        report.write(json.dumps({"error": None}) + "\n")
        sys.stdin.read()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _start(orders: Orders, stack: ExitStack) -> None:
    factory = None if orders["app"] is None else find(orders["app"])
    node = stack.enter_context(Node.start(orders["name"], **orders["node"]))
    group = Group.start(orders["group"], node=node, **orders["options"])
    stack.enter_context(group)
    witness = Witness.start(group)
    register_name(WITNESS, witness)
    stack.callback(witness.stop, timeout=5)
    app = None if factory is None else start_app(factory, group)
    if app is not None:
        on_down(app, _app_ended)
        stack.callback(app.stop, timeout=5)


def _app_ended(reason: object) -> None:
    if reason not in ("normal", "shutdown"):
        logging.getLogger("group").error("the app has ended: %s", reason)
