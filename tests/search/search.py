"""Breadth first through every world of a scope, until all are seen or enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.search.book import BrokenError
from tests.search.parts import Step, World
from tests.search.reading import readable
from tests.search.scope import Scope
from tests.search.settling import Settling, UnsettledError
from tests.search.world import Universe


class FoundError(AssertionError):
    """A path, the shortest there is, to a world in which something is wrong."""

    def __init__(self, words: str, path: list[int], steps: list[str]) -> None:
        told = "\n".join(f"  {i + 1:3} {step}" for i, step in enumerate(steps))
        super().__init__(f"{words}\n{told}")
        self.words = words
        self.path = path
        self.steps = steps


@dataclass
class Result:
    """What a search has seen.

    Attributes:
        states: Distinct worlds.
        steps: From a world to a world, also to those that were seen already.
        depth: Of the deepest world, in steps from the first.
        complete: Whether there are no more.
        turns: Of the real cores.
        settled: Worlds from which a way to agreement was walked.
    """

    states: int = 0
    steps: int = 0
    depth: int = 0
    complete: bool = False
    turns: int = 0
    settled: int = 0
    met: dict[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        ended = "all of them" if self.complete else "there are more"
        met = ", ".join(f"{what} {n}" for what, n in sorted(self.met.items()))
        return (
            f"{self.states:,} distinct states, {ended}; depth {self.depth}; "
            f"{self.steps:,} steps, of which the cores carried out {self.turns:,}\n"
            f"  {self.settled:,} states walked to quiet; steps met: {met}"
        )


class Search:
    """One search.

    Args:
        scope: What may happen.
        most: States to see at most.
        told: Called with the result so far, now and then.
    """

    def __init__(
        self,
        scope: Scope,
        most: int,
        told: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self.universe = Universe(scope)
        self.settling = Settling(self.universe)
        self.most = most
        self.result = Result()
        self._told = told
        self._seen: dict[bytes, int] = {}
        self._worlds: list[bytes] = []
        # How each world was come to: from which, by which of its steps.
        self._from: list[tuple[int, int]] = []

    def first(self) -> World:
        """Return the world that all begins with.

        Raises:
            FoundError: It does not even come to be.
        """
        universe = self.universe
        world = universe.first()
        if not universe.scope.linked:
            return world
        way: list[str] = []
        try:
            while (step := self.settling.next(world)) is not None:
                way.append(readable(universe, world, step))
                world = universe.apply(world, step) or world
        except BrokenError as error:
            raise FoundError(str(error), [], way) from error
        left = universe.lefts[world.left]._replace(beats=0)
        return world._replace(left=universe.lefts.of(left))

    def run(self) -> Result:
        """See worlds.

        Raises:
            FoundError: Something is wrong in one.
        """
        self._enter(self.first(), -1, 0)
        level_ends, at = 1, 0
        while at < len(self._worlds) and len(self._worlds) < self.most:
            if at == level_ends:
                self.result.depth += 1
                level_ends = len(self._worlds)
            self._expand(at)
            at += 1
            if not at % 20_000:
                self._told(self._count())
        self.result.complete = at == len(self._worlds)
        if level_ends < len(self._worlds):
            self.result.depth += 1
        return self._count()

    def _count(self) -> Result:
        self.result.states = len(self._worlds)
        self.result.turns = self.universe.book.turns
        self.result.settled = self.settling.known
        return self.result

    def _expand(self, at: int) -> None:
        universe = self.universe
        world = universe.unpacked(self._worlds[at])
        met = self.result.met
        for number, step in enumerate(universe.steps(world)):
            try:
                after = universe.apply(world, step)
            except BrokenError as error:
                raise self._found(at, number, error) from error
            if after is None:
                continue
            met[step.kind] = met.get(step.kind, 0) + 1
            self.result.steps += 1
            self._enter(after, at, number)

    def _enter(self, world: World, origin: int, number: int) -> None:
        packed = world.packed()
        if packed in self._seen:
            return
        self._seen[packed] = len(self._worlds)
        self._worlds.append(packed)
        self._from.append((origin, number))
        try:
            self.settling.check(world)
        except UnsettledError as error:
            raise self._found(origin, number, error) from error

    # What is found

    def _found(self, at: int, number: int, error: BrokenError) -> FoundError:
        path = [number] if at >= 0 else []
        while at > 0:
            at, number = self._from[at]
            path.append(number)
        path.reverse()
        way = error.way if isinstance(error, UnsettledError) else []
        return FoundError(str(error), path, self.replay(path, way))

    def replay(self, path: Sequence[int], way: Sequence[Step] = ()) -> list[str]:
        """Walk a path, and a way after it, and tell each step.

        Raises:
            BrokenError: Something is wrong on it.
        """
        universe, world = self.universe, self.first()
        told: list[str] = []
        for last, step in self._along(path, way):
            found = step or list(universe.steps(world))[last]
            alone = "" if step is None else "(left to itself) "
            told.append(alone + readable(universe, world, found))
            try:
                world = universe.apply(world, found) or world
            except BrokenError as error:
                told[-1] += f"   <- {error}"
                break
        return told

    def _along(
        self, path: Sequence[int], way: Sequence[Step]
    ) -> list[tuple[int, Step | None]]:
        return [(number, None) for number in path] + [(0, step) for step in way]
