"""Is all well when a world is left to itself? Every world is asked, few are walked.

From each world there is one way to quiet: links come back, what is under way arrives,
the condemned end, and nodes tick. Ways meet, and a way that is known to end well is
not walked twice.
"""

from tests.search.book import BrokenError
from tests.search.links import OPEN
from tests.search.parts import Step, World
from tests.search.scope import SETTLING_TICKS
from tests.search.world import Universe

LONGEST = 2_000


class Settling:
    """The worlds that are known to end well."""

    def __init__(self, universe: Universe) -> None:
        self.universe = universe
        self._well: set[bytes] = set()

    @property
    def known(self) -> int:
        """How many worlds are known to end well."""
        return len(self._well)

    def check(self, world: World) -> list[Step]:
        """Walk to quiet, or to where that is known; return the steps.

        Raises:
            BrokenError: It does not end well; `steps` of the error says how.
        """
        way: list[Step] = []
        passed: list[bytes] = []
        try:
            while (packed := world.packed()) not in self._well:
                passed.append(packed)
                step = self.next(world)
                if step is None:
                    self.universe.agreement.check(world.nodes)
                    break
                way.append(step)
                world = self._after(world, step, len(way))
        except BrokenError as error:
            raise UnsettledError(str(error), way) from error
        self._well.update(passed)
        return way

    def _after(self, world: World, step: Step, steps: int) -> World:
        if steps > LONGEST:
            raise BrokenError("L1 it never comes to rest")
        return self.universe.apply(world, step) or world

    def next(self, world: World) -> Step | None:
        """Return what happens next in a world that is left to itself."""
        return self._in_nodes(world) or self._in_links(world) or self._beat(world)

    def _in_nodes(self, world: World) -> Step | None:
        for i, number in enumerate(world.nodes):
            if not number:
                continue
            state = self.universe.book.state(number)
            if state.waiting:
                return Step("do", (i,), ("run",))
            for token in state.full:
                return Step("do", (i,), ("writable", token))
            for node in state.given_up:
                if self._is_dead(world, node.name):
                    return Step("do", (i,), ("peer_down", node))
        return None

    def _is_dead(self, world: World, name: str) -> bool:
        states = (self.universe.book.state(n) for n in world.nodes if n)
        return all(state.me.name != name for state in states)

    def _in_links(self, world: World) -> Step | None:
        universe = self.universe
        for p, number in enumerate(world.pairs):
            pair = universe.pairs[number]
            for w, wire in enumerate(pair.wires):
                for end in (0, 1):
                    if pair.ready(w, end):
                        return Step("take", (p, w, end))
                    if not wire.alive and wire.ends[end] == OPEN:
                        return Step("notice", (p, w, end))
            if universe.can_connect(world, p):
                return Step("connect", (p,))
        return None

    def _beat(self, world: World) -> Step | None:
        """The condemned end, then every node ticks, in turn, a few times."""
        universe = self.universe
        running = [i for i, number in enumerate(world.nodes) if number]
        for i in running:
            for n in universe.book.state(world.nodes[i]).doomed:
                return Step("do", (i,), ("end", n))
        beats = universe.lefts[world.left].beats
        if beats < SETTLING_TICKS * len(running):
            return Step("beat", (running[beats % len(running)],), ("tick",))
        return None


class UnsettledError(BrokenError):
    """A world that is left to itself does not end well; `way` leads there."""

    def __init__(self, words: str, way: list[Step]) -> None:
        super().__init__(words)
        self.way = way
