"""What cores ask of the world: the only place where effects become real."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, cast

from actors import on_down, stop_with
from group._core import messages as wire
from group._core.effects import (
    Cut,
    Effect,
    Evict,
    Notify,
    Reply,
    Report,
    Send,
    Settled,
    ToShards,
    Watch,
)
from group._core.requests import ActorDown, Blocked
from group._looking.observed import (
    CONFLICT,
    EVENTS,
    REPLICATE,
    lost,
    replicated,
    told,
)
from group._reasons import RegistryConflict

if TYPE_CHECKING:
    from group._events.subscribers import Subscriber
    from group._instance import Instance
    from group._tree.runner import Runner


class Effects:
    """Carries out the effects of one group's cores, in their turns."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def perform(self, runner: Runner, effect: Effect) -> Iterable[int]:
        """Carry out an effect of a shard, in its turn; return the links to write to."""
        if isinstance(effect, Send):
            self._send(runner, effect.tokens, effect.message)
            return effect.tokens
        if isinstance(effect, Notify):
            # Only such subscribe here; for the core they are any values.
            cast("Subscriber", effect.subscriber).take(runner.index, effect.events)
            if EVENTS.callbacks:
                told(self._instance, effect.events)
        elif isinstance(effect, Watch):
            down = partial(self._actor_down, runner, effect.n)
            on_down(self._instance.node.ref(self._instance.me, effect.n, ""), down)
        else:
            self._perform_rare(runner, effect)
        return ()

    def _perform_rare(
        self, runner: Runner, effect: Evict | Settled | Report | Cut | Reply | ToShards
    ) -> None:
        match effect:
            case Evict():
                self._evict(effect)
            case Settled(number):
                self._instance.fences.settled(number, runner.index)
            case Report(level, event, fields):
                self._report(level, event, fields)
            case Cut(token, why):
                self._accuse(token, why)
            case Reply() | ToShards():
                # The runner keeps replies; only the directory speaks to shards.
                pass

    def _send(
        self, runner: Runner, tokens: tuple[int, ...], message: wire.Message
    ) -> None:
        channel = self._instance.channel
        if channel is None:
            return
        body = wire.encode(message)
        if REPLICATE.callbacks:
            replicated(self._instance, "out", message, len(tokens))
        for token in tokens:
            if not channel.send(token, body):
                runner.blocked(Blocked(token))

    def say(self, tokens: tuple[int, ...], effect: Send | Cut) -> None:
        """Carry out an effect of the directory."""
        if isinstance(effect, Cut):
            self._accuse(effect.token, effect.why)
        elif self._instance.channel is not None:
            body = wire.encode(effect.message)
            for token in tokens:
                self._instance.channel.send(token, body)

    def flush(self, tokens: Iterable[int]) -> None:
        """Write what is queued on these links; never in a turn."""
        if self._instance.channel is not None:
            self._instance.channel.flush(tokens)

    def _accuse(self, token: int, why: str) -> None:
        if self._instance.channel is not None:
            self._instance.channel.accuse(token, why)

    def blame(self, token: int, error: BaseException) -> None:
        """Hold a peer to account whose frame has crashed a shard.

        The node keeps a peer out for a while after a second fault within a minute, so
        that one bad peer cannot use up the restarts of the shards.
        """
        words = f"its frame crashed a shard, {type(error).__name__}: {error}"
        self._accuse(token, words[:200])

    def _report(self, level: str, event: str, fields: Mapping[str, object]) -> None:
        if level == "error":
            self._instance.log.error(event, **fields)
        else:
            self._instance.log.warning(event, **fields)

    def _actor_down(self, runner: Runner, n: int, reason: object) -> None:
        runner.post(ActorDown(n, reason))

    def _evict(self, effect: Evict) -> None:
        """Stop an actor of ours that has lost its key."""
        winner = self._instance.narrator.entry(effect.winner)
        loser = self._instance.node.ref(self._instance.me, effect.n, "")
        self._instance.conflicts += 1
        if CONFLICT.callbacks:
            lost(self._instance, effect.cluster, effect.key)
        self._instance.log.error(
            "registry_conflict",
            key=effect.key,
            cluster=effect.cluster or None,
            loser=loser,
            winner=winner.ref,
            winner_node=effect.winner.origin.name,
        )
        stop_with(loser, RegistryConflict(effect.key, winner.ref, winner.meta))
