"""Shards that fail in the middle of an operation.

The methods that change tables are given a common fuse: at the entry of the n-th of
them the turn raises. What the shard has done till then stays done; its effects are
lost, as they are when the real one raises.
"""

import math
from collections.abc import Callable
from functools import partial

from group._core.shard import Shard

STEPS_OF_TABLES = (
    *("open", "close", "project", "put_own", "pop_own", "put_remote", "pop_remote"),
    *("replace", "drop", "reproject", "_contest", "_show", "_index", "_reindex"),
    *("_repair_registry", "_repair_groups", "_project_member", "_project_rival"),
    *("drop_owner", "reveal", "hide"),
)
STEPS_OF_PARTS = {
    "local": ("delete", "_put", "_watch", "_log"),
    "outbound": ("moved", "pump", "end_turn", "_send", "_fan_out", "_position"),
    "following": ("_apply", "_row", "_copy", "_need", "forget", "hello"),
    "sessions": ("link_down", "peer_down"),
    "retiring": ("ask", "on_ans"),
}


class PlannedCrashError(Exception):
    """The fuse has burnt down."""


class Fuse:
    """Lets one shard fail after so many steps."""

    def __init__(self, shard: Shard, steps: int) -> None:
        self._left: float = steps
        self._tables = shard.tables
        for name in STEPS_OF_TABLES:
            self._guard(shard.tables, name)
        # The parts die with their shard; only the tables live on.
        for part, names in STEPS_OF_PARTS.items():
            for name in names:
                self._guard(getattr(shard, part), name)

    def remove(self) -> None:
        """Never burn down; leave the tables whole, for the shard's successor."""
        self._left = math.inf
        for name in STEPS_OF_TABLES:
            vars(self._tables).pop(name, None)

    def _guard(self, target: object, name: str) -> None:
        step: Callable[..., object] = getattr(target, name)
        setattr(target, name, partial(self._burn, step))

    def _burn(
        self, step: Callable[..., object], *args: object, **more: object
    ) -> object:
        self._left -= 1
        if self._left < 0:
            raise PlannedCrashError
        return step(*args, **more)
