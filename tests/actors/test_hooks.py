"""Hooks: whoever wants to know is told, and nobody else pays."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from actors import Actor, Crash, Supervisor, child, hooks
from tests.waiting import eventually

Told = tuple[str, dict[str, float], dict[str, object]]


class Ear:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    def __call__(
        self, name: str, measured: Mapping[str, float], about: Mapping[str, object]
    ) -> None:
        self.told.append((name, dict(measured), dict(about)))

    def names(self) -> list[str]:
        return [name for name, _, _ in self.told]


class Worker(Actor):
    def on_receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        return message


Listen = Callable[..., Ear]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Attach an ear that is detached in the end."""
    attached = []

    def attach(*patterns: str) -> Ear:
        ear = Ear()
        attached.append(hooks.attach(ear, *patterns))
        return ear

    yield attach
    for detach in attached:
        detach()


def test_a_message_is_told_before_and_after(listen: Listen) -> None:
    ear = listen("actors.message.")
    worker = Worker.start()

    worker.ask("hello", timeout=5)
    eventually(lambda: len(ear.told) >= 2)
    worker.stop()

    (start, nothing, about), (stop, measured, same) = ear.told[:2]
    assert (start, stop) == ("actors.message.start", "actors.message.stop")
    assert nothing == {}
    assert 0 <= measured["seconds"] < 5
    assert about == same == {"cls": "Worker"}


def test_a_failing_message_is_told_as_such(listen: Listen) -> None:
    ear = listen("actors.message.exception", "actors.actor.crash")
    worker = Worker.start()

    with pytest.raises(ZeroDivisionError):
        worker.ask(ZeroDivisionError(), timeout=5)

    eventually(lambda: len(ear.told) == 2)
    (name, measured, about), (crash, _, crashed) = ear.told
    assert (name, crash) == ("actors.message.exception", "actors.actor.crash")
    assert "seconds" in measured
    assert about == {"cls": "Worker", "error": "ZeroDivisionError"}
    assert crashed == {"cls": "Worker", "error": "ZeroDivisionError"}


def test_a_restart_is_told_with_its_reason(listen: Listen) -> None:
    ear = listen("actors.child.restart")
    supervisor = Supervisor.start([child(Worker, id="w")])
    try:
        (row,) = supervisor.which_children()
        assert row.ref is not None
        row.ref.tell(ZeroDivisionError())

        eventually(lambda: ear.told)
    finally:
        supervisor.stop()

    ((_, measured, about),) = ear.told
    assert measured == {"restarts": 1}
    assert (about["supervisor"], about["child"]) == ("Supervisor", "w")
    assert isinstance(about["reason"], Crash)


def test_a_pattern_is_a_name_or_a_beginning(listen: Listen) -> None:
    point = hooks.hook("tests.some.thing")
    every, some, exact = listen(), listen("tests."), listen("tests.some.thing")
    half, other = listen("tests.some.th"), listen("tests.some.thing.else")

    point({}, {})

    assert [len(each.told) for each in (every, some, exact)] == [1, 1, 1]
    assert (half.told, other.told) == ([], [])


def test_who_comes_before_the_hook_is_made_is_told_too(listen: Listen) -> None:
    ear = listen("tests.later")

    hooks.hook("tests.later")({"n": 1}, {})

    assert ear.told == [("tests.later", {"n": 1}, {})]


def test_who_is_detached_is_told_no_more() -> None:
    point, ear = hooks.hook("tests.detached"), Ear()
    detach = hooks.attach(ear, "tests.detached")

    assert detach()
    assert not detach()
    point({}, {})

    assert ear.told == []
    assert point.callbacks == ()


def test_nobody_is_called_while_nobody_listens() -> None:
    span = hooks.span("tests.span")
    assert not span.observed

    detach = hooks.attach(Ear(), "tests.span.exception")
    assert span.observed
    detach()

    assert not span.observed


def test_an_observer_that_fails_is_logged_and_dropped(
    listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    point, calls = hooks.hook("tests.broken"), []

    def broken(*told: object) -> None:
        calls.append(told)
        raise RuntimeError("no such luck")

    hooks.attach(broken, "tests.broken")
    ear = listen("tests.broken")
    point({}, {})
    point({}, {})

    assert len(calls) == 1
    assert len(ear.told) == 2
    assert "hook_failed" in caplog.text


def test_the_names_are_stable() -> None:
    ours = [name for name in hooks.names() if not name.startswith("tests.")]

    assert [name for name in ours if name.startswith("actors.")] == [
        "actors.actor.crash",
        "actors.child.restart",
        "actors.message.exception",
        "actors.message.start",
        "actors.message.stop",
    ]


@pytest.mark.parametrize("pattern", [5, None, b"actors.", ""])
def test_what_is_no_name_is_refused_and_harms_nobody(
    listen: Listen, pattern: object
) -> None:
    no_name: Any = pattern
    point = hooks.hook("tests.refused")

    with pytest.raises((TypeError, ValueError), match="hook"):
        hooks.attach(lambda *_: None, no_name)

    ear = listen("tests.refused")
    point({}, {})
    assert ear.names() == ["tests.refused"]


def test_what_cannot_be_called_is_refused() -> None:
    no_callback: Any = "actors."

    with pytest.raises(TypeError, match="is not callable"):
        hooks.attach(no_callback)


@pytest.mark.parametrize("error", [SystemExit(1), BaseException("odd"), OSError()])
def test_no_error_of_an_observer_reaches_what_it_observes(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    point = hooks.hook("tests.exits")

    def leaves(*_: object) -> None:
        raise error

    hooks.attach(leaves, "tests.exits")
    point({}, {})

    assert "hook_failed" in caplog.text


def test_ctrl_c_in_an_observer_is_the_users() -> None:
    point = hooks.hook("tests.interrupted")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    detach = hooks.attach(interrupted, "tests.interrupted")
    with pytest.raises(KeyboardInterrupt):
        point({}, {})
    assert detach()
