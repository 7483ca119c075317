"""Deaths on another node, across losses and returns of that node."""

import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from actors import (
    ActorRef,
    Crash,
    Down,
    Mailbox,
    NodeDown,
    demonitor,
    mailbox,
    monitor,
    register_name,
)
from actors import exit as send_exit
from tests.collecting import MANY, at_each_collection
from tests.transport.memory import MemoryNode
from tests.transport.people import (
    AnyRef,
    User,
    linked,
    plain_actor,
    seen_from,
    users,
)
from tests.waiting import eventually
from transport._remote import headers

Pair = tuple[MemoryNode, MemoryNode]


@pytest.fixture
def pair() -> Iterator[Pair]:
    with linked("web2", "web1") as nodes:
        yield nodes


@pytest.fixture
def user() -> Iterator[ActorRef[User]]:
    with users() as (ref,):
        yield ref


@pytest.fixture
def me() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


def nothing_more(me: Mailbox, *nodes: MemoryNode) -> bool:
    """Tell whether the mailbox is empty once all that was under way has arrived."""
    for _ in range(2):
        for node in nodes:
            node.settle()
    me.ref.tell("marker")
    return bool(me.receive(timeout=5) == "marker")


def watches(node: MemoryNode) -> int:
    return len(node.traffic._monitors)


def test_the_loss_of_the_node_is_a_death_once(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    watch = monitor(far)

    home.lose(away, "connection reset")
    user.stop()

    lost = NodeDown("web2", "connection reset")
    assert me.receive(timeout=5) == Down(watch, far, lost)
    assert nothing_more(me, home, away)
    assert watches(home) == watches(away) == 0


def test_a_node_that_returns_does_not_revive_a_monitor(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    monitor(seen_from(away, home, user))
    home.lose(away)
    me.receive(timeout=5)

    home.connect(away)
    user.stop()

    assert nothing_more(me, home, away)


def test_a_monitor_on_a_lost_node_hears_so_at_once(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    home.lose(away, "it went away")

    watch = monitor(far)

    assert me.receive(timeout=5) == Down(watch, far, NodeDown("web2", "it went away"))


def test_a_death_while_the_link_is_broken_is_heard_when_it_is_back(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    watch = monitor(far)
    home.cut(away)

    user.proxy().fail.defer()
    eventually(lambda: not user.is_alive())
    assert nothing_more(me, home, away)
    home.connect(away)

    down = me.receive(timeout=5)
    assert isinstance(down, Down)
    assert (down.monitor, down.ref) == (watch, far)
    assert isinstance(down.reason, Crash)
    assert down.reason.type == "LookupError"
    assert nothing_more(me, home, away)


def test_a_link_that_breaks_and_returns_leaves_one_monitor(
    pair: Pair, user: ActorRef[User], me: Mailbox
) -> None:
    home, away = pair
    watch = monitor(seen_from(away, home, user))
    home.settle()
    watches_here = len(user.cell.watches)

    for _ in range(3):
        home.cut(away)
        home.connect(away)
        home.settle()

    assert len(user.cell.watches) == watches_here
    user.stop()

    assert me.receive(timeout=5).monitor == watch
    assert nothing_more(me, home, away)


def test_a_monitor_taken_back_while_the_link_is_broken_stays_so(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    watch = monitor(seen_from(away, home, user))
    home.cut(away)

    demonitor(watch)
    home.connect(away)
    user.stop()

    assert nothing_more(me, home, away)


def test_demonitor_leaves_nothing_behind(pair: Pair, user: AnyRef, me: Mailbox) -> None:
    home, away = pair
    watch = monitor(seen_from(away, home, user))
    home.settle()
    assert (watches(home), watches(away)) == (1, 1)

    demonitor(watch)
    home.settle()

    assert (watches(home), watches(away)) == (0, 0)


def test_a_watcher_that_ends_leaves_nothing_behind(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    with users() as (watcher,):
        monitor(far, watcher=watcher)
        home.settle()
        assert watches(home) == 1

    eventually(lambda: (watches(home), watches(away)) == (0, 0))


def test_an_actor_nobody_remembers_is_noproc(pair: Pair, me: Mailbox) -> None:
    home, away = pair
    ghost = away.traffic.refs.ref(home.id, 10**9, "User")

    watch = monitor(ghost)

    assert me.receive(timeout=5) == Down(watch, ghost, "noproc")


def test_a_name_can_be_monitored(pair: Pair, user: AnyRef, me: Mailbox) -> None:
    home, away = pair
    named = away.traffic.actor("web2", "watched")
    nobody = monitor(named)
    assert me.receive(timeout=5) == Down(nobody, named, "noproc")
    register_name("watched", user)

    watch = monitor(named)
    home.settle()
    user.stop()

    assert me.receive(timeout=5) == Down(watch, named, "normal")


def test_a_death_is_heard_after_what_the_dead_one_told(pair: Pair, me: Mailbox) -> None:
    home, away = pair
    with users(1, Teller) as (teller,):
        far = seen_from(away, home, teller)
        monitor(far)

        far.tell(("tell and die", me.ref))

        assert [me.receive(timeout=5) for _ in range(100)] == list(range(100))
        assert isinstance(me.receive(timeout=5), Down)


class Teller(User):
    def on_receive(self, message: object) -> object:
        match message:
            case ("tell and die", ref):
                assert hasattr(ref, "tell")
                for i in range(100):
                    ref.tell(i)
                self.stop()
            case _:
                pass
        return None


@dataclass(frozen=True)
class Conflict:
    key: str
    winner: AnyRef


def test_any_frozen_value_travels_as_a_reason(pair: Pair, me: Mailbox) -> None:
    home, away = pair
    with users(2) as (user, winner):
        far, other = seen_from(away, home, user), seen_from(away, home, winner)
        watch = monitor(far)

        send_exit(far, Conflict("user/1", other))

        down = me.receive(timeout=5)
        assert down == Down(watch, far, Conflict("user/1", other))
        assert down.reason.winner is other


class Sly:
    went_off = 0

    def __reduce__(self) -> tuple[object, tuple[()]]:
        return (go_off, ())


def go_off() -> str:
    Sly.went_off += 1
    return "shutdown"


def test_a_reason_that_runs_code_is_replaced_by_words(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    watch = monitor(seen_from(away, home, user))
    home.settle()

    reason = home.traffic._sender.codec.encode(Sly(), to="web1", pickled=True)
    forged = headers.Down(watch.id, reason)
    home.send_message(away.id, headers.write(forged))

    down = me.receive(timeout=5)
    assert isinstance(down.reason, Crash)
    assert "could not be loaded" in down.reason.message
    assert Sly.went_off == 0


def test_a_reason_that_cannot_travel_becomes_words(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    watch = monitor(seen_from(away, home, user))
    home.settle()

    send_exit(user, {"lock": threading.Lock()})

    down = me.receive(timeout=5)
    assert down.monitor == watch
    assert isinstance(down.reason, Crash)
    assert "lock" in down.reason.message


def test_a_down_from_a_node_that_is_not_watched_is_ignored(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    third = MemoryNode("third")
    third.connect(away)
    far = seen_from(away, home, user)
    watch = monitor(far)

    forged = headers.Down(watch.id, b"\x00\xa6normal")
    third.send_message(away.id, headers.write(forged))

    assert nothing_more(me, third, away)
    assert far.is_alive()
    third.stop()


def test_plain_pykka_actors_watch_and_are_watched(pair: Pair, me: Mailbox) -> None:
    home, away = pair
    with plain_actor() as plain:
        far = seen_from(away, home, plain)
        watch = monitor(far)

        home.lose(away, "gone")

        assert me.receive(timeout=5) == Down(watch, far, NodeDown("web2", "gone"))


def test_thousands_of_monitors_all_hear_of_a_lost_node(pair: Pair, me: Mailbox) -> None:
    home, away = pair
    with users(10) as crowd:
        far = [seen_from(away, home, ref) for ref in crowd]
        wanted = {monitor(ref) for ref in far for _ in range(200)}

        home.lose(away)

        heard = [me.receive(timeout=5) for _ in wanted]
        assert {down.monitor for down in heard} == wanted
        assert nothing_more(me, home, away)


def test_a_monitor_that_finds_the_link_broken_hears_so(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    away.broken = True

    watch = monitor(far)

    assert me.receive(timeout=5) == Down(watch, far, NodeDown("web2", "never linked"))
    assert watches(away) == 0


def test_a_node_that_stops_ends_what_was_watched_through_it(
    user: AnyRef, me: Mailbox
) -> None:
    home, away = MemoryNode("web2"), MemoryNode("web1")
    home.connect(away)
    watch = monitor(seen_from(away, home, user))
    home.settle()

    away.stop()

    down = me.receive(timeout=5)
    assert down.monitor == watch
    assert isinstance(down.reason, NodeDown)
    assert "web1" in down.reason.cause
    home.stop()


def test_watches_may_come_while_those_on_a_lost_node_are_ended(
    pair: Pair, user: AnyRef, me: Mailbox
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    watch = monitor(far)
    watches = away.traffic._monitors._watches
    other = watches[watch.id]._replace(node_id=away.id)
    ids = itertools.count(watch.id + 1)

    def watch_another() -> None:
        watches[next(ids)] = other

    for _ in range(MANY):
        watch_another()
    with at_each_collection(watch_another):
        away.traffic._monitors.node_down(home.id, "reset")

    assert me.receive(timeout=5) == Down(watch, far, NodeDown("web2", "reset"))
    assert len(watches) > MANY
