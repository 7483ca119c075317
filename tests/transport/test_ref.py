"""Remote refs: what they are, and what happens when a node is slow, lost or unknown."""

import copy
import gc
import pickle
import sys
import threading
import weakref
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from actors import (
    ActorDeadError,
    DecodeFailed,
    actor_id,
    mailbox,
    register_name,
    unregister_name,
)
from tests.transport.memory import MemoryNode
from tests.transport.people import (
    AnyRef,
    Echo,
    Fail,
    Locked,
    Plain,
    Say,
    UnknownError,
    User,
    heard_by,
    linked,
    plain_actor,
    seen_from,
    users,
)
from tests.waiting import eventually
from transport._core.errors import ProtocolError
from transport._errors import EncodeError, NodeDownError, NotLocalError, RemoteError
from transport._remote import headers
from transport._remote.faults import Fault, describe, rebuild
from transport._remote.ref import Future, RemoteActorRef
from transport._remote.sender import LinkFullError


@pytest.fixture
def pair() -> Iterator[tuple[MemoryNode, MemoryNode]]:
    with linked("web2", "web1") as nodes:
        yield nodes


@pytest.fixture
def user() -> Iterator[AnyRef]:
    with users() as (ref,):
        yield ref


Pair = tuple[MemoryNode, MemoryNode]


def test_a_ref_says_what_and_where_its_actor_is(pair: Pair, user: AnyRef) -> None:
    home, away = pair

    far = seen_from(away, home, user)

    assert repr(far) == "<User on web2>"
    assert str(far) == "User on web2"
    assert isinstance(far, RemoteActorRef)
    assert far.node == "web2"
    assert far.node_id == home.id
    assert "web2" in far.actor_urn
    assert far.is_alive()


def test_there_is_one_ref_per_actor_and_node_while_somebody_holds_it(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair

    far = seen_from(away, home, user)
    assert seen_from(away, home, user) is far

    gone = weakref.ref(far)
    del far
    gc.collect()
    assert gone() is None


def test_a_ref_does_not_leave_its_node_by_ordinary_pickle(
    pair: Pair, user: AnyRef
) -> None:
    far = seen_from(pair[1], pair[0], user)

    with pytest.raises(TypeError, match="travels only in messages between nodes"):
        pickle.dumps(far)
    assert copy.copy(far) is far
    assert copy.deepcopy([far]) == [far]


def test_a_ref_of_this_node_is_the_local_one_dead_or_alive(
    pair: Pair, user: AnyRef
) -> None:
    home, _ = pair
    n = home.traffic.locals.adopt(user)

    assert home.traffic.refs.ref(home.id, n, "User") is user
    user.stop()
    assert home.traffic.refs.ref(home.id, n, "User") is user
    assert home.traffic.address_of(user) == (home.id, n)


def test_a_ref_of_this_node_that_nobody_knows_is_dead(pair: Pair) -> None:
    home, _ = pair

    ghost = home.traffic.refs.ref(home.id, 10**9, "User")

    assert not ghost.is_alive()
    with pytest.raises(ActorDeadError, match=r"^User on web2 is dead$"):
        ghost.ask("hello", timeout=5)


def test_a_remote_ref_cannot_be_adopted(pair: Pair, user: AnyRef) -> None:
    home, away = pair

    with pytest.raises(NotLocalError, match="belongs to node web2, not to web1"):
        away.traffic.locals.adopt(seen_from(away, home, user))


def test_numbers_that_never_travelled_cannot_be_reached(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    guessed = away.traffic.refs.ref(home.id, actor_id(user), "User")

    with pytest.raises(ActorDeadError):
        guessed.ask("hello", timeout=5)


# Loss.


def test_everything_fails_at_once_when_the_node_is_lost(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    proxy = far.proxy()
    home.lose(away, "connection reset")

    with pytest.raises(NodeDownError, match="web2 is down: connection reset") as caught:
        far.tell("hello")
    assert isinstance(caught.value, ActorDeadError)
    with pytest.raises(NodeDownError):
        far.ask("hello")
    with pytest.raises(NodeDownError):
        proxy.shout("hello").get()
    with pytest.raises(ActorDeadError):
        far.proxy()
    assert far.stop() is False
    assert not far.is_alive()


def test_a_node_that_was_never_linked_is_lost(pair: Pair) -> None:
    stranger = MemoryNode("stranger")
    far = pair[0].traffic.refs.ref(stranger.id, 1, "User")

    with pytest.raises(NodeDownError, match="stranger is down: never linked"):
        far.tell("hello")
    stranger.stop()


def test_asks_that_wait_end_when_the_node_is_lost(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    waiting = far.ask("wait", block=False)
    behind = [far.ask(Echo(i), block=False) for i in range(10)]

    home.lose(away)

    for future in (waiting, *behind):
        with pytest.raises(NodeDownError):
            future.get(timeout=5)
    assert away.traffic.waiting == 0
    release(user)


def release(user: AnyRef) -> None:
    actor = user._actor_weakref()
    assert isinstance(actor, User)
    actor.gate.set()


def test_asks_that_wait_end_when_the_link_breaks_for_a_moment(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    waiting = far.ask("wait", block=False)

    home.cut(away)
    home.connect(away)

    with pytest.raises(NodeDownError):
        waiting.get(timeout=5)
    release(user)
    assert far.ask(Echo(1), timeout=5) == 1


def test_an_answer_after_the_loss_is_dropped(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    waiting = far.ask("wait", block=False)
    home.cut(away)
    home.connect(away)

    release(user)
    assert far.ask(Echo(1), timeout=5) == 1

    with pytest.raises(NodeDownError):
        waiting.get(timeout=0)


def test_ten_thousand_asks_racing_a_loss_all_end(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    futures: list[list[Future[Any]]] = [[], [], [], []]
    begun = threading.Barrier(5)

    def ask_many(mine: list[Future[Any]]) -> None:
        begun.wait()
        mine.extend(far.ask(Echo(i), block=False) for i in range(2500))

    askers = [threading.Thread(target=ask_many, args=(mine,)) for mine in futures]
    for asker in askers:
        asker.start()
    begun.wait()
    eventually(lambda: away.traffic.waiting or len(futures[0]) > 100)
    home.lose(away)
    for asker in askers:
        asker.join()

    ends = [outcome(future) for mine in futures for future in mine]
    assert len(ends) == 10_000
    assert set(ends) <= {"answered", "lost"}
    assert "lost" in ends
    assert away.traffic.waiting == 0


def outcome(future: Future[Any]) -> str:
    try:
        future.get(timeout=5)
    except NodeDownError:
        return "lost"
    return "answered"


def test_stopping_a_node_ends_its_own_asks(user: AnyRef) -> None:
    home, away = MemoryNode("home"), MemoryNode("away")
    home.connect(away)
    far = seen_from(away, home, user)
    waiting = far.ask("wait", block=False)

    away.stop()

    with pytest.raises(NodeDownError):
        waiting.get(timeout=5)
    release(user)
    home.stop()


# A link that is full.


def test_over_the_bound_a_tell_drops_and_an_ask_fails_at_once(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    away.full = True

    far.tell("dropped")
    with pytest.raises(LinkFullError, match="link to web2 is full"):
        far.ask(Echo(1))
    away.full = False

    far.tell("kept")
    assert heard_by(user, far) == ["kept"]
    assert away.dropped == 2
    assert away.traffic.waiting == 0


def test_an_answer_that_finds_no_room_becomes_an_error(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    home.full = True

    with pytest.raises(LinkFullError, match="link to web2 is full"):
        far.ask(Echo(1), timeout=5)


# What cannot travel.


def test_what_cannot_travel_is_refused_at_the_sender(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    sent = len(away.frames)

    with pytest.raises(EncodeError, match=r"field 'lock' \(_thread.lock\)"):
        far.tell(Locked("x"))
    with pytest.raises(EncodeError):
        far.ask(Locked("x"))
    with pytest.raises(EncodeError):
        far.proxy().shout(threading.Lock()).get()

    assert len(away.frames) == sent


def test_an_answer_that_cannot_travel_is_an_error_at_the_asker(
    pair: Pair, user: AnyRef
) -> None:
    far = seen_from(pair[1], pair[0], user)

    with pytest.raises(EncodeError, match="cannot be pickled"):
        far.proxy().gate.get(timeout=5)

    assert user.is_alive()


def test_a_payload_that_does_not_load_hurts_one_actor_only(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    far = seen_from(away, home, user)

    far.tell(Broken())
    far.tell("next")

    failed, following = heard_by(user, far)
    assert isinstance(failed, DecodeFailed)
    assert "web2 could not load" in failed.message
    assert following == "next"


class Broken:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (int, ("not a number",))


def test_an_asker_hears_that_its_payload_did_not_load(pair: Pair, user: AnyRef) -> None:
    far = seen_from(pair[1], pair[0], user)

    with pytest.raises(Exception, match=r"web2 could not load .*not a number"):
        far.ask(Broken(), timeout=5)

    assert far.ask(Echo(1), timeout=5) == 1


def test_malformed_messages_are_the_peers_fault(pair: Pair) -> None:
    home, away = pair
    good = headers.write(headers.Ask(1, 5, b""))

    for body in (b"", b"\xc1", good[:-1], good + b"\x00", b"\x93\x01\x00\xc4\x00"):
        with pytest.raises(ProtocolError):
            home.traffic.message(away.id, 1, body)


def test_an_answer_from_a_node_that_was_not_asked_is_ignored(
    pair: Pair, user: AnyRef
) -> None:
    home, away = pair
    third = MemoryNode("third")
    third.connect(away)
    far = seen_from(away, home, user)
    waiting = far.ask("wait", block=False)

    for ask_id in range(1, 50):
        forged = headers.Reply(ask_id, b"\x00\x01")
        third.send_message(away.id, headers.write(forged))
    third.settle()
    away.settle()

    release(user)
    assert waiting.get(timeout=5) is True
    third.stop()


# Exceptions.


def test_a_known_exception_is_raised_as_itself_with_its_remote_traceback(
    pair: Pair, user: AnyRef
) -> None:
    far = seen_from(pair[1], pair[0], user)

    with pytest.raises(ValueError, match="bad day") as caught:
        far.ask(Fail(ValueError("bad day")), timeout=5)

    (note,) = caught.value.__notes__
    assert note.startswith("raised on node web2:\nTraceback")
    assert "on_receive" in note


def test_an_exception_that_wants_more_than_a_message_becomes_text(
    pair: Pair, user: AnyRef
) -> None:
    far = seen_from(pair[1], pair[0], user)

    with pytest.raises(RemoteError) as caught:
        far.ask("odd error", timeout=5)

    assert caught.value.type == f"{UnknownError.__module__}.UnknownError"
    assert caught.value.message == "1 and 2"
    assert "Traceback" in caught.value.traceback


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("os", "error.__class__"),
        ("builtins", "eval"),
        ("builtins", "SystemExit"),
        ("builtins", "type"),
        ("never_imported_here", "Error"),
        ("", ""),
        ("transport._remote.faults", "sys.modules"),
    ],
)
def test_an_error_record_imports_and_calls_nothing(module: str, name: str) -> None:
    error = rebuild(Fault(module, name, "echo pwned", ""), "b")

    assert type(error) is RemoteError
    assert error.message == "echo pwned"
    assert "never_imported_here" not in sys.modules


def test_an_error_record_wakes_no_lazy_module(monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = ModuleType("lazy_module")
    asked: list[str] = []
    vars(lazy)["__getattr__"] = asked.append
    monkeypatch.setitem(sys.modules, "lazy_module", lazy)

    error = rebuild(Fault("lazy_module", "LateError", "text", ""), "b")

    assert type(error) is RemoteError
    assert asked == []


def test_a_remote_error_is_handed_on_without_being_wrapped() -> None:
    first = RemoteError("app.Odd", "text", "trace")

    again = rebuild(describe(first), "b")

    assert isinstance(again, RemoteError)
    assert (again.type, again.message, again.traceback) == ("app.Odd", "text", "trace")


# Names.


def test_a_name_is_resolved_by_each_message_anew(pair: Pair) -> None:
    _, away = pair
    far = away.traffic.actor("web2", "logger")

    with pytest.raises(ActorDeadError) as caught:
        far.ask(Echo(1), timeout=5)
    words = "no actor named logger on web2 (never registered, or it has ended)"
    assert str(caught.value) == words
    for _ in range(2):
        with users() as (user,):
            register_name("logger", user)
            assert far.ask(Echo(2), timeout=5) == 2
            far.tell("hello")
            assert heard_by(user, far) == ["hello"]
            unregister_name("logger")
    assert repr(far) == "<logger on web2>"
    assert far.is_alive()


@pytest.mark.parametrize("name", ["", "x" * 1025, "\ud800"])
def test_a_name_that_nobody_can_have_is_refused_here(pair: Pair, name: str) -> None:
    with pytest.raises(ValueError, match="an actor's name is 1-1024 characters"):
        pair[1].traffic.actor("web2", name)


def test_a_name_on_this_very_node_works_too(pair: Pair, user: AnyRef) -> None:
    home, _ = pair
    register_name("me", user)

    assert home.traffic.actor("web2", "me").ask(Echo(3), timeout=5) == 3

    unregister_name("me")


def test_a_name_on_a_lost_node_fails_at_once(pair: Pair) -> None:
    home, away = pair
    far = away.traffic.actor("web2", "logger")
    home.lose(away)

    with pytest.raises(NodeDownError):
        far.tell("hello")
    assert not far.is_alive()


def test_refs_by_name_are_equal_by_name_and_travel(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    named = away.traffic.actor("web2", "logger")

    assert named == away.traffic.actor("web2", "logger")
    assert named != away.traffic.actor("web2", "other")
    assert named != far
    assert far.ask(Echo({named}), timeout=5) == {named}


# One message to many.


def test_one_message_to_many_is_one_frame_per_node(pair: Pair) -> None:
    home, away = pair
    with users(5) as crowd, users(2) as near:
        far = [seen_from(away, home, ref) for ref in crowd]
        sent = len(away.frames)

        addressed = away.traffic.tell_many([*far, *near], Say("all"))

        assert addressed == 7
        assert len(away.frames) == sent + 1
        for ref, seen in zip(crowd, far, strict=True):
            assert heard_by(ref, seen) == [Say("all")]
        for ref in near:
            assert ref.proxy().heard.get(timeout=5) == [Say("all")]


def test_the_dead_and_the_lost_are_skipped_and_not_counted(pair: Pair) -> None:
    home, away = pair
    with users(3) as crowd, users(2) as near:
        far = [seen_from(away, home, ref) for ref in crowd]
        near[0].stop()
        far[0].stop()

        assert away.traffic.tell_many([*far, *near], "all") == 3
        home.lose(away)
        assert away.traffic.tell_many([*far, *near], "all") == 1
        assert away.traffic.tell_many([], "all") == 0


def test_many_on_nodes_with_and_without_pickle_each_get_it(pair: Pair) -> None:
    home, away = pair
    strict = MemoryNode("strict", allow_pickle=False)
    strict.connect(away)
    with users(2) as (one, two):
        far = [seen_from(away, home, one), seen_from(away, strict, two)]

        assert away.traffic.tell_many(far, ["plain", (1, 2)]) == 2
        with pytest.raises(EncodeError, match="strict does not accept pickled"):
            away.traffic.tell_many(far, Say("hi"))

        assert heard_by(one, far[0]) == [["plain", (1, 2)]]
        assert heard_by(two, far[1]) == [["plain", (1, 2)]]
    strict.stop()


def test_a_mailbox_is_an_actor_that_others_can_tell(pair: Pair, user: AnyRef) -> None:
    home, away = pair
    far = seen_from(away, home, user)
    with mailbox() as me:
        far.tell(me.ref)
        (heard,) = heard_by(user, far)

        heard.tell("hello")

        assert me.receive(timeout=5) == "hello"


def test_an_ask_that_a_plain_actor_loses_at_its_end_is_answered(pair: Pair) -> None:
    home, away = pair
    with plain_actor() as plain:
        far = seen_from(away, home, plain)
        entered = far.ask("wait", block=False)
        assert Plain.entered.wait(5)

        lost = far.ask("lost", block=False)
        home.settle()
        # What Pykka's own teardown may do to a message that comes too late.
        plain.actor_inbox.get()
        Plain.gate.set()
        entered.get(timeout=5)
        plain.stop()

        with pytest.raises(ActorDeadError):
            lost.get(timeout=5)
