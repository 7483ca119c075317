"""What must hold between nodes: at every step, and when all is quiet."""

from collections.abc import Iterator

from tests.search.book import Book, BrokenError, Copy, State
from tests.search.ghosts import Written
from tests.sim.stories import Owner

Claims = dict[str, Owner]
Members = dict[tuple[str, object], bytes]


class Agreement:
    """Compares states of nodes with each other; equal questions are asked once."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._true: set[tuple[int, int]] = set()
        self._agreed: set[tuple[int, ...]] = set()

    # Always

    def prefixes(self, nodes: tuple[int, ...], dead: tuple[int, ...], i: int) -> None:
        """A1: what others hold of a node that has changed, and it of them, is true.

        Raises:
            BrokenError: It is not.
        """
        changed = nodes[i]
        for other in (*nodes, *dead):
            if other and other != changed:
                self._follows(changed, other)
                self._follows(other, changed)

    def _follows(self, follower: int, origin: int) -> None:
        if (follower, origin) in self._true:
            return
        one, other = self.book.state(follower), self.book.state(origin)
        for copy in one.copies:
            if copy.origin == other.me and not _is_prefix(copy, other):
                raise BrokenError(
                    f"{one.me} does not hold of {other.me} what that one had "
                    f"at {copy.cursor}: A1"
                )
        self._true.add((follower, origin))

    def written(self, nodes: tuple[int, ...], i: int, written: Written) -> None:
        """F1: a peer has what a settled fence has promised, unless it need not.

        Raises:
            BrokenError: It has not.
        """
        here = self.book.state(nodes[i])
        for number in nodes:
            there = self.book.state(number) if number else None
            if there is None or there.me != written.peer:
                continue
            linked = written.token in here.tokens & there.tokens
            if not linked or written.theirs not in there.lanes:
                continue
            if written.cid in here.lanes and not _has(there, here, written):
                raise BrokenError(f"F1 {there.me} has not what {here.me} has settled")

    # When all is quiet

    def check(self, nodes: tuple[int, ...]) -> None:
        """I1 to I5 over nodes that are all linked and have nothing more to say.

        Raises:
            BrokenError: They do not agree, or agree on what is not true.
        """
        if nodes in self._agreed:
            return
        for words in self._disagreements([self.book.state(n) for n in nodes if n]):
            raise BrokenError(f"when all is quiet: {words}")
        self._agreed.add(nodes)

    def _disagreements(self, states: list[State]) -> Iterator[str]:
        inside = [state for state in states if state.inside]
        claims, members = dict[str, Owner](), dict[tuple[str, object], bytes]()
        for state in inside:
            for row_key, (n, meta) in state.rows.items():
                if not isinstance(row_key, str):
                    members[(row_key[0], (state.me, n))] = meta
                elif row_key in claims:
                    yield f"I3 two claims, {claims[row_key]} and {state.me}#{n}"
                else:
                    claims[row_key] = ((state.me, n), meta)
        names = sorted(state.me.name for state in inside)
        for state in states:
            if state.fences:
                yield f"F2 {state.me} has a fence that is not settled"
            yield from _shows(state, (claims, members), names)
            yield from _positions(state, states)


def _shows(
    state: State, rows: tuple[Claims, Members], names: list[str]
) -> Iterator[str]:
    wanted: tuple[Claims, Members] = rows if state.inside else ({}, {})
    if state.view != wanted:
        yield f"I2 {state.me} shows {state.view}, there is {wanted}"
    if state.known != names:
        yield f"I4 {state.me} finds {state.known}, want {names}"


def _has(there: State, here: State, written: Written) -> bool:
    for copy in there.copies:
        if copy.origin != here.me or copy.cid != written.cid:
            continue
        if copy.cursor is not None:
            return copy.cursor >= written.head
        # Its shard has failed since: it knows no position, but has kept the rows.
        return any(
            cid == written.cid and position >= written.head and rows == copy.hash
            for (cid, position), rows in here.positions.items()
        )
    return False


def _is_prefix(copy: Copy, origin: State) -> bool:
    if copy.cursor is None:
        return True
    return origin.positions.get((copy.cid, copy.cursor)) == copy.hash


def _positions(state: State, states: list[State]) -> Iterator[str]:
    """I5: cursors are heads. I1: nothing is held of those that are gone."""
    held = {(copy.origin, copy.cid): copy.cursor for copy in state.copies}
    heads = {(s.me, cid): head for s in states for cid, head in s.lanes.items()}
    for origin, _ in held.keys() - heads.keys():
        yield f"I1 {state.me} holds a lane of {origin} that is gone"
    for (origin, cid), head in heads.items():
        if origin != state.me and head and state.inside:
            at = held.get((origin, cid))
            if at != head:
                yield f"I5 {state.me} is at {at} of {origin}, which is at {head}"
