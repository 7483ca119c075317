"""Names with wildcards: the written rules, and a slow matcher that is plainly right.

`PATTERN_SETS=100000 pytest tests/group/test_patterns.py` tries so many random sets.
"""

import itertools
import os
import random
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from group._core.errors import InvalidKeyError
from group._core.patterns import Patterns, check_group_name, has_wildcard
from tests.collecting import MANY, at_each_collection

SETS = int(os.environ.get("PATTERN_SETS", "1000"))

# Stored names, then what each asked name leads to.
VECTORS: list[tuple[str, dict[str, str | None]]] = [
    ("a*", {"a": None, "ab": "a*", "abc": "a*", "b": None}),
    ("*", {"x": "*", "": None}),
    ("*a", {"a": None, "xa": "*a", "xax": None, "aaaa": "*a"}),
    ("a*c", {"ac": None, "abc": "a*c", "abcc": "a*c", "abcd": None}),
    ("a*c*", {"abc": None, "abcd": "a*c*"}),
    ("a* ab*", {"abc": "ab*", "ab": "a*", "ac": "a*"}),
    ("a* *c", {"abc": "a*"}),
    ("a*c ab*", {"abc": "ab*"}),
    ("a*c a*", {"abc": "a*c", "abd": "a*"}),
    ("a*c a*bc", {"axxbc": "a*bc"}),
    ("* abc", {"abc": "abc", "ab": "*", "abcd": "*"}),
    ("/users/*/get /users/admin/*", {"/users/admin/get": "/users/admin/*"}),
    ("/users/* /users/*/get", {"/users/a/b/get": "/users/*/get"}),
    (
        "* aa* aa*b aa*a* aaaaa",
        {
            "aa": "*",
            "aab": "aa*",
            "aabb": "aa*b",
            "aabab": "aa*a*",
            "aaaa": "aa*",
            "aaaaa": "aaaaa",
        },
    ),
    ("ab*y a*z", {"abz": "a*z"}),
    ("a*b a*b*", {"axbb": "a*b*"}),
    ("/users/?/ /users/*/", {"/users/a/": "/users/?/", "/users/a/b/": "/users/*/"}),
    ("a?c", {"abc": "a?c", "ac": None, "acc": None, "abcc": None}),
    ("a* abc", {"a*": None}),
    # Where the trie of CPG is wrong, and the rule is not.
    ("*a *a*", {"ba": "*a"}),
]


def winner(stored: set[str], asked: str) -> str | None:
    """Lead a name to a group as a scope does: literal first."""
    if asked in stored and not has_wildcard(asked):
        return asked
    return Patterns(name for name in stored if has_wildcard(name)).match(asked)


@pytest.mark.parametrize(
    ("stored", "asked", "expected"),
    [(s, asked, won) for s, asks in VECTORS for asked, won in asks.items()],
)
def test_a_name_leads_to_the_group_of_the_vectors(
    stored: str, asked: str, expected: str | None
) -> None:
    assert winner(set(stored.split()), asked) == expected


def test_wildcards_stand_for_slashes_and_newlines_too() -> None:
    patterns = Patterns(["a*z", "b?y"])

    assert patterns.match("a/\n/z") == "a*z"
    assert patterns.match("b/\n/y") == "b?y"


@pytest.mark.parametrize(
    "name", ["", "a**", "a??b", "a*?b", "a?*", "?", "a?", 1, None, b"a*", ["a"]]
)
def test_a_name_that_makes_no_pattern_is_refused(name: object) -> None:
    with pytest.raises(InvalidKeyError):
        check_group_name(name)


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(InvalidKeyError, match=r"'a\*\*b' has '\*\*'; put a character"):
        check_group_name("a**b")
    with pytest.raises(InvalidKeyError, match=r"ends in '\?'.*use '\*'"):
        check_group_name("a?")


@pytest.mark.parametrize("name", ["a", "*", "a*", "?a", "*a*", "a?b*", "/users/?/"])
def test_a_good_name_is_given_back(name: str) -> None:
    assert check_group_name(name) == name


# The slow matcher: every pattern, every way to lay it over the name.

LITERAL, OPEN_SOME, OPEN_ANY, SWALLOW = range(4)
Labels = tuple[int, ...]


def alignments(pattern: str, name: str) -> Iterator[Labels]:
    """Yield the labels of each way in which a pattern takes all of a name."""
    if not pattern:
        if not name:
            yield ()
        return
    first, rest = pattern[0], pattern[1:]
    if first not in "*?":
        if name.startswith(first):
            yield from ((LITERAL, *more) for more in alignments(rest, name[1:]))
        return
    for length in range(1, len(name) + 1):
        taken = name[:length]
        if first == "?" and rest[0] in taken:
            break
        label = OPEN_ANY if first == "*" else OPEN_SOME
        labels = (label, *(length - 1) * (SWALLOW,))
        yield from ((*labels, *more) for more in alignments(rest, name[length:]))


def slow_winner(stored: set[str], asked: str) -> str | None:
    if not asked or has_wildcard(asked):
        return None
    found = [(labels, name) for name in stored for labels in alignments(name, asked)]
    return min(found)[1] if found else None


def as_regex(pattern: str) -> str:
    """The rules of `*` and `?` in the words of another language."""
    parts = []
    for at, character in enumerate(pattern):
        if character == "*":
            parts.append(".+")
        elif character == "?":
            parts.append(f"[^{re.escape(pattern[at + 1])}]+")
        else:
            parts.append(re.escape(character))
    return "".join(parts)


def is_good(name: str) -> bool:
    try:
        check_group_name(name)
    except InvalidKeyError:
        return False
    return True


stored_names = st.text("ab*?", min_size=1, max_size=7).filter(is_good)
asked_names = st.text("abc", max_size=9)


@settings(max_examples=300, deadline=None)
@given(st.sets(stored_names, max_size=6), st.lists(asked_names, min_size=1, max_size=6))
def test_any_set_of_patterns_leads_where_the_slow_matcher_leads(
    stored: set[str], asked: list[str]
) -> None:
    for name in asked:
        assert winner(stored, name) == slow_winner(stored, name)


@pytest.mark.timeout(600)
def test_many_random_sets_lead_where_the_slow_matcher_leads(seed: int) -> None:
    draw, matches = random.Random(seed), 0

    for _ in range(SETS):
        stored = {drawn(draw, "aab*?/", 7) for _ in range(draw.randint(1, 6))}
        stored = {name for name in stored if is_good(name)}
        for asked in (drawn(draw, "aab/c", 9) for _ in range(4)):
            found = winner(stored, asked)
            matches += found is not None
            assert found == slow_winner(stored, asked), (stored, asked)

    print(f"{SETS} sets, {matches} matches")
    assert matches > SETS / 4


def drawn(draw: random.Random, letters: str, most: int) -> str:
    return "".join(draw.choices(letters, k=draw.randint(0, most)))


@given(stored_names, asked_names)
def test_the_slow_matcher_agrees_with_regular_expressions(
    pattern: str, asked: str
) -> None:
    matched = re.fullmatch(as_regex(pattern), asked, re.DOTALL) is not None

    assert (slow_winner({pattern}, asked) is not None) == matched


@given(st.lists(st.tuples(st.booleans(), stored_names), max_size=20), asked_names)
def test_patterns_that_went_leave_nothing_behind(
    changes: list[tuple[bool, str]], asked: str
) -> None:
    patterns, kept = Patterns(), set[str]()

    for adding, name in changes:
        if adding:
            patterns.add(name)
            kept.add(name)
        else:
            patterns.discard(name)
            kept.discard(name)

    assert patterns.match(asked) == slow_winner(kept, asked)
    for name in kept:
        patterns.discard(name)
    assert patterns._root.empty


def test_hostile_patterns_take_no_more_steps_than_nodes_times_positions() -> None:
    hostile = ["*a" * length + "b" for length in range(1, 15)]
    hostile += ["?b" + "*a" * length + "c" for length in range(1, 15)]
    nodes = sum(len(pattern) for pattern in hostile) + 1
    asked = "b" + "ab" * 5 + "a" * 40

    steps = Patterns(hostile).steps(asked)

    # Without a memory of what was searched it would be some 10 ** 11.
    assert steps <= nodes * (len(asked) + 1) * 2
    assert Patterns(hostile).match(asked) is None


def test_a_search_does_not_look_at_all_patterns() -> None:
    many = Patterns(f"/room/{number}/*" for number in range(10_000))

    assert many.match("/room/4711/x") == "/room/4711/*"
    assert many.steps("/room/4711/x") < 30


def test_patterns_may_come_while_a_name_is_matched() -> None:
    patterns = Patterns(("?z",))
    more = (f"?{chr(number)}" for number in itertools.count(0x4E00))
    for _ in range(MANY):
        patterns.add(next(more))

    with at_each_collection(lambda: patterns.add(next(more))):
        found = patterns.match("az")

    assert found == "?z"
    assert patterns.match("a" + chr(0x4E00 + MANY)) is not None
