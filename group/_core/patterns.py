"""Group names with wildcards, and which of them a plain name leads to.

A stored name may hold wildcards; the name that is asked for may not.

| in a stored name | stands for                                                       |
|------------------|------------------------------------------------------------------|
| `*`              | one or more characters, any                                      |
| `?`              | one or more, up to the first that equals the name's next literal |
| anything else    | itself                                                           |

No wildcard follows another, and `?` is not last. Of several names that match, the most
specific wins: the one with the longest literal beginning, and then with the shortest
wildcard. To be exact: read the asked name from left to right and give each character
the label of what takes it, `LITERAL`, `OPEN_SOME`, `OPEN_ANY` or `SWALLOW`; the name
whose labels come first in the order of tuples wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from group._core.errors import InvalidKeyError, shown
from group._core.keys import check_key

ANY = "*"
SOME = "?"
WILDCARDS = frozenset((ANY, SOME))


def check_group_name(name: object) -> str:
    """Return the name, if actors can join a group of it.

    Raises:
        InvalidKeyError: It is no key, or its wildcards make no pattern.
    """
    checked = check_key(name)
    for one, other in pairwise(checked):
        if one in WILDCARDS and other in WILDCARDS:
            raise InvalidKeyError(
                f"{shown(checked)} has {one + other!r}; put a character between the "
                "wildcards, or leave one out",
                name,
            )
    if checked[-1] == SOME:
        raise InvalidKeyError(
            f"{shown(checked)} ends in '?', which has nothing to end at; use '*'", name
        )
    return checked


def has_wildcard(name: str) -> bool:
    """Tell whether a name is a pattern."""
    return ANY in name or SOME in name


class _Node:
    """What can follow the same beginning of several patterns.

    Attributes:
        pattern: The pattern that ends here.
        literals: What follows a character.
    """

    __slots__ = ("any", "literals", "pattern", "some")

    def __init__(self) -> None:
        self.pattern: str | None = None
        self.literals: dict[str, _Node] = {}
        self.some: _Node | None = None
        self.any: _Node | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing ends here or further on."""
        return (
            self.pattern is None
            and not self.literals
            and self.some is None
            and self.any is None
        )

    def child(self, character: str) -> _Node | None:
        """Return the node after one character of a pattern."""
        if character == ANY:
            return self.any
        if character == SOME:
            return self.some
        return self.literals.get(character)

    def put(self, character: str, child: _Node | None) -> None:
        """Set or remove it."""
        if character == ANY:
            self.any = child
        elif character == SOME:
            self.some = child
        elif child is None:
            self.literals.pop(character, None)
        else:
            self.literals[character] = child


# A place of the search: a node, the position in the asked name, and whether the node's
# wildcard has begun, and for `?` where.
_Place = tuple[_Node, int, int]
_PLAIN, _IN_ANY = -1, -2


class Patterns:
    """A set of patterns, searched without looking at all of them.

    One writer; readers on any thread, without a lock, see each pattern that is there
    all the time. `version` is odd while the set changes.
    """

    __slots__ = ("_root", "version")

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._root = _Node()
        self.version = 0
        for pattern in patterns:
            self.add(pattern)

    def add(self, pattern: str) -> None:
        """Add a checked pattern; a second time changes nothing."""
        self.version += 1
        node = self._root
        for character in pattern:
            child = node.child(character)
            if child is None:
                child = _Node()
                node.put(character, child)
            node = child
        node.pattern = pattern
        self.version += 1

    def discard(self, pattern: str) -> None:
        """Remove a pattern; nothing happens if it is not there."""
        path = [self._root]
        for character in pattern:
            child = path[-1].child(character)
            if child is None:
                return
            path.append(child)
        self.version += 1
        path[-1].pattern = None
        for depth in range(len(pattern), 0, -1):
            if not path[depth].empty:
                break
            path[depth - 1].put(pattern[depth - 1], None)
        self.version += 1

    def match(self, name: str) -> str | None:
        """Return the most specific pattern that matches a plain name."""
        if has_wildcard(name):
            return None
        while True:
            version = self.version
            found = next(self._ends(name), None)
            # None may be the truth of no moment, when one pattern went as another came.
            if found is not None or version == self.version:
                return found

    def steps(self, name: str) -> int:
        """Count what a search for a name looks at when nothing matches early."""
        return sum(1 for _ in self._search(name))

    def _ends(self, name: str) -> Iterator[str]:
        for node, at, wildcard in self._search(name):
            if at == len(name) and wildcard in (_PLAIN, _IN_ANY):
                pattern = node.pattern
                if pattern is not None:
                    yield pattern

    def _search(self, name: str) -> Iterator[_Place]:
        """Yield places in order of preference, each once.

        A place that is met again has been searched in vain, so the search takes at most
        as many steps as there are nodes times positions, however the patterns are.
        """
        where = _positions(name)
        seen: set[_Place] = set()
        stack: list[_Place] = [(self._root, 0, _PLAIN)]
        while stack:
            place = stack.pop()
            if place in seen:
                continue
            seen.add(place)
            yield place
            # What is preferred is put last, to be taken first.
            node, at, wildcard = place
            if wildcard == _PLAIN:
                stack += _next_plain(node, at, name)
            elif wildcard == _IN_ANY:
                stack += _next_in_any(node, at, name)
            else:
                stack += _next_in_some(node, wildcard, where)


def _positions(name: str) -> dict[str, list[int]]:
    where: dict[str, list[int]] = {}
    for at in range(len(name) - 1, -1, -1):
        where.setdefault(name[at], []).append(at)
    return where


def _next_plain(node: _Node, at: int, name: str) -> Iterator[_Place]:
    if at == len(name):
        return
    if node.any is not None:
        yield node.any, at + 1, _IN_ANY
    if node.some is not None:
        yield node.some, at + 1, at
    literal = node.literals.get(name[at])
    if literal is not None:
        yield literal, at + 1, _PLAIN


def _next_in_any(node: _Node, at: int, name: str) -> Iterator[_Place]:
    if at == len(name):
        return
    yield node, at + 1, _IN_ANY
    literal = node.literals.get(name[at])
    if literal is not None:
        yield literal, at + 1, _PLAIN


def _next_in_some(
    node: _Node, began: int, where: dict[str, list[int]]
) -> Iterator[_Place]:
    """Each literal that may follow `?` ends it where it is first met, and not at once.

    So the wildcard has one end for each; the nearest is preferred.
    """
    ends = []
    for character, child in node.literals.copy().items():
        at = _first_from(where.get(character, []), began)
        if at is not None and at > began:
            ends.append((at, child))
    ends.sort(key=lambda end: -end[0])
    for at, child in ends:
        yield child, at + 1, _PLAIN


def _first_from(descending: list[int], least: int) -> int | None:
    """Return the smallest position that is not before `least`."""
    low, high = 0, len(descending)
    while low < high:
        middle = (low + high) // 2
        if descending[middle] >= least:
            low = middle + 1
        else:
            high = middle
    return descending[low - 1] if low else None
