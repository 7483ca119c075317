"""Ctrl-C in the middle of a verb, in the thread that has lent itself to a shard."""

import gc
import random
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import FrameType

import pytest

from actors import Actor, Timeout, mailbox
from group import Group, NotJoinedError, NotRegisteredError, StoppedError
from group._tree.tree import GroupSupervisor, Shards
from tests.group.people import PATIENCE, groups, listeners, settle
from tests.waiting import eventually

INTERRUPTS = 200

# An interrupt that comes while an object is being cleaned up cannot be raised: Python
# reports it and goes on, which is no fault of a group.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)


class Listener(Actor):
    """Somebody to register."""


def run_until_interrupted(work: Callable[[], None], seconds: float) -> None:
    """Repeat some work; raise KeyboardInterrupt in it after a while, wherever it is."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        # Bounded: one that comes while the interpreter cleans up is not raised.
        for _ in range(1_000):
            work()
    except KeyboardInterrupt:
        return
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.fixture(autouse=True)
def no_garbage() -> Iterator[None]:
    """Collect what other tests have left before, and not while interrupts come."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@pytest.mark.crashes("ShardActor", by="KeyboardInterrupt")
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

            def come_and_go() -> None:
                g.register("k", {"a": 1}, actor=one)
                g.join("k", actor=one)
                g.leave("k", actor=one)
                g.unregister("k")

            for _ in range(INTERRUPTS):
                run_until_interrupted(come_and_go, chance.uniform(20e-6, 400e-6))
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


def test_a_wait_that_is_interrupted_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Group.start("app", log=False) as g:
        runner = g._instance.runners[-1]

        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(runner, "post", interrupted)
            with suppress(KeyboardInterrupt):
                g.wait_for_member("all/", timeout=PATIENCE)

        assert not g._instance.waiting


@pytest.mark.crashes("ShardActor", by="KeyboardInterrupt")
def test_links_serve_on_wherever_interrupts_have_hit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The main thread writes to sockets, too, and may be interrupted there."""
    for supervisor in (Shards, GroupSupervisor):
        monkeypatch.setattr(supervisor, "max_restarts", 2 * INTERRUPTS)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with groups("a", "b", shards=1) as (ga, gb), listeners() as (one,):

            def come_and_go() -> None:
                ga.join("k", actor=one)
                ga.leave("k", actor=one)

            for _ in range(INTERRUPTS):
                run_until_interrupted(come_and_go, chance.uniform(20e-6, 400e-6))

            ga.join("end", actor=one)
            gb.wait_for_member("end", timeout=PATIENCE)
            settle(ga, gb)
            assert gb.keys() == ga.keys()
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_group_can_be_stopped_by_a_signal_that_comes_within_a_turn() -> None:
    """The handler runs on top of the turn, which cannot end before the handler has."""
    seen: list[BaseException | None] = []

    def stop(_number: int, _frame: FrameType | None) -> None:
        try:
            g.stop(timeout=0.1)
        except Timeout as error:
            seen.append(error)
        else:
            seen.append(None)

    def extract(meta: Mapping[str, object]) -> Mapping[str, object]:
        # Here a turn tells a monitor.
        if not seen:
            signal.raise_signal(signal.SIGUSR1)
        return meta

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        g = Group.start("app", log=False, extract_meta=extract)
        with mailbox() as me:
            g.monitor("k")
            with suppress(StoppedError):
                g.register("k", actor=me.ref)

            assert len(seen) == 1, "it has come back"
            with pytest.raises(StoppedError):
                g.lookup("k")
    finally:
        signal.signal(signal.SIGUSR1, before)
