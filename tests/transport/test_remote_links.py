"""Links across nodes, when links of the other kind break and return."""

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from actors import (
    Crash,
    Exit,
    NodeDown,
    link,
    mailbox,
    monitor,
    on_down,
    register_name,
    unlink,
)
from actors import exit as send_exit
from tests.collecting import MANY, at_each_collection
from tests.transport.memory import MemoryNode
from tests.transport.people import (
    AnyRef,
    Fail,
    Trapper,
    linked,
    seen_from,
    users,
)
from tests.waiting import eventually
from transport import RemoteActorRef

Pair = tuple[MemoryNode, MemoryNode]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with linked("web2", "web1") as nodes:
        yield nodes


@pytest.fixture
def mine() -> Iterator[AnyRef]:
    """An actor of the second node."""
    with users(1, Trapper) as (ref,):
        yield ref


@pytest.fixture
def user() -> Iterator[AnyRef]:
    """An actor of the first node, which does not trap exits."""
    with users() as (ref,):
        yield ref


@pytest.fixture
def trapper() -> Iterator[AnyRef]:
    """An actor of the first node that traps exits."""
    with users(1, Trapper) as (ref,):
        yield ref


def heard(ref: AnyRef) -> list[Any]:
    found: list[Any] = ref.proxy().heard.get(timeout=5)
    return found


def settled(*nodes: MemoryNode) -> None:
    for _ in range(3):
        for node in nodes:
            node.settle()


def ties(node: MemoryNode) -> int:
    return len(node.traffic._ties)


def test_the_loss_of_the_node_is_an_exit_at_both_ends(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, trapper)
    link(far, me=mine)
    settled(*pair)

    home.lose(away, "connection reset")

    assert heard(mine) == [Exit(far, NodeDown("web2", "connection reset"))]
    (there,) = heard(trapper)
    assert isinstance(there, Exit)
    assert there.reason == NodeDown("web1", "connection reset")
    assert there.ref == mine
    assert ties(home) == ties(away) == 0


def test_linking_with_a_lost_node_is_an_exit_at_once(
    pair: Pair, user: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    home.lose(away, "gone")

    link(far, me=mine)

    assert heard(mine) == [Exit(far, NodeDown("web2", "gone"))]


def test_the_one_that_was_linked_can_unlink_too(
    pair: Pair, user: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    link(far, me=mine)
    settled(*pair)

    unlink(
        home.traffic.refs.ref(away.id, away.traffic.locals.adopt(mine), "Trapper"),
        me=user,
    )
    settled(*pair)
    assert ties(home) == ties(away) == 0
    user.tell(Fail(ValueError("bad day")))
    eventually(lambda: not user.is_alive())
    settled(*pair)

    assert heard(mine) == []


def test_after_an_unlink_the_other_end_can_link_again(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far, back = seen_from(away, home, trapper), seen_from(home, away, mine)
    link(far, me=mine)
    settled(*pair)
    unlink(far, me=mine)
    settled(*pair)

    link(back, me=trapper)
    settled(*pair)
    mine.stop()
    settled(*pair)

    eventually(lambda: heard(trapper) == [Exit(back, "normal")])


def test_unlink_leaves_nothing_behind(pair: Pair, user: AnyRef, mine: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    link(far, me=mine)
    settled(*pair)
    assert (ties(home), ties(away)) == (1, 1)

    unlink(far, me=mine)
    settled(*pair)

    assert (ties(home), ties(away)) == (0, 0)


def test_two_that_link_each_other_at_once_hear_of_the_end_once(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, trapper)
    back = seen_from(home, away, mine)

    link(far, me=mine)
    link(back, me=trapper)
    settled(*pair)
    trapper.stop()
    settled(*pair)

    eventually(lambda: heard(mine))
    assert heard(mine) == [Exit(far, "normal")]
    assert ties(home) == ties(away) == 0


def test_an_unlink_and_a_new_link_bring_one_exit(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, trapper)
    for _ in range(3):
        link(far, me=mine)
        unlink(far, me=mine)
    link(far, me=mine)
    settled(*pair)

    trapper.stop()
    settled(*pair)

    eventually(lambda: heard(mine))
    assert heard(mine) == [Exit(far, "normal")]


def test_an_end_while_the_connection_is_broken_is_heard_when_it_is_back(
    pair: Pair, user: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    link(far, me=mine)
    settled(*pair)
    home.cut(away)

    # The last of its watchers: all others have been told by then.
    ended = threading.Event()
    on_down(user, lambda _: ended.set())
    user.tell(Fail(ValueError("bad day")))
    assert ended.wait(5)
    home.connect(away)
    settled(*pair)

    eventually(lambda: heard(mine))
    (there,) = heard(mine)
    assert isinstance(there, Exit)
    assert isinstance(there.reason, Crash)
    assert there.reason.message == "bad day"


def test_the_other_end_hears_of_it_too_when_the_connection_is_back(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    link(seen_from(away, home, trapper), me=mine)
    settled(*pair)
    home.cut(away)

    mine.stop()
    home.connect(away)
    settled(*pair)

    eventually(lambda: heard(trapper))
    (there,) = heard(trapper)
    assert isinstance(there, Exit)
    assert there.reason == "normal"


def test_an_unlink_while_the_connection_is_broken_holds_at_both_ends(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, trapper)
    link(far, me=mine)
    settled(*pair)
    home.cut(away)

    unlink(far, me=mine)
    home.connect(away)
    settled(*pair)

    assert ties(home) == ties(away) == 0
    mine.stop()
    settled(*pair)
    assert heard(trapper) == []


def test_a_name_can_be_linked(pair: Pair, user: AnyRef, mine: AnyRef) -> None:
    _, away = pair
    register_name("linked", user)
    named = away.traffic.actor("web2", "linked")

    link(named, me=mine)
    settled(*pair)
    user.stop()
    settled(*pair)

    eventually(lambda: heard(mine) == [Exit(named, "normal")])


def test_a_name_can_be_linked_through_any_node_of_its_interpreter(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    _, away = pair
    third = MemoryNode("third")
    third.traffic.locals.adopt(trapper)
    register_name("linked", trapper)
    named = away.traffic.actor("web2", "linked")

    link(named, me=mine)
    settled(*pair)
    mine.stop()
    settled(*pair)

    eventually(lambda: [exit_.reason for exit_ in heard(trapper)] == ["normal"])
    third.stop()


def test_an_exit_signal_says_who_sent_it(pair: Pair, trapper: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, trapper)
    with mailbox() as me:
        send_exit(far, "shutdown")
        settled(*pair)

        (there,) = heard(trapper)
        assert isinstance(there, Exit)
        assert there.reason == "shutdown"
        assert there.ref == me.ref


def test_an_exit_signal_to_a_lost_node_is_dropped(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    home.lose(away)

    send_exit(far, "kill")

    settled(*pair)
    assert user.is_alive()


def test_a_killed_end_spreads_as_killed(pair: Pair, user: AnyRef, mine: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    link(far, me=mine)
    settled(*pair)
    with mailbox() as me:
        monitor(far)

        send_exit(far, "kill")

        assert me.receive(timeout=5).reason == "killed"
    eventually(lambda: heard(mine) == [Exit(far, "killed")])


def test_a_link_that_finds_the_connection_broken_is_an_exit(
    pair: Pair, user: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    away.broken = True

    link(far, me=mine)

    assert heard(mine) == [Exit(far, NodeDown("web2", "never linked"))]
    assert ties(away) == 0


def test_an_exit_signal_of_another_nodes_actor_is_unsigned(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, trapper)
    home.traffic.locals.adopt(mine)

    away.traffic.send_exit(_remote(far), mine, "shutdown")
    settled(*pair)

    assert heard(trapper) == [Exit(None, "shutdown")]


def _remote(ref: AnyRef) -> RemoteActorRef:
    assert isinstance(ref, RemoteActorRef)
    return ref


def test_links_may_come_while_those_with_a_node_are_asked_for_again(
    pair: Pair, trapper: AnyRef, mine: AnyRef
) -> None:
    home, away = pair
    link(seen_from(away, home, trapper), me=mine)
    settled(home, away)
    links = away.traffic._ties
    ((key, tie),) = links._ties.items()
    ids = itertools.count(key.id + 1)
    sent = len(away.frames)

    def link_another() -> None:
        links._ties[key._replace(node_id=away.id, id=next(ids))] = tie

    for _ in range(MANY):
        link_another()
    with at_each_collection(link_another):
        links.node_up(home.id)

    assert away.frames[sent:] == [home.id]
    assert len(links) > MANY + 1
    # Nobody else knows of the others: the node's end would miss them elsewhere.
    links._ties = {key: tie}
