"""Actors whose names and ends no protocol was written for."""

from collections.abc import Iterator
from typing import cast

import pytest

from actors import Actor, Crash, class_name, mailbox
from group import Group
from tests.group.people import PATIENCE, event_of, groups


class Failing(Actor):
    """Raises what it is told to raise."""

    def on_receive(self, message: object) -> None:
        assert isinstance(message, Exception)
        raise message


@pytest.fixture
def two() -> Iterator[list[Group]]:
    with groups("a", "b") as started:
        yield started


def test_an_actor_of_an_endless_class_name_is_seen_everywhere(
    two: list[Group],
) -> None:
    """One actor more, with whatever name, cuts no link."""
    ga, gb = two
    endless = cast("type[Failing]", type("Endless" * 100, (Failing,), {}))
    ref = endless.start()
    try:
        ga.register("k", {"who": ref}, actor=ref)
        entry = gb.wait_for("k", timeout=PATIENCE)

        assert entry.ref == ref
        assert class_name(ref) == ("Endless" * 100)[:255]
        assert entry.meta["who"] == ref
    finally:
        ref.stop()


def test_a_crash_over_a_file_name_that_is_no_utf8_crashes_no_shard(
    two: list[Group],
) -> None:
    ga, gb = two
    ref = Failing.start()
    with mailbox() as me:
        gb.monitor("k")
        ga.register("k", actor=ref)
        assert event_of(me).type == "registered"
        ref.tell(FileNotFoundError("no \udcff.txt"))

        gone = event_of(me)

    assert gone.type == "unregistered"
    assert gone.reason == Crash("FileNotFoundError", "no \\udcff.txt", "")
    assert {runner.begun for runner in ga._instance.runners} == {1}
