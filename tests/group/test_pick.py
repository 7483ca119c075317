"""Group.pick: whom it chooses, what it refuses, and what it does not do."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from actors import ActorRef
from group import (
    Group,
    InvalidArgumentError,
    InvalidKeyError,
    NoProcessError,
    NoSuchGroupError,
    StoppedError,
)
from group._core.choosing import How, Where
from group._tree.runner import Runner
from tests.group.people import AnyRef, Listener, groups, listeners, settle

KEY = "workers"
HOWS: tuple[How, ...] = ("closest", "furthest", "random", "oldest", "newest")


class Crew:
    """Three workers on a, then three on b; the groups of both nodes."""

    def __init__(self, a: Group, b: Group, refs: list[ActorRef[Listener]]) -> None:
        self.a, self.b = a, b
        self.on_a, self.on_b = refs[:3], refs[3:]
        for ref in self.on_a:
            a.join(KEY, {"on": "a"}, actor=ref)
        settle(a)
        for ref in self.on_b:
            b.join(KEY, {"on": "b"}, actor=ref)
        settle(b)


@pytest.fixture
def crew() -> Iterator[Crew]:
    with groups("a", "b") as (a, b), listeners(6) as refs:
        yield Crew(a, b, refs)


def picked(
    g: Group,
    how: How,
    times: int = 60,
    *,
    where: Where = "any",
    exclude: AnyRef | None = None,
) -> set[AnyRef]:
    return {g.pick(KEY, how, where=where, exclude=exclude).ref for _ in range(times)}


def test_the_closest_is_of_this_node_and_the_furthest_of_another(crew: Crew) -> None:
    assert picked(crew.a, "closest") == set(crew.on_a)
    assert picked(crew.b, "closest") == set(crew.on_b)
    assert picked(crew.a, "furthest") == set(crew.on_b)
    assert picked(crew.a, "closest", where="remote") == set(crew.on_b)
    assert picked(crew.a, "random", 200) == {*crew.on_a, *crew.on_b}
    assert crew.a.pick(KEY).ref in crew.on_a


def test_the_closest_is_of_another_node_when_there_is_none_here(crew: Crew) -> None:
    for ref in crew.on_a[:2]:
        crew.a.leave(KEY, actor=ref)
    alone = crew.on_a[2]

    assert picked(crew.a, "closest", exclude=alone) == set(crew.on_b)
    assert picked(crew.a, "random", where="local") == {alone}
    with pytest.raises(NoProcessError, match="no actor of group 'workers' fits"):
        crew.a.pick(KEY, where="local", exclude=alone)


def test_all_nodes_agree_on_the_oldest_and_the_newest(crew: Crew) -> None:
    for g in (crew.a, crew.b):
        assert g.pick(KEY, "oldest").ref == crew.on_a[0]
        assert g.pick(KEY, "newest").ref == crew.on_b[2]
        assert g.pick(KEY, "oldest", exclude=crew.on_a[0]).ref == crew.on_a[1]
    assert crew.a.pick(KEY, "newest", where="local").ref == crew.on_a[2]
    assert crew.b.pick(KEY, "newest", where="remote").ref == crew.on_a[2]


def test_new_meta_makes_nobody_younger(crew: Crew) -> None:
    crew.a.join(KEY, {"on": "a", "again": True}, actor=crew.on_a[0])
    settle(crew.a)

    for g in (crew.a, crew.b):
        entry = g.pick(KEY, "oldest")
        assert (entry.ref, entry.meta["again"]) == (crew.on_a[0], True)


def test_who_joins_again_is_the_newest_on_every_node(crew: Crew) -> None:
    crew.a.leave(KEY, actor=crew.on_a[0])
    crew.a.join(KEY, actor=crew.on_a[0])
    settle(crew.a)

    for g in (crew.a, crew.b):
        assert g.pick(KEY, "newest").ref == crew.on_a[0]
        assert g.pick(KEY, "oldest").ref == crew.on_a[1]


def test_a_key_that_nobody_has_joined_is_no_group(crew: Crew) -> None:
    crew.a.register("owned", actor=crew.on_a[0])

    for key in ("nobody", "owned", "workers/"):
        with pytest.raises(NoSuchGroupError):
            crew.a.pick(key)
    with pytest.raises(NoSuchGroupError):
        crew.a.pick(KEY, cluster="red")


def test_a_cluster_has_groups_of_its_own(crew: Crew) -> None:
    with crew.a.connect("red") as red:
        red.join(KEY, actor=crew.on_a[1])

        assert red.pick(KEY).ref == crew.on_a[1]
        assert crew.a.pick(KEY, "newest", cluster="red").ref == crew.on_a[1]
        with pytest.raises(NoProcessError):
            red.pick(KEY, where="remote")


def test_wrong_words_are_refused(crew: Crew) -> None:
    loose: Any = crew.a
    for how in ("nearest", None, 1, ["oldest"]):
        with pytest.raises(InvalidArgumentError, match="how must be one of closest, "):
            loose.pick(KEY, how)
    with pytest.raises(InvalidArgumentError, match="where must be one of any, local"):
        loose.pick(KEY, where="here")
    with pytest.raises(InvalidKeyError):
        loose.pick("")
    with pytest.raises(TypeError, match="'me' is no actor ref"):
        loose.pick(KEY, exclude="me")


def test_a_stopped_group_says_so() -> None:
    g = Group.start("app", log=False)
    g.stop()

    with pytest.raises(StoppedError):
        g.pick(KEY)


def test_a_pick_takes_no_lock_and_sends_no_message(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = crew.a._instance
    me, sent = threading.get_ident(), list[str]()

    def note(*_: object) -> None:
        # The shards' own heartbeat goes on, in its thread.
        if threading.get_ident() == me:
            sent.append("message")

    assert instance.channel is not None
    monkeypatch.setattr(instance.channel, "send", note)
    monkeypatch.setattr(Runner, "enqueue", note)

    with ExitStack() as stack:
        # Who took any of these would wait for ever.
        stack.enter_context(instance.directory._lock)
        for runner in instance.runners:
            stack.enter_context(runner._turn)
        for how in HOWS:
            assert picked(crew.a, how, 5, exclude=crew.on_b[0])

    assert sent == []
