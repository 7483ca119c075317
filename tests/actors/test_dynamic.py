"""Dynamic supervisors: children that come and go, each on its own."""

import threading
from typing import Any

import pytest

from actors import (
    ChildError,
    DynamicSupervisor,
    DynamicSupervisorRef,
    MaxChildrenError,
    StartError,
    Supervisor,
    child,
    mailbox,
    monitor,
)
from tests.actors.crew import (
    Failing,
    Log,
    Option,
    Plain,
    Ref,
    SlowToStart,
    SlowToStop,
    Worker,
    ref_of,
    worker,
)
from tests.conftest import Eventually

Pool = DynamicSupervisorRef[Any]


@pytest.fixture
def log() -> Log:
    return Log()


def add(pool: Pool, log: Log, name: str, **options: Option) -> Ref:
    """Start a worker that is not expected to decline."""
    ref = pool.start_child(worker(log, name, **options))
    assert ref is not None
    return ref


def alive(pool: Pool) -> list[Ref | None]:
    return [each.ref for each in pool.which_children() if each.state == "running"]


def test_it_starts_empty_and_gets_children_at_run_time(log: Log) -> None:
    with DynamicSupervisor.start() as pool:
        assert pool.which_children() == []

        a, b = add(pool, log, "a"), add(pool, log, "b")

        assert alive(pool) == [b, a]


def test_many_children_can_be_made_from_one_spec(log: Log) -> None:
    spec = worker(log, "same")
    with DynamicSupervisor.start() as pool:
        started = {pool.start_child(spec) for _ in range(5)}

        assert len(started) == 5
        assert pool.count_children() == (5, 5, 0, 5)


def test_a_child_that_crashes_restarts_alone(log: Log, eventually: Eventually) -> None:
    with DynamicSupervisor.start() as pool:
        a, b = add(pool, log, "a"), add(pool, log, "b")

        a.tell("crash")

        eventually(lambda: log.events == ["+a", "+b", "+a"])
        eventually(lambda: len(alive(pool)) == 2)
        assert b.is_alive()
        assert a not in alive(pool)


def test_a_plain_pykka_actor_restarts_too(eventually: Eventually) -> None:
    with DynamicSupervisor.start() as pool:
        first = pool.start_child(child(Plain))
        assert first is not None

        first.tell("crash")

        eventually(lambda: alive(pool) not in ([], [first]))


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_a_child_that_is_done_is_forgotten(
    log: Log, restart: str, eventually: Eventually
) -> None:
    with DynamicSupervisor.start() as pool:
        ref = add(pool, log, "a", restart=restart)

        ref.tell(("exit", "normal"))

        eventually(lambda: pool.which_children() == [])


def test_a_child_is_terminated_by_its_ref_and_forgotten(log: Log) -> None:
    with DynamicSupervisor.start() as pool:
        a, b = add(pool, log, "a"), add(pool, log, "b")

        pool.terminate_child(a)

        assert not a.is_alive()
        assert alive(pool) == [b]
        assert log.events == ["+a", "+b", "-a"]


def test_a_ref_that_is_dead_or_unknown_is_not_found(log: Log) -> None:
    stranger = Worker.start(log, "stranger")
    with DynamicSupervisor.start() as pool:
        a = add(pool, log, "a")
        pool.terminate_child(a)

        for ref in (a, stranger):
            with pytest.raises(ChildError, match="not_found"):
                pool.terminate_child(ref)
    stranger.stop()


def test_max_children_is_a_limit(log: Log) -> None:
    with DynamicSupervisor.start(max_children=2) as pool:
        a = add(pool, log, "a")
        add(pool, log, "b")

        with pytest.raises(MaxChildrenError, match="2 children"):
            add(pool, log, "c")

        pool.terminate_child(a)
        add(pool, log, "c")


def test_a_child_being_restarted_counts_for_max_children(log: Log) -> None:
    """While one restarts there is no room, and afterwards there is none either."""
    attempts: list[int] = []
    go = threading.Event()

    def make() -> Ref:
        attempts.append(1)
        if len(attempts) == 2:
            go.wait(30)
            raise RuntimeError
        return Worker.start(log, "a")

    with DynamicSupervisor.start(max_children=1) as pool:
        first = pool.start_child(child(make))
        assert first is not None
        first.tell("crash")
        refused = pool.proxy().start_child(worker(log, "b"))
        go.set()

        with pytest.raises(MaxChildrenError):
            refused.get(timeout=5)


def test_a_child_that_does_not_start_is_forgotten(log: Log) -> None:
    with DynamicSupervisor.start() as pool:
        with pytest.raises(StartError) as caught:
            pool.start_child(worker(log, "a", Failing))

        assert caught.value.id == "a"
        assert pool.which_children() == []


def test_a_callable_that_declines_leaves_nothing(log: Log) -> None:
    with DynamicSupervisor.start() as pool:
        assert pool.start_child(child(lambda: None)) is None
        assert pool.which_children() == []


def test_a_callable_that_declines_to_restart_is_forgotten(
    log: Log, eventually: Eventually
) -> None:
    attempts: list[int] = []

    def make() -> Ref | None:
        attempts.append(1)
        return Worker.start(log, "a") if len(attempts) == 1 else None

    with DynamicSupervisor.start() as pool:
        first = pool.start_child(child(make))
        assert first is not None

        first.tell("crash")

        eventually(lambda: len(attempts) == 2 and pool.which_children() == [])


def test_extra_arguments_come_first(log: Log) -> None:
    with DynamicSupervisor.start(extra_arguments=(log,)) as pool:
        pool.start_child(child(Worker, "a"))

        assert log.events == ["+a"]


def test_a_significant_child_is_refused(log: Log) -> None:
    with DynamicSupervisor.start() as pool, pytest.raises(ValueError, match="never"):
        pool.start_child(worker(log, "a", restart="transient", significant=True))


@pytest.mark.crashes("DynamicSupervisor", by="max_children must be")
@pytest.mark.parametrize("value", [-1, 1.5, True, "2"])
def test_a_wrong_limit_is_refused(value: Option) -> None:
    with pytest.raises((TypeError, ValueError), match="max_children must be"):
        DynamicSupervisor.start(max_children=value)


def test_all_children_are_told_to_stop_before_any_is_waited_for(
    log: Log, eventually: Eventually
) -> None:
    pool = DynamicSupervisor.start()
    for name in "abc":
        pool.start_child(worker(log, name, SlowToStop, shutdown="infinity"))

    stopping = pool.stop(block=False)

    eventually(lambda: sorted(log.events[3:]) == ["-a", "-b", "-c"])
    for name in "abc":
        log.gate(name).set()
    assert stopping.get(timeout=5)


def test_each_child_has_its_own_time_to_stop(log: Log, eventually: Eventually) -> None:
    pool = DynamicSupervisor.start()
    add(pool, log, "a", cls=SlowToStop, shutdown=0.05)
    b = add(pool, log, "b", cls=SlowToStop, shutdown="infinity")
    with mailbox() as me:
        monitor(b)
        stopping = pool.stop(block=False)
        eventually(lambda: sorted(log.events[2:]) == ["-a", "-b"])
        log.gate("b").set()

        assert stopping.get(timeout=5)
        assert me.receive(timeout=5).reason == "shutdown"
    log.gate("a").set()


def test_too_many_restarts_end_it(log: Log) -> None:
    with mailbox() as me:
        pool = DynamicSupervisor.start(max_restarts=0)
        monitor(pool)
        b = add(pool, log, "b")

        add(pool, log, "a").tell("crash")

        assert me.receive(timeout=5).reason == "shutdown"
    assert not b.is_alive()


@pytest.mark.crashes("DynamicSupervisor", by="normal")
def test_restarted_it_has_no_children(log: Log, eventually: Eventually) -> None:
    with Supervisor.start([child(DynamicSupervisor, id="pool")]) as boss:
        pool = ref_of(boss, "pool")
        assert isinstance(pool, DynamicSupervisorRef)
        a = add(pool, log, "a")

        pool.stop()

        eventually(lambda: ref_of(boss, "pool") is not pool)
        again = ref_of(boss, "pool")
        assert isinstance(again, DynamicSupervisorRef)
        assert again.which_children() == []
        assert not a.is_alive()


def test_a_slow_start_holds_up_the_others_and_no_more(log: Log) -> None:
    with DynamicSupervisor.start() as pool:
        slow = pool.proxy().start_child(worker(log, "a", SlowToStart))
        next_one = pool.proxy().start_child(worker(log, "b"))
        log.gate("a").set()

        assert slow.get(timeout=5).is_alive()
        assert next_one.get(timeout=5).is_alive()
        assert log.events == ["+a", "+b"]
