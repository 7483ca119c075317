"""Scope: who is in which group how often, on which node, and who is chosen."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from actors import ActorRef, actor_id, whereis
from group import (
    AlreadyStartedError,
    ConfigError,
    DeadActorError,
    Found,
    Group,
    InvalidArgumentError,
    InvalidKeyError,
    NoProcessError,
    NoSuchGroupError,
    NotJoinedError,
    NotLocalError,
    Scope,
    StoppedError,
    get,
)
from tests.group.people import PATIENCE, Listener, end_of, listeners
from tests.group.scopes import scopes, settle
from tests.group.test_patterns import VECTORS
from tests.waiting import eventually
from transport import Node

Ref = ActorRef[Listener]


@pytest.fixture
def scope() -> Iterator[Scope]:
    with Scope.start("jobs") as started:
        yield started


@pytest.fixture
def two() -> Iterator[list[Ref]]:
    with listeners(2) as refs:
        yield refs


def members(scope: Scope, name: str) -> list[object]:
    return list(scope.members(name).refs)


# Joining and leaving


def test_each_join_adds_an_occurrence(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    scope.join("g", actor=one)
    scope.join("g", actor=other, count=2)
    scope.join("g", actor=one)

    assert scope.members("g") == Found("g", (one, other, other, one))
    assert scope.join_count("g") == 4
    assert scope.join_count("g", one) == scope.join_count("g", other) == 2
    assert scope.join_count("h") == scope.join_count("h", one) == 0


def test_leaving_takes_the_oldest_occurrence(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    for ref in (one, other, one):
        scope.join("g", actor=ref)

    scope.leave("g", actor=one)

    assert members(scope, "g") == [one, other]
    scope.leave("g", actor=one, count=99)
    assert members(scope, "g") == [other]


def test_leaving_without_a_name_leaves_all_groups(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    scope.join_counts({"g": 2, "h": 1}, actor=one)
    scope.join("g", actor=other)

    scope.leave(actor=one)

    assert scope.which_groups() == ["g"]
    assert members(scope, "g") == [other]
    with pytest.raises(NotJoinedError, match="has not joined 'any group'"):
        scope.leave(actor=one)


def test_the_current_actor_joins_by_itself(scope: Scope) -> None:
    class Joiner(Listener):
        def on_start(self) -> None:
            scope.join("self")

        def on_receive(self, message: object) -> None:
            scope.leave()

    ref = Joiner.start()
    ref.ask("sync", timeout=PATIENCE)
    assert scope.which_groups() == []
    end_of(ref)


def test_counts_are_taken_back_as_they_were_given(scope: Scope, two: list[Ref]) -> None:
    one, _ = two
    scope.join_counts({"b": 3, "a": 1, "p/*": 2}, actor=one)

    counts = scope.which_groups_counts(one)
    scope.leave_counts(counts, actor=one)

    assert list(counts.items()) == [("a", 1), ("b", 3), ("p/*", 2)]
    assert scope.which_groups_counts(one) == {}
    scope.join_counts({}, actor=one)
    scope.leave_counts({}, actor=one)
    assert scope.which_groups() == []


def test_pairs_of_the_same_name_add_up(scope: Scope, two: list[Ref]) -> None:
    one, _ = two

    scope.join_counts([("g", 1), ("g", 2)], actor=one)
    assert scope.join_count("g", one) == 3
    scope.leave_counts([("g", 1), ("g", 1)], actor=one)
    assert scope.join_count("g", one) == 1
    scope.leave_counts([("g", 5), ("g", 5)], actor=one)
    assert scope.which_groups() == []


@pytest.mark.parametrize("count", [0, -1, True, 1.0, "1", None, 10**6 + 1])
def test_a_batch_with_a_wrong_count_does_nothing(
    scope: Scope, two: list[Ref], count: object
) -> None:
    one, _ = two
    loose: Any = scope
    loose.join("g", actor=one)

    with pytest.raises(InvalidArgumentError, match="count of 'h' must be an integer"):
        loose.join_counts({"g": 1, "h": count}, actor=one)
    with pytest.raises(InvalidArgumentError):
        loose.leave_counts({"g": 1, "h": count}, actor=one)
    with pytest.raises(InvalidArgumentError):
        loose.join("h", actor=one, count=count)

    assert scope.which_groups_counts(one) == {"g": 1}


def test_a_batch_with_a_group_that_was_not_joined_does_nothing(
    scope: Scope, two: list[Ref]
) -> None:
    one, other = two
    scope.join("g", actor=one)
    scope.join("h", actor=other)

    with pytest.raises(NotJoinedError, match="has not joined 'h'"):
        scope.leave_counts({"g": 1, "h": 1}, actor=one)

    assert scope.which_groups_counts(one) == {"g": 1}


def test_nobody_is_in_a_group_too_often(scope: Scope, two: list[Ref]) -> None:
    one, _ = two
    scope.join("g", actor=one, count=10**6)

    with pytest.raises(InvalidArgumentError, match="more than 1000000 times"):
        scope.join("g", actor=one)
    with pytest.raises(InvalidArgumentError):
        scope.join_counts([("h", 10**6), ("h", 10**6)], actor=one)
    assert scope.join_count("g") == 10**6


@pytest.mark.parametrize("name", ["", "a**", "a?", "*?", 1, None, "k" * 1025])
def test_a_name_that_cannot_be_is_refused(
    scope: Scope, two: list[Ref], name: object
) -> None:
    loose: Any = scope
    with pytest.raises(InvalidKeyError):
        loose.join(name, actor=two[0])
    with pytest.raises(InvalidKeyError):
        loose.on_join(name, print)
    assert scope.which_groups() == []


def test_an_actor_that_ends_is_in_no_group(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    scope.join_counts({"g": 2, "h": 1}, actor=one)
    scope.join("g", actor=other)

    end_of(one)

    eventually(lambda: scope.which_groups() == ["g"], what="one is gone")
    assert members(scope, "g") == [other]
    with pytest.raises(DeadActorError):
        scope.join("g", actor=one)


# Reading


def test_a_group_that_nobody_is_in_is_no_group(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    scope.join("g", actor=one)

    for name in ("h", "", "g/"):
        with pytest.raises(NoSuchGroupError):
            scope.members(name)
        with pytest.raises(NoSuchGroupError):
            scope.pick(name, "random")
    with pytest.raises(NoSuchGroupError):
        scope.members("g", exclude=one)
    with pytest.raises(NoSuchGroupError):
        scope.members("g", where="remote")
    with pytest.raises(NoProcessError):
        scope.pick("g", "random", exclude=one)
    with pytest.raises(NoProcessError):
        scope.pick("g", "closest", where="remote")
    assert scope.pick("g", "furthest", exclude=other) == ("g", one)


@pytest.mark.parametrize(("stored", "asked"), VECTORS)
def test_a_name_leads_to_the_group_of_the_vectors(
    scope: Scope, two: list[Ref], stored: str, asked: dict[str, str | None]
) -> None:
    one, _ = two
    scope.join_counts(dict.fromkeys(stored.split(), 1), actor=one)

    def leads_to(name: str) -> str | None:
        try:
            group = scope.members(name).group
        except NoSuchGroupError:
            return None
        assert scope.pick(name, "oldest") == (group, one)
        assert scope.snapshot().members(name) == (group, (one,))
        return group

    assert {name: leads_to(name) for name in asked} == asked


def test_a_literal_name_wins_even_if_nobody_there_qualifies(
    scope: Scope, two: list[Ref]
) -> None:
    one, other = two
    scope.join("a*", actor=other)
    scope.join("abc", actor=one)

    with pytest.raises(NoProcessError):
        scope.pick("abc", "random", exclude=one)
    assert scope.pick("abd", "random") == ("a*", other)
    scope.leave("abc", actor=one)
    assert scope.pick("abc", "random") == ("a*", other)


def test_exact_verbs_take_the_names_of_patterns(scope: Scope, two: list[Ref]) -> None:
    one, _ = two
    scope.join("a*", actor=one, count=2)

    assert (scope.join_count("a*"), scope.join_count("ab")) == (2, 0)
    with pytest.raises(NotJoinedError):
        scope.leave("ab", actor=one)
    scope.leave("a*", actor=one)
    assert scope.which_groups(one) == ["a*"]


def test_plain_names_mean_themselves(two: list[Ref]) -> None:
    one, _ = two
    with Scope.start("jobs", storage="plain") as scope:
        scope.join_counts({"a**": 1, "b?": 1, "*": 1}, actor=one)

        assert scope.members("a**") == ("a**", (one,))
        assert scope.snapshot().pick("*", "random") == ("*", one)
        with pytest.raises(NoSuchGroupError):
            scope.members("abc")


def test_nodes_that_store_names_differently_do_not_meet() -> None:
    with (
        Node.start("a") as a,
        Node.start("b", join=[a.address]) as b,
        Scope.start("jobs", node=a),
        Scope.start("jobs", node=b, storage="plain") as plain,
        Scope.start("others", node=a),
        Scope.start("others", node=b) as others,
    ):
        eventually(others.nodes, PATIENCE, what="the others meet")
        assert plain.nodes() == []


def test_a_choice_goes_by_the_number_of_joins(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    scope.join("g", actor=one, count=3)
    scope.join("g", actor=other)

    picked = Counter(scope.pick("g", "random").ref for _ in range(4_000))

    assert 2_750 < picked[one] < 3_250
    assert {scope.pick("g", "random", exclude=one).ref for _ in range(99)} == {other}


def test_oldest_and_newest_go_by_occurrences(scope: Scope, two: list[Ref]) -> None:
    one, other = two
    for ref in (one, other, one):
        scope.join("g", actor=ref)

    assert scope.pick("g", "oldest").ref == scope.pick("g", "newest").ref == one
    scope.leave("g", actor=one)
    assert scope.pick("g", "oldest").ref == other
    assert scope.pick("g", "newest").ref == one
    assert scope.pick("g", "newest", exclude=one).ref == other


# Two nodes


def test_nodes_see_each_others_occurrences_alike() -> None:
    with scopes("a", "b") as (a, b), listeners(2) as (mine, theirs):
        a.join("g", actor=mine, count=2)
        settle(a)
        b.join_counts({"g": 1, "p*": 1}, actor=theirs)
        settle(b)
        a.join("g", actor=mine)
        settle(a)

        for scope in (a, b):
            assert members(scope, "g") == [mine, theirs, mine, mine]
            assert scope.pick("g", "oldest").ref == mine
            assert scope.pick("g", "oldest", exclude=mine).ref == theirs
            assert scope.which_groups_counts(theirs) == {"g": 1, "p*": 1}
            assert scope.members("px") == ("p*", (theirs,))
        assert a.members("g", where="local").refs == (mine, mine, mine)
        assert a.members("g", where="remote").refs == (theirs,)
        assert a.pick("g").ref == mine
        assert a.pick("g", "furthest").ref == theirs
        assert b.pick("g", where="remote").ref == mine


def test_actors_of_other_nodes_cannot_be_put_into_groups() -> None:
    with scopes("a", "b") as (a, b), listeners() as (mine,):
        a.join("g", actor=mine)
        settle(a)
        far = b.pick("g").ref

        for verb in (b.join, b.leave):
            with pytest.raises(NotLocalError):
                verb("g", actor=far)
        assert b.join_count("g", far) == 1


def test_a_stopped_scopes_occurrences_go_elsewhere() -> None:
    with scopes("a", "b") as (a, b), listeners() as (mine,):
        a.join("g", actor=mine)
        settle(a)
        assert b.which_groups() == ["g"]

        a.stop()

        eventually(lambda: b.which_groups() == [], what="b has purged a")
        for call in (a.which_groups, a.snapshot, lambda: a.join("g", actor=mine)):
            with pytest.raises(StoppedError):
                call()


# Life


def test_a_scope_and_a_group_of_one_name_are_two(two: list[Ref]) -> None:
    with (
        Node.start("a") as node,
        Scope.start("app", node=node) as scope,
        Group.start("app", node=node, log=False) as group,
    ):
        scope.join("k", actor=two[0])
        group.join("k", actor=two[1])

        assert scope.pick("k").ref == two[0]
        assert group.pick("k").ref == two[1]
        assert get("app") is group
        ops = whereis("app/ops@a")
        assert ops is not None
        answer: Any = ops.ask(("members", "k", None), timeout=PATIENCE)
        assert answer[2][0]["id"] == actor_id(two[1])
        with pytest.raises(AlreadyStartedError):
            Scope.start("app", node=node)


def test_what_cannot_be_a_scope_is_refused() -> None:
    start: Any = Scope.start
    with pytest.raises(InvalidArgumentError, match="storage must be 'patterns' or"):
        start("jobs", storage="trie")
    with pytest.raises(ConfigError):
        start("")


def test_what_is_no_actor_is_refused(scope: Scope, two: list[Ref]) -> None:
    loose: Any = scope
    scope.join("g", actor=two[0])

    with pytest.raises(TypeError, match="is no actor ref"):
        loose.pick("g", "random", exclude="me")
    with pytest.raises(TypeError, match="is no actor ref"):
        loose.members("g", exclude=1)
    with pytest.raises(TypeError, match="is no actor ref"):
        loose.join_count("g", "me")
    with pytest.raises(TypeError, match="is no actor ref"):
        loose.which_groups("me")
