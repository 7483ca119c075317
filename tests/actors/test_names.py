"""Names of actors, local to the interpreter."""

import sys
import threading
from contextlib import suppress
from typing import Any

import pykka
import pytest

from actors import (
    Actor,
    ActorDeadError,
    ActorError,
    kill,
    on_down,
    register_name,
    start_ready,
    unregister_name,
    whereis,
)


class Worker(Actor):
    pass


class Plain(pykka.ThreadingActor):
    use_daemon_thread = True


@pytest.mark.parametrize("cls", [Worker, Plain])
def test_a_named_actor_is_found_until_it_ends(cls: type[Any]) -> None:
    ref = start_ready(cls)
    register_name("clock", ref)
    register_name("watch", ref)
    at_death: list[object] = []
    done = threading.Event()

    def look(_reason: object) -> None:
        at_death.extend([whereis("clock"), whereis("watch")])
        done.set()

    on_down(ref, look)

    assert whereis("clock") is whereis("watch") is ref
    ref.stop()
    assert done.wait(5)
    assert at_death == [None, None]


def test_a_killed_actor_has_no_name() -> None:
    ref = Worker.start()
    register_name("clock", ref)

    kill(ref)

    assert whereis("clock") is None


def test_a_taken_name_is_refused_and_its_holder_is_named() -> None:
    ref, other = Worker.start(), Worker.start()
    register_name("clock", ref)
    register_name("clock", ref)

    with pytest.raises(ActorError, match=rf"'clock' is already .*{ref.actor_urn}"):
        register_name("clock", other)

    assert whereis("clock") is ref
    ref.stop()
    register_name("clock", other)
    assert whereis("clock") is other
    other.stop()


def test_a_name_can_be_given_up() -> None:
    ref, other = Worker.start(), Worker.start()
    register_name("clock", ref)

    unregister_name("clock")
    unregister_name("clock")

    assert whereis("clock") is None
    register_name("clock", other)
    ref.stop()
    assert whereis("clock") is other
    other.stop()


def test_giving_up_a_name_that_has_just_passed_on_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old, new = Worker.start(), Worker.start()
    register_name("clock", new)

    # The old holder was seen just before it gave the name up.
    monkeypatch.setattr("actors._naming.whereis", lambda _name: old)
    unregister_name("clock")

    assert whereis("clock") is new
    old.stop()
    new.stop()


def test_the_dead_get_no_name() -> None:
    ref = Worker.start()
    ref.stop()

    with pytest.raises(ActorDeadError, match="cannot be named 'clock'"):
        register_name("clock", ref)

    assert whereis("clock") is None


@pytest.mark.slow
def test_no_name_stays_with_the_dead_however_close_the_call() -> None:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(200):
            ref = Worker.start()
            ref.stop(block=False)
            with suppress(ActorDeadError):
                register_name("clock", ref)
            ref.stop(timeout=5)
            on_down(ref, lambda _: None)
            assert whereis("clock") is None
    finally:
        sys.setswitchinterval(before)
