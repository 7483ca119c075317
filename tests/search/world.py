"""All nodes and all that is between them, as a few numbers; and what can happen next.

A world is small because everything in it is numbered: the states of nodes in the
`Book`, connections and allowances here.
"""

from array import array
from collections.abc import Callable, Iterator
from itertools import combinations

from tests.search.agreement import Agreement
from tests.search.book import Book, BrokenError, Deed, State
from tests.search.links import OPEN, OVER, UP, Pair, Wire
from tests.search.parts import Left, Numbers, Step, World
from tests.search.scope import Scope
from transport import NodeId

FUSES = range(14)
"""After so many steps a shard is let fail; no operation has more."""


class Universe:
    """Every world of one scope, one step at a time."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.book = Book(scope)
        self.agreement = Agreement(self.book)
        self.ends = list(combinations(range(scope.nodes), 2))
        self.pairs: Numbers[Pair] = Numbers()
        self.lefts: Numbers[Left] = Numbers()
        self._apply: dict[str, Callable[[World, Step], World | None]] = {
            "call": self._call,
            "fail": self._call,
            "fail_run": self._fail_run,
            "do": self._do,
            "tick": self._tick,
            "beat": self._beat,
            "leave": self._leave,
            "settle": self._settle,
            "fill": self._fill,
            "crash": self._crash,
            "start": self._start,
            "take": self._take,
            "fail_take": self._take,
            "notice": self._notice,
            "lose": self._lose,
            "cut": self._cut,
            "connect": self._connect,
        }

    def first(self) -> World:
        """Return the world in which all links are just coming up."""
        scope = self.scope
        nodes = range(scope.nodes)
        lives = (1,) * scope.nodes
        left = Left(
            scope.calls,
            (scope.ticks,) * scope.nodes,
            scope.cuts,
            scope.crashes,
            scope.leaves,
            scope.failures,
            scope.fences,
            scope.fills,
            lives,
        )
        born = tuple(self.book.born(node_id(i, 1)) for i in nodes)
        pair = self.pairs.of(Pair(0, ()))
        world = World(born, (pair,) * len(self.ends), self.lefts.of(left))
        for p in range(len(self.ends)):
            world = self._connect(world, Step("connect", (p,)))
        return world

    def unpacked(self, packed: bytes) -> World:
        """Return a world of its bytes."""
        numbers = tuple(array("I", packed))
        n = self.scope.nodes
        return World(numbers[:n], numbers[n:-1], numbers[-1])

    def apply(self, world: World, step: Step) -> World | None:
        """Return the world after a step; None: it is no other world.

        Raises:
            BrokenError: Something does not hold that must.
        """
        after = self._apply[step.kind](world, step)
        return None if after == world else after

    # What can happen

    def steps(self, world: World) -> Iterator[Step]:
        """Yield every step that can be next."""
        left = self.lefts[world.left]
        for i, number in enumerate(world.nodes):
            if number:
                yield from self._steps_of_node(i, self.book.state(number), left)
            else:
                yield Step("start", (i,))
        for p in range(len(self.ends)):
            yield from self._steps_of_pair(world, p, left)

    def _steps_of_node(self, i: int, state: State, left: Left) -> Iterator[Step]:
        if state.waiting:
            yield Step("do", (i,), ("run",))
            if left.failures:
                for fuse in FUSES:
                    yield Step("fail_run", (i,), ("failing", fuse, "run"))
        for n in state.doomed:
            yield Step("do", (i,), ("end", n))
        for node in state.given_up:
            yield Step("do", (i,), ("peer_down", node))
        if left.calls:
            yield from self._calls(i, state, left)
        if left.ticks[i]:
            yield Step("tick", (i,), ("tick",))
        yield from self._comings_and_goings(i, state, left)
        yield from self._full_links(i, state, left)

    def _calls(self, i: int, state: State, left: Left) -> Iterator[Step]:
        for call in state.calls:
            yield Step("call", (i,), call)
            if left.failures:
                for fuse in FUSES:
                    yield Step("fail", (i,), ("failing", fuse, *call))

    def _comings_and_goings(self, i: int, state: State, left: Left) -> Iterator[Step]:
        if left.leaves and state.inside:
            yield Step("leave", (i,), ("leave_cluster",))
        if state.inside is False:
            yield Step("do", (i,), ("join_cluster",))
        if left.crashes:
            yield Step("crash", (i,))
        if left.fences:
            yield Step("settle", (i,), ("settle",))

    def _full_links(self, i: int, state: State, left: Left) -> Iterator[Step]:
        for token in state.full:
            yield Step("do", (i,), ("writable", token))
        for token in sorted(state.tokens.difference(state.full)):
            if left.fills:
                yield Step("fill", (i,), ("blocked", token))

    def _steps_of_pair(self, world: World, p: int, left: Left) -> Iterator[Step]:
        pair = self.pairs[world.pairs[p]]
        for w, wire in enumerate(pair.wires):
            for end in (0, 1):
                yield from self._steps_of_end(world, (p, w, end), pair, left)
            if wire.alive and left.cuts:
                yield Step("cut", (p, w))
        if self.can_connect(world, p):
            yield Step("connect", (p,))

    def _steps_of_end(
        self, world: World, at: tuple[int, int, int], pair: Pair, left: Left
    ) -> Iterator[Step]:
        p, w, end = at
        wire = pair.wires[w]
        if pair.ready(w, end):
            yield Step("take", at)
            number = world.nodes[self.ends[p][end]]
            if left.failures and not self.book.state(number).waiting:
                for fuse in FUSES:
                    yield Step("fail_take", at, ("failing", fuse))
        if not wire.alive and wire.ends[end] == OPEN:
            yield Step("notice", at)
        if not wire.alive and wire.coming[end]:
            yield Step("lose", at)

    def can_connect(self, world: World, p: int) -> bool:
        """Tell whether a new link may come: one end knows that the last one is gone."""
        one, other = self.ends[p]
        if not (world.nodes[one] and world.nodes[other]):
            return False
        pair = self.pairs[world.pairs[p]]
        if pair.alive():
            return False
        return not pair.wires or OVER in pair.wires[-1].ends

    # What it makes of a world

    def _act(self, world: World, i: int, deed: Deed) -> tuple[World, bool]:
        """Let a node do something; return whether its shard has failed in it."""
        outcome = self.book.outcome(world.nodes[i], deed)
        for words in self.book.state(outcome.number).problems:
            raise BrokenError(f"{name(i)}: {words}")
        pairs = list(world.pairs)
        for token, body in outcome.out:
            self._send(pairs, i, token, body)
        nodes = (*world.nodes[:i], outcome.number, *world.nodes[i + 1 :])
        after = World(nodes, tuple(pairs), world.left)
        if outcome.number != world.nodes[i]:
            self.agreement.prefixes(after.nodes, self.lefts[world.left].dead, i)
        for written in outcome.settled:
            self.agreement.written(after.nodes, i, written)
        return after, outcome.burnt

    def _send(self, pairs: list[int], i: int, token: int, body: bytes) -> None:
        p = token // 100
        pair = self.pairs[pairs[p]]
        for w, wire in enumerate(pair.wires):
            if wire.token == token and wire.alive:
                other = 1 - self.ends[p].index(i)
                longer = wire.with_coming(other, (*wire.coming[other], body))
                pairs[p] = self.pairs.of(pair.put(w, longer))

    def _spend(self, world: World, **what: object) -> World:
        fields = self.lefts[world.left]._asdict()
        fields.update(what)
        return world._replace(left=self.lefts.of(Left(**fields)))

    def _do(self, world: World, step: Step) -> World:
        return self._act(world, step.at[0], step.deed)[0]

    def _call(self, world: World, step: Step) -> World | None:
        after, burnt = self._act(world, step.at[0], step.deed)
        left = self.lefts[world.left]
        if step.kind == "fail":
            if not burnt:
                return None
            return self._spend(after, calls=left.calls - 1, failures=left.failures - 1)
        return None if after == world else self._spend(after, calls=left.calls - 1)

    def _fail_run(self, world: World, step: Step) -> World | None:
        after, burnt = self._act(world, step.at[0], step.deed)
        failures = self.lefts[world.left].failures
        return self._spend(after, failures=failures - 1) if burnt else None

    def _tick(self, world: World, step: Step) -> World:
        i = step.at[0]
        ticks = self.lefts[world.left].ticks
        fewer = (*ticks[:i], ticks[i] - 1, *ticks[i + 1 :])
        return self._spend(self._do(world, step), ticks=fewer)

    def _beat(self, world: World, step: Step) -> World:
        beats = self.lefts[world.left].beats
        return self._spend(self._do(world, step), beats=beats + 1)

    def _leave(self, world: World, step: Step) -> World:
        leaves = self.lefts[world.left].leaves
        return self._spend(self._do(world, step), leaves=leaves - 1)

    def _settle(self, world: World, step: Step) -> World:
        fences = self.lefts[world.left].fences
        return self._spend(self._do(world, step), fences=fences - 1)

    def _fill(self, world: World, step: Step) -> World:
        fills = self.lefts[world.left].fills
        return self._spend(self._do(world, step), fills=fills - 1)

    def _crash(self, world: World, step: Step) -> World:
        i = step.at[0]
        left = self.lefts[world.left]
        pairs = list(world.pairs)
        for p, ends in enumerate(self.ends):
            if i in ends:
                pair, end = self.pairs[pairs[p]], ends.index(i)
                gone = [wire.without(end) for wire in pair.wires]
                wires = tuple(wire for wire in gone if not wire.forgotten())
                pairs[p] = self.pairs.of(pair._replace(wires=wires))
        nodes = (*world.nodes[:i], 0, *world.nodes[i + 1 :])
        dead = (*left.dead, world.nodes[i])
        after = World(nodes, tuple(pairs), world.left)
        return self._spend(after, crashes=left.crashes - 1, dead=dead)

    def _start(self, world: World, step: Step) -> World:
        i = step.at[0]
        lives = self.lefts[world.left].lives
        more = (*lives[:i], lives[i] + 1, *lives[i + 1 :])
        born = self.book.born(node_id(i, more[i]))
        nodes = (*world.nodes[:i], born, *world.nodes[i + 1 :])
        return self._spend(world._replace(nodes=nodes), lives=more)

    # What happens to connections

    def _take(self, world: World, step: Step) -> World | None:
        p, w, end = step.at
        wire = self.pairs[world.pairs[p]].wires[w]
        body, *rest = wire.coming[end]
        i, other = self.ends[p][end], self.ends[p][1 - end]
        wire = wire.with_coming(end, tuple(rest))
        if body == UP:
            deed: Deed = ("link_up", wire.token, node_id(other, wire.lives[1 - end]))
            wire = wire.with_end(end, OPEN)
        else:
            deed = ("frame", wire.token, body)
        after, burnt = self._act(self._put(world, p, w, wire), i, (*step.deed, *deed))
        if step.kind == "take":
            return after
        if not burnt:
            return None
        return self._spend(after, failures=self.lefts[world.left].failures - 1)

    def _notice(self, world: World, step: Step) -> World:
        p, w, end = step.at
        wire = self.pairs[world.pairs[p]].wires[w]
        after = self._put(world, p, w, wire.with_end(end, OVER))
        return self._act(after, self.ends[p][end], ("link_down", wire.token))[0]

    def _lose(self, world: World, step: Step) -> World:
        p, w, end = step.at
        wire = self.pairs[world.pairs[p]].wires[w]
        return self._put(world, p, w, wire.with_coming(end, ()))

    def _cut(self, world: World, step: Step) -> World:
        p, w = step.at
        wire = self.pairs[world.pairs[p]].wires[w]
        cuts = self.lefts[world.left].cuts
        return self._spend(self._put(world, p, w, wire.cut()), cuts=cuts - 1)

    def _connect(self, world: World, step: Step) -> World:
        (p,) = step.at
        one, other = self.ends[p]
        lives = self.lefts[world.left].lives
        pair = self.pairs[world.pairs[p]]
        longer = pair.connected(100 * p, (lives[one], lives[other]))
        return self._with_pair(world, p, longer)

    def _put(self, world: World, p: int, w: int, wire: Wire) -> World:
        return self._with_pair(world, p, self.pairs[world.pairs[p]].put(w, wire))

    def _with_pair(self, world: World, p: int, pair: Pair) -> World:
        number = self.pairs.of(pair)
        pairs = (*world.pairs[:p], number, *world.pairs[p + 1 :])
        return world._replace(pairs=pairs)


def name(i: int) -> str:
    """Return the name of a node."""
    return "abcdefgh"[i]


def node_id(i: int, life: int) -> NodeId:
    """Return who a node is in one of its lives."""
    return NodeId(name(i), b"%016d" % life)
