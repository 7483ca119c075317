"""The directory of clusters, as links and callers reach it."""

import threading
from collections.abc import Callable, Iterable
from typing import Protocol

from group._core.directory import Directory
from group._core.effects import Cut, Effect, Reply, Send, ToShards
from group._core.keys import DEFAULT
from group._core.requests import Rebuild
from group._tree.runner import Runner


class World(Protocol):
    """What carries out the effects of the directory."""

    def say(self, tokens: tuple[int, ...], effect: Send | Cut) -> None:
        """Queue a message on links, or close one."""

    def flush(self, tokens: Iterable[int]) -> None:
        """Write to these links."""


class DirectoryDesk:
    """Runs the turns of the directory, on the calling thread, one at a time.

    What a turn says to the shards is put into their queues within it, and handled
    after it; so a link's frames, which come later, find their shard prepared.
    """

    def __init__(
        self, directory: Directory, runners: list[Runner], world: World
    ) -> None:
        self._directory = directory
        self._runners = runners
        self._world = world
        # A shard that is closed answers at once, which may run another turn.
        self._lock = threading.RLock()

    def run(
        self, message: object, done: Callable[[object], None] | None = None
    ) -> object:
        """Run one turn; `done` is called by every shard for each request it gets."""
        tokens: set[int] = set()
        with self._lock:
            answer, told = self._carry_out(self._directory.step(message), tokens, done)
        if tokens:
            self._world.flush(tuple(tokens))
        if told:
            for runner in self._runners:
                runner.kick()
        return answer

    def _carry_out(
        self,
        effects: list[Effect],
        tokens: set[int],
        done: Callable[[object], None] | None,
    ) -> tuple[object, bool]:
        answer: object = None
        told = False
        for effect in effects:
            if isinstance(effect, ToShards):
                told = True
                for runner in self._runners:
                    runner.enqueue(effect.request, done)
            elif isinstance(effect, Reply):
                answer = effect.answer
            elif isinstance(effect, Send):
                tokens.update(effect.tokens)
                self._world.say(effect.tokens, effect)
            elif isinstance(effect, Cut):
                self._world.say((effect.token,), effect)
        return answer, told

    def rebuild(self, runner: Runner) -> Rebuild:
        """Return what a shard that takes up its tables must know.

        What it has been told before and has not handled yet is in there.
        """
        with self._lock:
            runner.supersede()
            return self._directory.rebuild()

    def nodes(self, cluster: str | None) -> list[str]:
        """Return the nodes of a cluster, or the peers of this node."""
        with self._lock:
            return self._directory.nodes(cluster)

    def own(self) -> list[str]:
        """Return the named clusters that this node is in."""
        with self._lock:
            closing = self._directory.closing
            names = [name for name in self._directory.own if name not in closing]
        return sorted(name for name in names if name != DEFAULT)
