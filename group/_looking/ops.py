"""The actor that `groupctl` asks. Questions and answers are plain tuples."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from actors import (
    Actor,
    ActorDeadError,
    ActorError,
    AnyRef,
    Down,
    Timeout,
    is_ref,
    monitor,
    register_name,
    tell_after,
)
from group._clock import monotonic
from group._errors import GroupError
from group._instance import Instance
from group._looking.answers import Answer, Answers, strange
from group._looking.onlookers import Onlookers
from group._looking.relay import Relay

MOST_RELAYS = 32
VITALS = ("vitals", None, None)
# Seconds in which all peers together are asked how they are.
SURVEY_TIMEOUT = 0.5
SURVEY_LIFE = 10.0


def ops_name(group: str, node: str) -> str:
    """Return the name under which a group's operations actor is registered."""
    return f"{group}/ops@{node}"


class Operations(Actor):
    """Answers questions: (word, argument, cluster). Never waits for anybody.

    What takes time is left to an actor that is made for it: ("watch", pattern, cluster,
    snapshot, who) starts one that tells `who` of events, ("survey",) gives one that
    asks the other nodes before it answers. A dashboard asks ("look", what, options).
    """

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance
        self._answers = Answers(instance)
        self._relays: set[AnyRef] = set()
        self._onlookers = Onlookers(instance, self.actor_ref)

    def on_start(self) -> None:
        """Take the name, unless another node of this name, here, has it."""
        self._instance.node.monitor_nodes()
        if self._instance.kind != "group":
            # A scope of the same name as a group leaves it to that.
            return
        name = ops_name(self._instance.config.name, self._instance.node.name)
        with suppress(ActorError):
            register_name(name, self.actor_ref)

    def on_stop(self) -> None:
        """Nobody looks on any more."""
        self._onlookers.close()

    def on_receive(self, message: object) -> object:
        """Answer a question; what is wrong with it is an answer too."""
        if self._onlookers.hear(message):
            return None
        if isinstance(message, Down):
            self._relays.discard(message.ref)
            return None
        try:
            return self._asked(message)
        except GroupError as error:
            return "wrong", str(error), None

    def _asked(self, question: object) -> Answer:
        match question:
            case ("survey",):
                return "found", "", Survey.start(self._instance)
            case ("look", str() as what, dict() as options):
                return self._onlookers.answer(what, options)
            case ("watch", *rest):
                return self._watch(rest)
            case (str() as what, (str() | None) as word, (str() | None) as cluster):
                return self._answers.give(what, word, cluster)
            case _:
                return strange(question)

    def _watch(self, request: Sequence[object]) -> Answer:
        if len(self._relays) >= MOST_RELAYS:
            words = f"{MOST_RELAYS} others watch here already; ask another node"
            return "wrong", words, None
        match request:
            case [
                (str() | None) as pattern,
                (str() | None) as cluster,
                bool() as snapshot,
                who,
            ] if is_ref(who):
                watched = (pattern, cluster)
                relay = Relay.watching(
                    self._instance, who, watched, snapshot=snapshot, host=self.actor_ref
                )
            case _:
                return strange(request)
        self._relays.add(relay)
        monitor(relay)
        return "found", "", relay


class Survey(Actor):
    """Asks the other nodes, answers once, and ends."""

    def __init__(self, instance: Instance) -> None:
        super().__init__()
        self._instance = instance

    def on_start(self) -> None:
        """Wait for the question, but not for ever: who wanted to ask may be gone."""
        tell_after(self.actor_ref, SURVEY_LIFE, ("end",))

    def on_receive(self, message: object) -> object:
        """Tell how the group is, with what only the other nodes know."""
        self.stop()
        if message != ("status",):
            return strange(message)
        try:
            return Answers(self._instance).status(self._count_actors())
        except GroupError as error:
            return "wrong", str(error), None

    def _count_actors(self) -> dict[str, int]:
        node, group = self._instance.node, self._instance.config.name
        asked = {
            peer: node.actor(peer, ops_name(group, peer)).ask(VITALS, block=False)
            for peer in self._instance.directory.nodes(None)
        }
        deadline = monotonic() + SURVEY_TIMEOUT
        counted = {}
        for peer, future in asked.items():
            # A node that does not answer is shown without a number.
            with suppress(Timeout, ActorDeadError, GroupError):
                answer: object = future.get(timeout=max(0.0, deadline - monotonic()))
                match answer:
                    case ("found", _, {"actors": int(number)}):
                        counted[peer] = number
                    case _:
                        pass
        return counted
