"""The shard actors: each owns the turns of one shard, under supervision.

The actor's thread empties the queue that callers find no way past; when a turn
crashes, it is this actor that ends, and its supervisor that starts the next one, over
the same tables.
"""

from contextlib import suppress
from functools import partial

from actors import Actor, ActorError, deliver, register_name, tell_after, whereis
from group._core.requests import Tick
from group._core.shard import Shard
from group._instance import Instance
from group._looking.observed import SHARD_CRASH, crashed

_WAKE = "wake"
_TICK = "tick"


class _Failed:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class ShardActor(Actor):
    """One shard of a group on this node."""

    def __init__(self, instance: Instance, index: int) -> None:
        super().__init__()
        self._instance = instance
        self._index = index
        self._runner = instance.runners[index]
        self._core: Shard | None = None

    def on_start(self) -> None:
        """Take up the tables and begin to run turns."""
        store = self._instance.store
        core = self._core = self._instance.shard_class(
            store.tables[self._index],
            self._instance.narrator,
            store.condemned,
            self._instance.config.oplog,
        )
        ref = self.actor_ref
        self._runner.begin(
            core,
            partial(self._instance.directory.rebuild, self._runner),
            wake=lambda: deliver(ref, _WAKE),
            fail=lambda error: deliver(ref, _Failed(error)),
        )
        self._tick()

    def on_receive(self, message: object) -> object:
        """Handle what waits; answer "state" for those who look inside."""
        if message is _WAKE:
            self._runner.drain()
        elif message is _TICK:
            self._runner.post(Tick())
            self._tick()
        elif isinstance(message, _Failed):
            if SHARD_CRASH.callbacks:
                crashed(self._instance, self._index, message.error)
            # It was raised on whoever's thread had lent itself; here it belongs.
            raise message.error
        elif message == "state":
            return {"waiting": self._runner.waiting, **self._runner.stats}
        return None

    def on_stop(self) -> None:
        """Run no turn any more, of this shard."""
        self._runner.end(self._core)

    def _tick(self) -> None:
        self._take_name()
        tell_after(self.actor_ref, self._instance.node.heartbeat, _TICK)

    def _take_name(self) -> None:
        """Be found by those who look inside.

        Not at once, if the actor before this one has not ended yet; and not at all, if
        another node of this name, here in this interpreter, has the name.
        """
        name = self._instance.shard_name(self._index)
        if whereis(name) is None:
            with suppress(ActorError):
                register_name(name, self.actor_ref)
