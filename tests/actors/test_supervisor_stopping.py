"""How supervisors end children that are slow, and how trees end without their head."""

import threading
import time
from typing import Any

import pykka
import pytest

import actors
from actors import (
    Actor,
    DeadlockError,
    StartError,
    Supervisor,
    SupervisorRef,
    Timeout,
    child,
    kill,
    link,
    mailbox,
    monitor,
    orphans,
    tree,
)
from tests.actors.crew import (
    Boss,
    Company,
    Log,
    Plain,
    Ref,
    SlowToStart,
    SlowToStop,
    Worker,
    ref_of,
    refs,
    replaced,
    team,
    worker,
)
from tests.conftest import Eventually


@pytest.fixture
def log() -> Log:
    return Log()


# Time to stop.


def test_a_child_that_is_slow_is_waited_for(log: Log) -> None:
    boss = Supervisor.start([worker(log, "a", SlowToStop, shutdown="infinity")])
    slow = ref_of(boss, "a")
    stopped = boss.stop(block=False)

    with pytest.raises(Timeout):
        stopped.get(timeout=0.05)
    log.gate("a").set()

    assert stopped.get(timeout=5)
    assert not slow.is_alive()
    assert orphans() == []


def test_a_child_whose_time_has_passed_is_abandoned(
    log: Log, eventually: Eventually
) -> None:
    boss = Supervisor.start([worker(log, "a", SlowToStop, shutdown=0.05)])
    with mailbox() as me:
        monitor(ref_of(boss, "a"))

        boss.terminate_child("a", timeout=5)

        assert me.receive(timeout=5).reason == "killed"
    assert len(orphans()) == 1
    assert tree(boss).roots[0].children[0].zombies == 1
    assert "zombies=1" in str(tree(boss))

    log.gate("a").set()

    eventually(lambda: not orphans())
    assert tree(boss).roots[0].children[0].zombies == 0
    boss.stop()


def test_no_time_at_all_is_told_and_then_abandoned(log: Log) -> None:
    boss = Supervisor.start([worker(log, "a", SlowToStop, shutdown=0)])

    began = time.monotonic()
    boss.stop(timeout=5)

    assert time.monotonic() - began < 4
    log.gate("a").set()


def test_kill_does_not_run_the_hooks_of_a_child(log: Log) -> None:
    boss = Supervisor.start([worker(log, "a", shutdown="kill")])
    with mailbox() as me:
        monitor(ref_of(boss, "a"))

        boss.stop(timeout=5)

        assert me.receive(timeout=5).reason == "killed"
    assert log.events == ["+a"]


def test_kill_abandons_a_busy_thread_and_a_new_child_takes_its_place(
    log: Log, eventually: Eventually
) -> None:
    boss = Supervisor.start([worker(log, "a", shutdown="kill")])
    first = ref_of(boss, "a")
    first.tell("wait")
    assert log.gate("a waits").wait(5)

    boss.terminate_child("a", timeout=5)
    boss.restart_child("a", timeout=5)

    assert ref_of(boss, "a").ask("hello", timeout=5) == "hello"
    assert len(orphans()) == 1
    log.gate("a").set()
    eventually(lambda: not orphans())
    boss.stop()


def test_a_plain_pykka_child_with_a_backlog_stops_at_once(
    eventually: Eventually,
) -> None:
    taken, release = threading.Event(), threading.Event()

    class Busy(Plain):
        def on_receive(self, message: object) -> object:
            taken.set()
            release.wait(30)
            return message

    boss = Supervisor.start([child(Busy, id="a")])
    busy = ref_of(boss, "a")
    futures = [busy.ask(n, block=False) for n in range(5)]
    assert taken.wait(5)
    stopped = boss.stop(block=False)
    inbox: Any = busy.actor_inbox
    eventually(lambda: inbox.qsize() == 5, what="the stop is in front of four")
    release.set()

    assert stopped.get(timeout=5)
    assert futures[0].get(timeout=5) == 0
    for future in futures[1:]:
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=5)


# Time to start.


def test_a_child_that_takes_too_long_to_start_is_abandoned(
    log: Log, eventually: Eventually
) -> None:
    boss = team(log, "a")

    with pytest.raises(StartError) as caught:
        boss.start_child(worker(log, "b", SlowToStart, start_timeout=0.05))

    assert caught.value.reason == "timeout"
    assert len(orphans()) == 1
    assert [each.id for each in boss.which_children()] == ["a"]
    log.gate("b").set()
    eventually(lambda: not orphans())
    boss.stop()


def test_requests_wait_while_a_child_starts(log: Log) -> None:
    boss = team(log, "a")
    started = boss.proxy().start_child(worker(log, "b", SlowToStart))

    with pytest.raises(Timeout):
        boss.which_children(timeout=0.05)
    log.gate("b").set()

    assert started.get(timeout=5) is ref_of(boss, "b")
    boss.stop()


# A tree without its head.


def test_children_end_by_themselves_when_their_supervisor_is_killed(
    log: Log, eventually: Eventually
) -> None:
    company = Company.start(log)
    leaves = [ref_of(boss_of(company, x), x + each) for x in "xy" for each in "ab"]
    plain = company.start_child(child(Plain))
    assert plain is not None

    kill(company)

    eventually(lambda: not any(leaf.is_alive() for leaf in [*leaves, plain]))
    eventually(lambda: sorted(log.events[4:]) == ["-xa", "-xb", "-ya", "-yb"])


def boss_of(company: Boss, name: str) -> Boss:
    boss = ref_of(company, name)
    assert isinstance(boss, SupervisorRef)
    return boss


@pytest.mark.crashes("Supervisor", by="killed")
def test_a_killed_team_is_replaced_and_leaves_nobody_behind(
    log: Log, eventually: Eventually
) -> None:
    with Company.start(log) as company:
        x = boss_of(company, "x")
        leaves = [ref_of(x, each) for each in ("xa", "xb")]

        kill(x)

        again = eventually(lambda: replaced(company, "x", x))
        eventually(lambda: not any(leaf.is_alive() for leaf in leaves))
        assert len(again.which_children()) == 2


def test_a_child_started_by_a_dead_supervisor_does_not_stay(
    log: Log, eventually: Eventually
) -> None:
    boss = team(log, "")
    late: list[Ref] = []

    def make() -> Ref:
        log.gate("making").set()
        log.gate("made").wait(30)
        late.append(Worker.start(log, "late"))
        return late[0]

    boss.proxy().start_child(child(make))
    assert log.gate("making").wait(5)
    kill(boss)
    log.gate("made").set()

    eventually(lambda: late and not late[0].is_alive())
    eventually(lambda: not orphans())


# Signals and links.


def test_an_exit_signal_stops_the_tree_in_order(log: Log) -> None:
    boss = team(log, "ab")
    with mailbox() as me:
        monitor(boss)

        actors.exit(boss, "deploy")

        assert me.receive(timeout=5).reason == "deploy"
    assert log.events == ["+a", "+b", "-b", "-a"]


def test_a_child_that_links_itself_to_its_supervisor_does_not_take_it_down(
    eventually: Eventually,
) -> None:
    class Clinging(Actor):
        def __init__(self, boss: list[Ref]) -> None:
            super().__init__()
            self.boss = boss

        def on_receive(self, message: object) -> object:
            if message == "crash":
                raise RuntimeError
            link(self.boss[0])
            return message

    above: list[Ref] = []
    with Supervisor.start([child(Clinging, above, id="a")]) as boss:
        above.append(boss)
        first = ref_of(boss, "a")
        first.ask("link", timeout=5)

        first.tell("crash")

        assert eventually(lambda: replaced(boss, "a", first)).is_alive()


# Waiting for oneself.


class Inside(Actor):
    """A child that does to its supervisor what it should not."""

    def on_receive(self, message: object) -> object:
        return message() if callable(message) else None


def test_stopping_ones_own_supervisor_and_waiting_is_a_deadlock() -> None:
    inner = child(Supervisor, [child(Inside, id="a")], id="inner")
    with Supervisor.start([inner]) as outer:
        inside = ref_of(boss_of(outer, "inner"), "a")

        with pytest.raises(DeadlockError, match="use stop\\(block=False\\)"):
            inside.ask(outer.stop, timeout=5)


def test_stopping_ones_own_supervisor_without_waiting_is_fine() -> None:
    boss = Supervisor.start([child(Inside, id="a")])
    inside = ref_of(boss, "a")

    stopped = inside.ask(lambda: boss.stop(block=False), timeout=5)

    assert stopped.get(timeout=5)
    assert not inside.is_alive()


def test_terminating_oneself_and_waiting_is_a_deadlock(
    eventually: Eventually,
) -> None:
    with Supervisor.start([child(Inside, id="a")]) as boss:
        inside = ref_of(boss, "a")

        with pytest.raises(DeadlockError):
            inside.ask(lambda: boss.terminate_child("a"), timeout=5)

        assert eventually(lambda: replaced(boss, "a", inside)) is not None


def test_a_child_may_ask_its_supervisor_about_itself(log: Log) -> None:
    with Supervisor.start([child(Inside, id="a")]) as boss:
        inside = ref_of(boss, "a")

        assert inside.ask(lambda: refs(boss)["a"], timeout=5) is inside
