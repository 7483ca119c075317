"""The hooks of a group where much goes by: what they tell is made here, when wanted."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from actors import hooks
from group._clock import wall_ms
from group._core.messages import Message, Ops, PutGrp, PutReg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from group._core.events import Event
    from group._instance import Instance

REPLICATE = hooks.hook("group.replicate")
EVENTS = hooks.hook("group.events")
CONFLICT = hooks.hook("group.conflict")
SHARD_CRASH = hooks.hook("group.shard.crash")

_MS = 1000


def replicated(
    instance: Instance, direction: str, message: Message, links: int
) -> None:
    """Tell of a batch of operations: how many of each kind went over how many links.

    Of one that came, "lag" is how long ago the newest row in it was written, by the
    clocks of both ends.
    """
    if not isinstance(message, Ops) or not links:
        return
    kinds = Counter(type(op).__name__ for op in message.ops)
    measured: dict[str, float] = {kind: n * links for kind, n in kinds.items()}
    stamps = [op.stamp for op in message.ops if isinstance(op, PutReg | PutGrp)]
    if direction == "in" and stamps:
        measured["lag"] = max(0.0, (wall_ms() - (max(stamps) >> 16)) / _MS)
    REPLICATE(measured, {**_whose(instance), "direction": direction})


def told(instance: Instance, events: Sequence[Event]) -> None:
    """Tell how many events of each type a monitor was given."""
    EVENTS(Counter(str(event.type) for event in events), _whose(instance))


def lost(instance: Instance, cluster: str, key: str) -> None:
    """Tell of an actor of this node that has lost its key to another."""
    CONFLICT({}, {**_whose(instance), "cluster": cluster or None, "key": key})


def crashed(instance: Instance, shard: int, error: BaseException) -> None:
    """Tell of a shard that its supervisor is about to start again."""
    about = {"shard": shard, "error": type(error).__name__}
    SHARD_CRASH({}, {**_whose(instance), **about})


def _whose(instance: Instance) -> dict[str, object]:
    return {"group": instance.config.name, "node": instance.me.name}
