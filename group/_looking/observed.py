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
    clocks of both ends. Most batches are of one operation; that is worth a way of its
    own, since this is on the way of every write of whoever has metrics.
    """
    if type(message) is not Ops or not links:
        return
    ops = message.ops
    stamp = 0
    if len(ops) == 1:
        only = ops[0]
        measured: dict[str, float] = {type(only).__name__: links}
        if type(only) is PutReg or type(only) is PutGrp:
            stamp = only.stamp
    else:
        kinds = Counter(type(op).__name__ for op in ops)
        measured = {kind: n * links for kind, n in kinds.items()}
        stamps = [op.stamp for op in ops if isinstance(op, PutReg | PutGrp)]
        stamp = max(stamps, default=0)
    if stamp and direction == "in":
        measured["lag"] = max(0.0, (wall_ms() - (stamp >> 16)) / _MS)
    REPLICATE(measured, instance.about[direction])


def told(instance: Instance, events: Sequence[Event]) -> None:
    """Tell how many events of each type a monitor was given."""
    if len(events) == 1:
        EVENTS({events[0].type: 1}, instance.about[""])
    else:
        EVENTS(Counter(event.type for event in events), instance.about[""])


def lost(instance: Instance, cluster: str, key: str) -> None:
    """Tell of an actor of this node that has lost its key to another."""
    CONFLICT({}, {**instance.about[""], "cluster": cluster or None, "key": key})


def crashed(instance: Instance, shard: int, error: BaseException) -> None:
    """Tell of a shard that its supervisor is about to start again."""
    about = {"shard": shard, "error": type(error).__name__}
    SHARD_CRASH({}, {**instance.about[""], **about})
