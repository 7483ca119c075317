"""What Pykka promises holds for our actors too, with `crash_on = "tell"`.

Left out on purpose: that SystemExit in one actor stops all of them, that a future which
has an answer refuses another one loudly, and the words of Pykka's log lines.
"""

import asyncio
import logging
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import pykka
import pytest
from pykka import ActorProxy, ActorRegistry

from actors import Actor, ActorDeadError, Future, ProxyCall, ProxyGetAttr, ProxySetAttr


class Player:
    """Something an actor lets others look into."""

    pykka_traversable = True
    volume = 5
    closed = SimpleNamespace(secret=1)

    def louder(self, by: int) -> int:
        self.volume += by
        return self.volume


class Subject(Actor):
    """One actor with everything that Pykka's own tests try."""

    crash_on: ClassVar[Literal["any", "tell"]] = "tell"
    player = Player()
    sealed = SimpleNamespace(secret=1)
    field = "field"
    _private = "private"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.args = args
        self.heard: list[object] = []
        self.failures: list[object] = []
        self.stopped = threading.Event()
        self.failed = threading.Event()
        self.registered_at_start = False
        self.costly_reads = 0

    @property
    def costly(self) -> int:
        self.costly_reads += 1
        return self.costly_reads

    @property
    def writable(self) -> object:
        return self.heard[-1]

    @writable.setter
    def writable(self, value: object) -> None:
        self.heard.append(value)

    def on_start(self) -> None:
        self.registered_at_start = self.actor_ref in ActorRegistry.get_all()
        self._me = self.actor_ref.proxy()

    def on_stop(self) -> None:
        self.stopped.set()

    def on_failure(self, *exc_info: object) -> None:
        self.failures.extend(exc_info)
        self.failed.set()

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        if callable(message):
            return message()
        self.heard.append(message)
        return message

    def fail(self) -> None:
        raise RuntimeError("boom")

    def add(self, one: int, *, other: int = 1) -> int:
        return one + other

    def grow(self, name: str) -> None:
        def grown() -> str:
            return name

        setattr(self, name, grown)

    def later(self, count: int) -> None:
        self.heard.append(count)
        if count:
            self._me.later.defer(count - 1)

    def stop_twice(self) -> None:
        self.stop()
        self.stop()


class Derived(Subject):
    pass


Ref = pykka.ActorRef[Any]


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    ActorRegistry.stop_all(timeout=5)


@pytest.fixture
def ref() -> Ref:
    return Subject.start()


def heard(ref: Ref) -> list[object]:
    """Give what the actor has heard, when it has handled its mail."""
    words: list[object] = ref.proxy().heard.get(timeout=5)
    return words


def test_an_actor_has_a_urn_of_its_own_and_shows_it(ref: Ref) -> None:
    other = Subject.start()

    assert ref.actor_urn != other.actor_urn
    assert uuid.UUID(ref.actor_urn).version == 4
    for text in (str(ref), repr(ref), repr(ref.proxy()), str(ref.proxy())):
        assert "Subject" in text
        assert ref.actor_urn in text
    assert repr(ref).startswith("<ActorRef")
    assert repr(ref.proxy().player).startswith("<ActorProxy")
    assert "player" in repr(ref.proxy().player)


def test_init_takes_any_arguments() -> None:
    ref = Subject.start(1, 2, three=3)

    assert ref.proxy().args.get(timeout=5) == (1, 2)


def test_on_start_comes_first_and_after_registration(ref: Ref) -> None:
    assert ref.proxy().registered_at_start.get(timeout=5) is True


def test_the_thread_bears_the_name_of_the_class(ref: Ref) -> None:
    name = ref.ask(lambda: threading.current_thread().name, timeout=5)

    assert re.fullmatch(r"Subject-\d+", str(name))


def test_the_daemon_flag_can_be_changed() -> None:
    class Lasting(Subject):
        use_daemon_thread = False

    ref: Ref = Lasting.start()

    assert ref.ask(lambda: threading.current_thread().daemon, timeout=5) is False


def test_stop_runs_on_stop_and_unregisters(ref: Ref) -> None:
    stopped: threading.Event = ref.proxy().stopped.get(timeout=5)

    assert ref.is_alive()
    assert ref.stop(timeout=5) is True

    assert stopped.is_set()
    assert not ref.is_alive()
    assert ref not in ActorRegistry.get_all()
    assert ref.stop(timeout=5) is False
    assert ref.stop(block=False).get(timeout=5) is False


def test_a_failing_tell_calls_on_failure_and_ends_the_actor(ref: Ref) -> None:
    failed: threading.Event = ref.proxy().failed.get(timeout=5)
    failures: list[object] = ref.proxy().failures.get(timeout=5)
    stopped: threading.Event = ref.proxy().stopped.get(timeout=5)
    error = ValueError("x")

    ref.tell(error)

    assert failed.wait(5)
    assert failures[:2] == [ValueError, error]
    assert not ref.is_alive()
    assert not stopped.is_set()


def test_mail_behind_a_stop_is_answered_with_actor_dead(ref: Ref) -> None:
    go = threading.Event()
    ref.tell(lambda: go.wait(5))
    stops = [ref.stop(block=False) for _ in range(2)]
    late = ref.ask("late", block=False)
    go.set()

    assert [stop.get(timeout=5) for stop in stops] == [True, True]
    with pytest.raises(ActorDeadError, match="stopped before handling the message"):
        late.get(timeout=5)


def test_an_actor_may_stop_itself_twice_and_finishes_its_mail(ref: Ref) -> None:
    proxy = ref.proxy()
    words: list[object] = proxy.heard.get(timeout=5)
    stopped: threading.Event = proxy.stopped.get(timeout=5)
    go = threading.Event()
    ref.tell(lambda: go.wait(5))
    for number in range(3):
        ref.tell(number)
    proxy.stop_twice.defer()
    go.set()

    assert stopped.wait(5)
    assert words == [0, 1, 2]


@pytest.mark.parametrize("message", [None, 0, "", (), {"a": 1}, ["x"], object])
def test_any_object_is_a_message(ref: Ref, message: object) -> None:
    ref.tell(message)

    assert ref.ask("end", timeout=5) == "end"
    if message is not object:
        assert heard(ref)[0] == message


def test_the_dead_refuse_tell_and_ask(ref: Ref) -> None:
    ref.stop(timeout=5)

    with pytest.raises(ActorDeadError, match="not found"):
        ref.tell("x")
    with pytest.raises(ActorDeadError, match="not found"):
        ref.ask("x", timeout=5)
    future = ref.ask("x", block=False)
    with pytest.raises(ActorDeadError, match="not found"):
        future.get(timeout=5)
    with pytest.raises(ActorDeadError, match="not found"):
        ref.proxy()


def test_an_ask_can_time_out(ref: Ref) -> None:
    go = threading.Event()
    ref.tell(lambda: go.wait(5))

    with pytest.raises(pykka.Timeout):
        ref.ask("x", timeout=0.01)
    go.set()


def test_an_unexpected_message_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Deaf(Actor):
        pass

    ref = Deaf.start()
    with caplog.at_level(logging.WARNING):
        assert ref.ask("hello", timeout=5) is None

    assert "Unexpected message received by Deaf" in caplog.text


def test_the_registry_finds_actors(ref: Ref) -> None:
    derived: Ref = Derived.start()

    assert set(ActorRegistry.get_all()) == {ref, derived}
    assert set(ActorRegistry.get_by_class(Subject)) == {ref, derived}
    assert ActorRegistry.get_by_class(Derived) == [derived]
    assert ActorRegistry.get_by_class_name("Subject") == [ref]
    assert ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert ActorRegistry.get_by_urn("urn:x") is None


@pytest.mark.parametrize("target", [None, Subject, "Derived"])
def test_the_registry_broadcasts(
    ref: Ref, target: str | type[pykka.Actor] | None
) -> None:
    derived: Ref = Derived.start()

    ActorRegistry.broadcast("all", target_class=target)

    assert heard(derived) == ["all"]
    assert heard(ref) == ([] if target == "Derived" else ["all"])


def test_the_registry_stops_all(ref: Ref) -> None:
    derived: Ref = Derived.start()

    assert ActorRegistry.stop_all(timeout=5) == [True, True]

    assert (ref.is_alive(), derived.is_alive()) == (False, False)


def test_a_proxy_calls_methods(ref: Ref) -> None:
    proxy = ref.proxy()

    assert proxy.add(1, other=2).get(timeout=5) == 3
    assert ref.ask(ProxyCall(("add",), (1,), {}), timeout=5) == 2
    with pytest.raises(RuntimeError, match="boom"):
        proxy.fail().get(timeout=5)
    assert ref.is_alive()


def test_a_failing_deferred_call_ends_the_actor(ref: Ref) -> None:
    failed: threading.Event = ref.proxy().failed.get(timeout=5)

    ref.proxy().fail.defer()

    assert failed.wait(5)


def test_a_proxy_reads_and_writes_fields(ref: Ref) -> None:
    proxy = ref.proxy()

    proxy.field = "new"
    proxy.writable = "through the property"

    assert proxy.field.get(timeout=5) == "new"
    assert ref.ask(ProxyGetAttr(("field",)), timeout=5) == "new"
    ref.ask(ProxySetAttr(("field",), "newer"), timeout=5)
    assert proxy.field.get(timeout=5) == "newer"
    assert proxy.writable.get(timeout=5) == "through the property"
    with pytest.raises(AttributeError):
        proxy.costly = 1


def test_a_proxy_shows_no_private_or_missing_fields(ref: Ref) -> None:
    proxy = ref.proxy()

    for name in ("_private", "missing"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            getattr(proxy, name)
    assert "add" in dir(proxy)
    assert "_private" not in dir(proxy)


def test_making_a_proxy_reads_no_property(ref: Ref) -> None:
    assert ref.proxy().costly.get(timeout=5) == 1


def test_a_proxy_sees_methods_added_later(ref: Ref) -> None:
    proxy = ref.proxy()

    proxy.grow("extra").get(timeout=5)

    assert proxy.extra().get(timeout=5) == "extra"


def test_a_proxy_walks_only_where_it_may(ref: Ref) -> None:
    proxy = ref.proxy()

    assert isinstance(proxy.player, ActorProxy)
    assert proxy.player.volume.get(timeout=5) == 5
    assert proxy.player.louder(2).get(timeout=5) == 7
    assert proxy.sealed.get(timeout=5).secret == 1


def test_proxies_of_one_path_are_equal(ref: Ref) -> None:
    one, two = ref.proxy(), ref.proxy()

    assert one == two
    assert hash(one) == hash(two)
    assert one.player == two.player
    assert one != one.player
    assert one.actor_ref is ref


def test_an_actor_gives_itself_work_through_its_own_proxy(ref: Ref) -> None:
    ref.proxy().later(3).get(timeout=5)

    for _ in range(3):
        ref.ask("x", timeout=5)
    assert [word for word in heard(ref) if word != "x"] == [3, 2, 1, 0]


def test_get_all_waits_for_all(ref: Ref) -> None:
    futures = [ref.ask(number, block=False) for number in range(3)]

    for _ in range(2):
        assert pykka.get_all(futures, timeout=5) == [0, 1, 2]
    with pytest.raises(pykka.Timeout):
        pykka.get_all([*futures, Future[Any]()], timeout=0.01)


def test_the_traceback_of_an_answer_tells_where_it_was_raised(ref: Ref) -> None:
    with pytest.raises(RuntimeError, match="boom") as caught:
        ref.proxy().fail().get(timeout=5)

    assert "fail" in [entry.name for entry in caught.traceback]


def test_a_future_in_a_future_is_kept_as_it_is() -> None:
    inner, outer = Future[Any](), Future[Any]()
    inner.set("x")
    outer.set(inner)

    assert outer.get(timeout=0) is inner
    assert outer.get(timeout=0).get(timeout=0) == "x"


Derive = Callable[[Future[Any]], Future[Any]]


@pytest.mark.parametrize(
    "derive",
    [
        lambda source: source.filter(bool),
        lambda source: source.map(len),
        lambda source: source.reduce(max),
        lambda source: source.join(),
    ],
    ids=["filter", "map", "reduce", "join"],
)
def test_derived_futures_keep_the_timeout_and_their_result(derive: Derive) -> None:
    calls: list[float | None] = []
    source = Future[Any]()

    def hook(timeout: float | None) -> list[int]:
        calls.append(timeout)
        return [1, 2, 3]

    source.set_get_hook(hook)
    derived = derive(source)

    assert derived.get(timeout=3) == derived.get(timeout=5)
    assert len(calls) == 1
    assert calls[0] == pytest.approx(3, abs=0.5)


def test_filter_and_reduce_need_something_to_walk() -> None:
    source = Future[Any]()
    source.set(1)

    with pytest.raises(TypeError):
        source.filter(bool).get(timeout=0)
    with pytest.raises(TypeError):
        source.reduce(max).get(timeout=0)


def test_a_future_can_be_awaited(ref: Ref) -> None:
    async def main() -> object:
        return await ref.proxy().add(1)

    assert asyncio.run(main()) == 2
