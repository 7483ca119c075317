"""What every ref promises, whether its actor is here or on another node."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pykka
import pytest

import actors
from actors import (
    ActorDeadError,
    Crash,
    Down,
    Exit,
    Timeout,
    demonitor,
    link,
    mailbox,
    monitor,
    unlink,
)
from tests.transport.people import (
    AnyRef,
    Echo,
    Fail,
    Plain,
    Say,
    Trapper,
    UnknownError,
    User,
    linked,
    seen_from,
)
from tests.waiting import eventually
from transport import Node, RemoteError

Start = Callable[..., AnyRef]


@contextmanager
def here() -> Iterator[Callable[[AnyRef], AnyRef]]:
    """Refs as they are."""
    yield lambda ref: ref


@contextmanager
def in_memory() -> Iterator[Callable[[AnyRef], AnyRef]]:
    """Refs as another node sees them, over a carrier without sockets."""
    with linked("home", "away") as (home, away):
        yield lambda ref: seen_from(away, home, ref)


@contextmanager
def over_sockets() -> Iterator[Callable[[AnyRef], AnyRef]]:
    """Refs as another node sees them, over TCP."""
    with Node.start("home") as home, Node.start("away", join=home.address) as away:
        away.wait_peers(1, timeout=5)
        home.wait_peers(1, timeout=5)

        def seen(ref: AnyRef) -> AnyRef:
            return away.ref(home.id, home.adopt(ref), ref.actor_class.__name__)

        yield seen


CARRIERS = {"here": here, "memory": in_memory, "sockets": over_sockets}


@pytest.fixture(params=sorted(CARRIERS))
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start an actor and return a ref of the kind under test."""
    with ExitStack() as stack:
        seen = stack.enter_context(CARRIERS[request.param]())

        def start_one(cls: type[Any] = User) -> AnyRef:
            ref = cls.start()
            stack.callback(ref.stop)
            return seen(ref)

        yield start_one


def test_an_ask_gets_the_answer(start: Start) -> None:
    assert start().ask(Echo({"a": (1, [2])}), timeout=5) == {"a": (1, [2])}


def test_messages_arrive_in_the_order_they_were_sent(start: Start) -> None:
    user = start()

    for i in range(500):
        user.tell(i)

    assert user.proxy().heard.get(timeout=5) == list(range(500))


def test_a_message_of_a_class_is_of_that_class(start: Start) -> None:
    assert start().ask(Echo(Say("hi")), timeout=5) == Say("hi")


def test_an_ask_raises_what_the_handler_raises(start: Start) -> None:
    user = start()

    with pytest.raises(ZeroDivisionError, match="by what"):
        user.ask(Fail(ZeroDivisionError("by what?")), timeout=5)
    with pytest.raises(KeyError) as caught:
        user.ask(Fail(KeyError("name")), timeout=5)

    assert caught.value.args == ("name",)


def test_an_exception_that_cannot_be_built_says_what_it_was(start: Start) -> None:
    with pytest.raises((UnknownError, RemoteError), match="1 and 2"):
        start().ask("odd error", timeout=5)


def test_an_ask_without_an_answer_times_out(start: Start) -> None:
    user = start()
    waiting = user.ask("wait", block=False)

    with pytest.raises(Timeout):
        user.ask(Echo(1), timeout=0.05)

    with pytest.raises(TimeoutError):
        waiting.get(timeout=0.05)
    release(user)


def release(user: AnyRef) -> None:
    """Let a user go on that was asked to wait."""
    local = next(
        r for r in pykka.ActorRegistry.get_by_class(User) if r == user or r is user
    )
    actor = local._actor_weakref()
    assert isinstance(actor, User)
    actor.gate.set()


def test_a_future_can_be_awaited_with_others_in_parallel(start: Start) -> None:
    users = [start() for _ in range(3)]

    async def ask_all() -> object:
        return await asyncio.gather(*(u.ask(Echo(i), block=False) for i, u in pairs))

    pairs = list(enumerate(users))

    assert asyncio.run(ask_all()) == [0, 1, 2]


def test_a_future_maps_and_answers_twice(start: Start) -> None:
    future = start().ask(Echo(20), block=False)

    assert future.map(lambda n: n + 1).get(timeout=5) == 21
    assert future.get(timeout=5) == 20


def test_every_reader_of_a_future_gets_the_same_answer(start: Start) -> None:
    future = start().ask(Echo([1, 2]), block=False)

    assert future.get(timeout=5) is future.get(timeout=5)


def test_a_future_says_whether_the_answer_is_good(start: Start) -> None:
    user = start()
    good: Any = user.ask(Echo(1), block=False)
    bad: Any = user.ask(Fail(ValueError("bad")), block=False)

    eventually(lambda: good.done() and bad.done())

    assert good.succeeded()
    assert not bad.succeeded()


def test_stop_ends_the_actor_behind_its_backlog(start: Start) -> None:
    user = start()
    answers = [user.ask(Echo(i), block=False) for i in range(20)]

    assert user.stop(timeout=5) is True

    assert [answer.get(timeout=5) for answer in answers] == list(range(20))
    assert user.stop(timeout=5) is False
    assert not user.is_alive()


def test_the_dead_are_not_told_and_answer_nothing(start: Start) -> None:
    user = start()
    user.stop(timeout=5)

    with pytest.raises(ActorDeadError):
        user.tell("hello")
    with pytest.raises(ActorDeadError):
        user.ask(Echo(1), timeout=5)
    with pytest.raises(ActorDeadError):
        user.proxy()


def test_an_ask_that_waits_when_the_actor_stops_is_answered(start: Start) -> None:
    user = start()
    user.ask("wait", block=False)
    stopping = user.stop(block=False)
    late = user.ask(Echo(1), block=False)

    release(user)

    with pytest.raises(ActorDeadError):
        late.get(timeout=5)
    assert stopping.get(timeout=5) is True


def test_a_proxy_calls_reads_and_sets(start: Start) -> None:
    proxy = start().proxy()

    assert proxy.shout("hi", mark="?").get(timeout=5) == "HI?"
    assert proxy.mood.get(timeout=5) == "calm"
    proxy.mood = "cross"
    assert proxy.mood.get(timeout=5) == "cross"
    assert proxy.settings.volume.get(timeout=5) == 3
    assert proxy.settings.louder(2).get(timeout=5) == 5
    with pytest.raises(LookupError, match="no such thing"):
        proxy.fail().get(timeout=5)


def test_a_proxy_defers_in_order_with_calls(start: Start) -> None:
    proxy = start().proxy()

    proxy.settings.louder.defer(4)

    assert proxy.settings.volume.get(timeout=5) == 7


def test_what_a_proxy_gives_can_be_awaited(start: Start) -> None:
    proxy = start().proxy()

    async def both() -> tuple[str, str]:
        return await proxy.mood, await proxy.shout("hi")

    assert asyncio.run(both()) == ("calm", "HI!")


def test_a_wrong_name_of_a_proxy_fails_at_the_latest_when_read(start: Start) -> None:
    ref = start()
    proxy = ref.proxy()

    with pytest.raises(AttributeError, match="no_such_name"):
        proxy.no_such_name.get(timeout=5)
    with pytest.raises(AttributeError, match="no_such_verb"):
        proxy.no_such_verb().get(timeout=5)

    # It was the caller's mistake: the actor lives on.
    assert ref.ask("hi", timeout=5) is not None
    assert ref.is_alive()


def test_refs_of_one_actor_are_equal_and_hash_equal(start: Start) -> None:
    user, other = start(), start()
    local = next(r for r in pykka.ActorRegistry.get_by_class(User) if r == user)

    assert user == local
    assert local == user
    assert hash(user) == hash(local)
    assert user != other
    assert {user: 1, local: 2, other: 3} == {local: 2, other: 3}


# Monitors.


def test_a_monitor_hears_of_the_end_once_and_why(start: Start) -> None:
    user = start()
    with mailbox() as me:
        watch = monitor(user)

        user.tell(Fail(ValueError("bad day")))

        down = me.receive(timeout=5)
        assert isinstance(down, Down)
        assert (down.monitor, down.ref) == (watch, user)
        assert isinstance(down.reason, Crash)
        assert (down.reason.type, down.reason.message) == ("ValueError", "bad day")
        assert quiet(me, user)


def quiet(me: actors.Mailbox, user: AnyRef) -> bool:
    """Tell whether nothing comes, once all that is under way has had its time."""
    me.ref.tell("the end")
    return bool(me.receive(timeout=5) == "the end") and not user.is_alive()


def test_a_late_monitor_hears_the_true_reason(start: Start) -> None:
    user = start()
    user.stop(timeout=5)
    with mailbox() as me:
        watch = monitor(user)

        assert me.receive(timeout=5) == Down(watch, user, "normal")


def test_each_of_several_monitors_hears_it(start: Start) -> None:
    user = start()
    with mailbox() as me:
        watches = {monitor(user) for _ in range(3)}

        user.stop(timeout=5)

        assert {me.receive(timeout=5).monitor for _ in range(3)} == watches


def test_nothing_comes_from_a_monitor_that_was_taken_back(start: Start) -> None:
    user = start()
    with mailbox() as me:
        first, second = monitor(user), monitor(user)
        demonitor(first)

        user.stop(timeout=5)

        assert me.receive(timeout=5).monitor == second
        assert quiet(me, user)


def test_a_plain_pykka_actor_is_asked_monitored_and_stopped(start: Start) -> None:
    plain = start(Plain)
    with mailbox() as me:
        watch = monitor(plain)

        assert plain.ask("hi", timeout=5) == "hi"
        assert plain.proxy().shout("hi").get(timeout=5) == "HI"
        with pytest.raises(ValueError, match="odd"):
            plain.ask(Fail(ValueError("odd")), timeout=5)
        assert plain.stop(timeout=5) is True

        assert me.receive(timeout=5) == Down(watch, plain, "normal")


# Links and exits.


def test_a_crash_ends_the_one_that_is_linked(start: Start) -> None:
    user = start()
    mine = User.start()
    with mailbox() as me:
        watch = monitor(mine)
        link(user, me=mine)

        user.tell(Fail(ValueError("bad day")))

        down = me.receive(timeout=5)
        assert down.monitor == watch
        assert isinstance(down.reason, Crash)
        assert down.reason.message == "bad day"


def test_a_link_works_the_other_way_too(start: Start) -> None:
    user = start()
    mine = User.start()
    with mailbox() as me:
        watch = monitor(user)
        link(user, me=mine)

        mine.tell(Fail(ValueError("bad day")))

        down = me.receive(timeout=5)
        assert down.monitor == watch
        assert isinstance(down.reason, Crash)
        assert down.reason.message == "bad day"


def test_a_normal_end_harms_nobody_and_a_trapper_hears_of_it_once(start: Start) -> None:
    user = start()
    mine, trapper = User.start(), Trapper.start()
    link(user, me=mine)
    link(user, me=trapper)
    link(user, me=trapper)

    user.stop(timeout=5)

    heard = trapper.proxy().heard
    assert eventually(lambda: trapper.proxy().heard.get(timeout=5)), heard
    assert trapper.proxy().heard.get(timeout=5) == [Exit(user, "normal")]
    assert mine.is_alive()
    mine.stop()
    trapper.stop()


def test_no_exit_comes_from_a_link_that_was_undone(start: Start) -> None:
    user = start()
    mine = Trapper.start()
    link(user, me=mine)
    unlink(user, me=mine)

    user.tell(Fail(ValueError("bad day")))

    with mailbox() as me:
        monitor(user)
        me.receive(timeout=5)
    assert mine.proxy().heard.get(timeout=5) == []
    mine.stop()


def test_linking_the_dead_gives_an_exit_with_noproc(start: Start) -> None:
    user = start()
    user.stop(timeout=5)
    mine = Trapper.start()

    link(user, me=mine)

    eventually(lambda: mine.proxy().heard.get(timeout=5) == [Exit(user, "noproc")])
    mine.stop()


def test_an_exit_signal_ends_an_actor_with_its_reason(start: Start) -> None:
    user = start()
    with mailbox() as me:
        watch = monitor(user)

        actors.exit(user, ("because", 7))

        assert me.receive(timeout=5) == Down(watch, user, ("because", 7))


def test_a_trapper_gets_an_exit_signal_as_a_message(start: Start) -> None:
    user = start(Trapper)

    actors.exit(user, "shutdown")

    eventually(lambda: user.proxy().heard.get(timeout=5) == [Exit(None, "shutdown")])


def test_kill_cannot_be_trapped(start: Start) -> None:
    user = start(Trapper)
    with mailbox() as me:
        watch = monitor(user)

        actors.exit(user, "kill")

        assert me.receive(timeout=5) == Down(watch, user, "killed")
