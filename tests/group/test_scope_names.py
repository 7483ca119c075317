"""Via names: where they lead, and pools of N under one name."""

from collections.abc import Iterator

import pytest

from actors import AnyRef
from group import InvalidArgumentError, NoProcessError, NotJoinedError, Scope
from tests.group.people import Listener, heard_by, listeners
from tests.group.scopes import scopes, settle


@pytest.fixture
def pair() -> Iterator[tuple[Scope, Scope]]:
    with scopes("a", "b") as (a, b):
        yield a, b


def test_a_name_leads_to_an_actor_of_this_node(pair: tuple[Scope, Scope]) -> None:
    a, b = pair
    with listeners(2) as (mine, theirs):
        assert a.register_name("g", actor=mine)
        settle(a)
        assert b.register_name(("local", "g"), actor=theirs)
        settle(b)

        for via in ("g", ("local", "g"), ("local", "g", "random"), ("g", 1)):
            assert (a.whereis_name(via), b.whereis_name(via)) == (mine, theirs)
        assert b.whereis_name(("local", "g", "oldest")) == theirs


def test_a_global_name_leads_to_the_oldest_of_all(pair: tuple[Scope, Scope]) -> None:
    a, b = pair
    with listeners(2) as (mine, theirs):
        b.register_name(("global", "g"), actor=theirs)
        settle(b)
        a.register_name(("global", "g"), actor=mine)
        settle(a)

        for via in (("global", "g"), ("global", "g", "oldest")):
            assert a.whereis_name(via) == b.whereis_name(via) == theirs
        found = {a.whereis_name(("global", "g", "random")) for _ in range(99)}
        assert found == {mine, theirs}


def test_a_pool_of_n_takes_n_under_one_name(pair: tuple[Scope, Scope]) -> None:
    a, b = pair
    with listeners(6) as refs:

        def fill(scope: Scope, via: object, some: list[AnyRef]) -> int:
            """Start a server as long as the name leads to nobody."""
            started = 0
            for ref in some:
                if scope.whereis_name(via) is None:
                    scope.register_name(via, actor=ref)
                    started += 1
            settle(scope)
            return started

        assert fill(a, ("local", "here", 2), [*refs[:3]]) == 2
        assert fill(b, ("here", 2), [*refs[3:]]) == 2
        assert fill(a, ("global", "all", 4), [*refs[:3]]) == 3
        assert fill(b, ("global", "all", 4), [*refs[3:]]) == 1
        assert a.whereis_name(("here", 2)) in refs[:2]
        assert a.whereis_name(("here", 3)) is None
        assert a.whereis_name(("global", "here", 4)) is not None


def test_the_number_of_a_pool_counts_occurrences(pair: tuple[Scope, Scope]) -> None:
    a, _ = pair
    with listeners() as (one,):
        a.join("g", actor=one, count=2)

        assert a.whereis_name(("g", 2)) == one
        assert a.whereis_name(("g", 3)) is None


def test_a_message_goes_where_the_name_leads(pair: tuple[Scope, Scope]) -> None:
    a, b = pair
    with listeners() as (one,):
        a.register_name("p/*", actor=one)
        settle(a)

        assert a.send("p/x", "hello") == one
        assert b.send(("global", "p/y"), "there") == one

        assert heard_by(one)[:1] == ["hello"]
        with pytest.raises(NoProcessError):
            b.send("p/x", "nobody here")
        with pytest.raises(NoProcessError):
            a.send("q", "nobody at all")
        a.unregister_name("p/*", actor=one)
        assert a.whereis_name("p/x") is None
        with pytest.raises(NotJoinedError):
            a.unregister_name("p/*", actor=one)


class Registrar(Listener):
    """Registers itself, as servers do when they start."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def on_start(self) -> None:
        self.scope.register_name("me")


def test_an_actor_registers_itself() -> None:
    with Scope.start("jobs") as scope:
        ref = Registrar.start(scope)
        ref.ask("started?", timeout=5)

        assert scope.whereis_name("me") == ref
        ref.stop()


@pytest.mark.parametrize(
    "via",
    [
        *(None, 1, ("g",), ("near", "g"), ("g", 0), ("g", -1), ("g", True)),
        *((1, "g"), ("local", "g", "newest"), ("local", "g", 0), ("g", 1.0)),
        *(("local", "g", None), ("local", "g", 1, 1), (1, 1), ()),
    ],
)
def test_what_is_no_via_name_is_refused(via: object) -> None:
    with Scope.start("jobs") as scope, listeners() as (one,):
        for verb in (scope.whereis_name, lambda v: scope.send(v, "x")):
            with pytest.raises(InvalidArgumentError, match="is no via name; say"):
                verb(via)
        with pytest.raises(InvalidArgumentError):
            scope.register_name(via, actor=one)
