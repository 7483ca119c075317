"""Ctrl-C in the middle of a verb, in the thread that has lent itself to a shard."""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest

from actors import Actor
from group import Group, NotJoinedError, NotRegisteredError
from group._tree import GroupSupervisor, Shards
from tests.group.people import PATIENCE
from tests.waiting import eventually

INTERRUPTS = 200


class Listener(Actor):
    """Somebody to register."""


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Raise KeyboardInterrupt in this thread after a while, wherever it is then."""
    with suppress(KeyboardInterrupt):
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def test_a_group_serves_on_wherever_interrupts_have_hit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A turn that is not given back would stop its shard for ever."""
    # Each interrupted turn is a crash; here there are more than anybody types.
    for supervisor in (Shards, GroupSupervisor):
        monkeypatch.setattr(supervisor, "max_restarts", 2 * INTERRUPTS)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with Group.start("app", shards=1, log=False) as g:
            one = Listener.start()
            for _ in range(INTERRUPTS):
                with interrupted_after(chance.uniform(20e-6, 400e-6)):
                    while True:
                        g.register("k", {"a": 1}, actor=one)
                        g.join("k", actor=one)
                        g.leave("k", actor=one)
                        g.unregister("k")
                with suppress(NotRegisteredError):
                    g.unregister("k", timeout=PATIENCE)
                with suppress(NotJoinedError):
                    g.leave("k", actor=one, timeout=PATIENCE)

            g.register("a/k", actor=one)
            g.join("a/k", actor=one)
            assert [record.key for record in g.entries("a/")] == ["a/k", "a/k"]
            one.stop()
            eventually(lambda: g.local_entries() == [], PATIENCE)
            assert g.keys() == []
    finally:
        signal.signal(signal.SIGALRM, before)
