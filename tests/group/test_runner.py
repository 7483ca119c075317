"""The turns of a shard: one at a time, in order, on whichever thread is there."""

import threading
from collections.abc import Iterable
from functools import partial
from typing import cast

import pytest

from actors import Timeout
from group._core.conflict import constant_rank
from group._core.directory import Directory
from group._core.effects import Cut, Effect, Notify, Send, Watch
from group._core.events import Entry
from group._core.messages import Need
from group._core.narrate import Narrator
from group._core.requests import (
    DONE,
    Connect,
    Disconnect,
    Frame,
    Join,
    Leave,
    LinkUp,
    NotJoined,
    Subscribe,
)
from group._core.rows import Row
from group._core.shard import Shard
from group._core.tables import Tables
from group._core.views import View
from group._tree.desk import DirectoryDesk
from group._tree.runner import Crashed, Runner, countdown
from tests.group.people import PATIENCE, AnyRef, together
from transport import NodeId

ME = NodeId("me", bytes(16))
FAR = 1e12


class World:
    """A runner over a real core; its owner's thread is played by the test."""

    def __init__(self) -> None:
        self.views = {"": View()}
        self.tables = Tables(ME, (0, 1), self.views, constant_rank)
        self.effects: list[tuple[int, Effect]] = []
        self.flushed: list[set[int]] = []
        self.woken = 0
        self.errors: list[BaseException] = []
        self.blamed: list[int] = []
        self.said: list[Send | Cut] = []
        self.poison: type[object] | None = None
        self.runner = Runner(0, self)
        self.desk = DirectoryDesk(Directory(ME), [self.runner], self)
        self.desk.run(Connect(("",)))
        self.begin()
        self.runner.drain()
        self.effects.clear()
        self.woken = 0

    def begin(self) -> None:
        core = Shard(self.tables, Narrator("app", _entry), set())
        rebuild = partial(self.desk.rebuild, self.runner)
        self.runner.begin(core, rebuild, self._wake, self.errors.append)

    def _wake(self) -> None:
        self.woken += 1

    def perform(self, runner: Runner, effect: Effect) -> Iterable[int]:
        if self.poison is not None and isinstance(effect, self.poison):
            raise OSError("on purpose")
        self.effects.append((threading.get_ident(), effect))
        return effect.tokens if isinstance(effect, Send) else ()

    def say(self, tokens: tuple[int, ...], effect: Send | Cut) -> None:
        self.said.append(effect)

    def flush(self, tokens: Iterable[int]) -> None:
        assert not self.runner._turn.locked(), "sockets are written after the turn"
        self.flushed.append(set(tokens))

    def blame(self, token: int, error: BaseException) -> None:
        self.blamed.append(token)


def _entry(row: Row) -> Entry:
    return Entry(cast("AnyRef", row.n), {})


def join(n: int, key: str = "k") -> Join:
    return Join(n, "User", "", key, b"\x80", FAR)


@pytest.fixture
def world() -> World:
    return World()


def test_a_call_to_an_idle_shard_runs_on_the_callers_thread(world: World) -> None:
    assert world.runner.call(join(1), 0) is DONE

    assert [ident for ident, _ in world.effects] == [threading.get_ident()]
    assert world.woken == 0
    assert world.runner.idle


def test_a_call_to_a_busy_shard_waits_for_its_owner(world: World) -> None:
    with world.runner._turn:
        with pytest.raises(Timeout):
            world.runner.call(join(1), 0.01)
        assert world.woken == 1
        assert world.runner.waiting == 1
        assert not world.runner.idle

    world.runner.drain()

    assert world.runner.waiting == 0
    assert isinstance(world.runner.call(Leave(2, "", "k", FAR), 0), NotJoined)


def test_nobody_overtakes_what_waits(world: World) -> None:
    order: list[int] = []

    def note(number: int, _answer: object) -> None:
        order.append(number)

    with world.runner._turn:
        for number in range(3):
            world.runner.post(join(number + 1), partial(note, number))
    world.runner.post(join(9), partial(note, 9))

    assert order == [], "a later message does not run before what waits"
    world.runner.drain()
    assert order == [0, 1, 2, 9]


def test_one_turn_at_a_time_and_each_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers, writes = 4, 100
    busy, done = threading.Lock(), threading.Semaphore(0)
    overlaps: list[object] = []
    perform = world.perform

    def alone(runner: Runner, effect: Effect) -> Iterable[int]:
        if not busy.acquire(blocking=False):
            overlaps.append(effect)
            return ()
        try:
            return perform(runner, effect)
        finally:
            busy.release()

    monkeypatch.setattr(world, "perform", alone)

    def work(index: int) -> None:
        if index == writers:
            for _ in range(writers):
                while not done.acquire(timeout=0.001):
                    world.runner.drain()
            return
        for number in range(writes):
            n = index * writes + number + 1
            assert world.runner.call(join(n), PATIENCE) == DONE
        done.release()

    assert together(writers + 1, work) == [None] * (writers + 1)
    assert overlaps == []
    assert len(world.views[""].groups["k"].rows) == writers * writes


def test_a_turn_that_crashes_stops_the_shard_and_tells_its_owner(world: World) -> None:
    world.poison = Watch

    answer = world.runner.call(join(1), 0)

    assert isinstance(answer, Crashed)
    assert isinstance(answer.error, OSError)
    assert world.errors == [answer.error]
    assert not world.runner.running
    with pytest.raises(Timeout):
        world.runner.call(join(2), 0.01)
    world.poison = None
    world.begin()
    world.runner.drain()
    assert len(world.views[""].groups["k"].rows) == 2
    assert [e.n for _, e in world.effects if isinstance(e, Watch)] == [1, 1, 2]


def test_an_effect_that_fails_twice_is_left_out(world: World) -> None:
    world.runner.call(Subscribe("me", "", "k"), 0)
    world.poison = Notify
    world.runner.call(join(1), 0)
    with pytest.raises(OSError, match="on purpose"):
        world.begin()

    world.begin()

    assert not any(isinstance(effect, Notify) for _, effect in world.effects)
    assert world.runner.running


def test_an_interrupt_breaks_the_turn_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(runner: Runner, effect: Effect) -> Iterable[int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(world, "perform", interrupted)
        with pytest.raises(KeyboardInterrupt):
            world.runner.call(join(1), 0)

    assert not world.runner.running
    assert not world.runner._turn.locked()
    world.begin()
    assert [e.n for _, e in world.effects if isinstance(e, Watch)] == [1, 1]


def test_a_subscription_that_crashes_the_shard_waits_for_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []
    core = world.runner._core
    assert core is not None
    monkeypatch.setattr(core, "step", _broken)

    world.runner.post(Subscribe("me", "", "k"), answers.append)

    assert answers == []
    world.begin()
    world.runner.drain()
    assert answers == [DONE]


def test_what_crashes_every_shard_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[object] = []
    monkeypatch.setattr(Shard, "_subscribe", _broken)

    for _ in range(2):
        world.begin()
        world.runner.post(Subscribe("me", "", "k"), answers.append)
        world.runner.drain()
        world.begin()
        world.runner.drain()

    assert [type(answer) for answer in answers] == [Crashed, Crashed]
    assert world.runner.waiting == 0


def _broken(*_args: object) -> list[Effect]:
    raise OSError("on purpose")


def test_a_new_shard_is_not_told_what_it_knows_already(world: World) -> None:
    answers: list[object] = []
    world.runner.end()
    world.desk.run(Connect(("red",)))
    world.desk.run(Disconnect(("red",)), answers.append)
    assert world.runner.waiting == 2

    world.begin()
    assert answers == []
    world.runner.drain()

    assert answers == [None], "but who asked for it is answered"
    assert list(world.tables.lanes) == [""]


def test_a_frame_that_crashes_the_shard_is_blamed_on_its_link(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.runner._core, "step", _broken)

    world.runner.post(Frame(7, Need(0, 1, None)))

    assert world.blamed == [7]


def test_fences_pass_when_what_came_before_is_handled(world: World) -> None:
    passed: list[str] = []
    with world.runner._turn:
        world.runner.post(join(1), lambda _: passed.append("join"))
        world.runner.fence(lambda: passed.append("fence"))
        world.runner.post(join(2), lambda _: passed.append("later"))
    assert passed == []

    world.runner.drain()

    assert passed == ["join", "fence", "later"]


def test_a_closed_runner_answers_everybody(world: World) -> None:
    answers: list[object] = []
    with world.runner._turn:
        world.runner.post(join(1), answers.append)
        world.runner.fence(lambda: answers.append("fence"))

    world.runner.close()

    assert [type(answer) for answer in answers] == [Crashed, str]
    assert isinstance(world.runner.call(join(2), PATIENCE), Crashed)
    world.runner.post(join(3), answers.append)
    assert isinstance(answers[-1], Crashed)


def test_links_are_written_to_after_the_turn(world: World) -> None:
    node = NodeId("peer", bytes(16))
    world.desk.run(LinkUp(5, node))

    world.runner.drain()

    # The catalogue, then the hello of the shard.
    assert world.flushed == [{5}, {5}]


def test_a_countdown_ends_once() -> None:
    done: list[object] = []
    one_less = countdown(3, lambda: done.append(1))

    together(8, lambda _: one_less())

    assert done == [1]
