"""What a start waits for: the rows of the peers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from group._clock import monotonic
from group._errors import ShardTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from group._instance import Instance

CATCH_UP = 5.0
"""Seconds that a start waits for the peers."""
_LOOK_AGAIN = 0.02


def catch_up(instance: Instance, settle: Callable[[float], None]) -> None:
    """Get the rows of the peers: a claim that ignores theirs is newer, and wins."""
    node, channel, deadline = instance.node, instance.channel, monotonic() + CATCH_UP
    assert channel is not None
    while True:
        silent = channel.await_answers(max(0.0, deadline - monotonic()))
        try:
            settle(max(0.0, deadline - monotonic()))
        except ShardTimeoutError:
            silent = silent or instance.directory.nodes(None)
        # One whose link was lost has rows, too, and may be back in a moment.
        away = [peer.name for peer in node.peers() if peer.state == "suspect"]
        if not away or monotonic() >= deadline:
            break
        threading.Event().wait(_LOOK_AGAIN)
    silent = sorted({*silent, *away})
    if silent:
        instance.log.warning(
            "group_started_without_rows",
            peers=",".join(silent),
            words=f"no answer in {CATCH_UP:g} s; what is claimed here now may be "
            "taken from an owner there. See why they are slow; settle() waits",
        )
