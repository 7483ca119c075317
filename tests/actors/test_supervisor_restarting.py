"""What the model cannot say: busy supervisors, reports, and one story of use."""

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from actors import Crash, StartError, Supervisor, child, mailbox, monitor, on_down, tree
from tests.actors.crew import (
    BrokenError,
    Company,
    Failing,
    Log,
    Plain,
    Ref,
    Worker,
    ref_of,
    replaced,
    team,
    worker,
)
from tests.conftest import Eventually


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def reports(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.INFO, "actors"):
        yield caplog


def lines(reports: pytest.LogCaptureFixture, event: str) -> list[str]:
    """The lines about one kind of event."""
    texts = [record.getMessage() for record in reports.records]
    return [text for text in texts if text.split()[0] == event]


def end(ref: Ref, message: object) -> None:
    """Let an actor end, and wait until those who watched it before know."""
    ended = threading.Event()
    on_down(ref, lambda _: ended.set())
    ref.tell(message)
    assert ended.wait(5)


class Slow(Worker):
    """Starts when its gate opens, and says that it is at it."""

    def on_start(self) -> None:
        self.log.gate(f"{self.name} starts").set()
        self.log.gate(self.name).wait(30)
        super().on_start()


# Deaths while the supervisor is busy.


def test_a_child_that_dies_while_its_siblings_start_is_restarted_after_that(
    log: Log, eventually: Eventually
) -> None:
    first: list[Ref] = []

    def make() -> Ref:
        first.append(Worker.start(log, "a"))
        return first[-1]

    inner = child(Supervisor, [child(make, id="a"), worker(log, "b", Slow)], id="x")
    with Supervisor.start([]) as boss:
        started = boss.proxy().start_child(inner)
        assert log.gate("b starts").wait(5)
        end(first[0], "crash")
        log.gate("b").set()

        x = started.get(timeout=5)

        eventually(lambda: len(first) == 2)
        eventually(lambda: ref_of(x, "a") is first[1])
        assert log.events == ["+a", "+b", "+a"]
        assert tree(x).roots[0].children[0].restarts == 1


def test_deaths_that_waited_are_handled_in_order(log: Log) -> None:
    boss = team(log, "ab")
    a, b = ref_of(boss, "a"), ref_of(boss, "b")
    pending = boss.proxy().start_child(worker(log, "c", Slow))
    assert log.gate("c starts").wait(5)

    end(b, "crash")
    end(a, "crash")
    log.gate("c").set()
    pending.get(timeout=5)
    boss.which_children()

    assert log.events == ["+a", "+b", "+c", "+b", "+a"]
    boss.stop()


def test_a_child_that_died_unnoticed_is_not_restarted_when_terminated(
    log: Log,
) -> None:
    boss = team(log, "a")
    a = ref_of(boss, "a")
    pending = boss.proxy().start_child(worker(log, "b", Slow))
    assert log.gate("b starts").wait(5)
    terminated = boss.proxy().terminate_child("a")
    end(a, "crash")
    log.gate("b").set()

    terminated.get(timeout=5)
    pending.get(timeout=5)

    assert [each.state for each in boss.which_children()] == ["running", "down"]
    assert log.events == ["+a", "+b"]
    boss.stop()


# Giving up.


def test_a_supervisor_that_gives_up_ends_with_shutdown(log: Log) -> None:
    with mailbox() as me:
        boss = team(log, "abc", max_restarts=0)
        monitor(boss)

        ref_of(boss, "b").tell("crash")

        assert me.receive(timeout=5).reason == "shutdown"
    assert log.events == ["+a", "+b", "+c", "-c", "-a"]


@pytest.mark.crashes("Supervisor", by="shutdown")
def test_a_permanent_team_that_gave_up_is_restarted_by_its_boss(
    log: Log, eventually: Eventually
) -> None:
    inner = child(Supervisor, [worker(log, "a")], id="x", max_restarts=0)
    with Supervisor.start([inner]) as boss:
        x: Any = ref_of(boss, "x")

        ref_of(x, "a").tell("crash")

        again = eventually(lambda: replaced(boss, "x", x))
        assert ref_of(again, "a").is_alive()


def test_a_transient_team_that_gave_up_stays_down(
    log: Log, eventually: Eventually
) -> None:
    inner = child(
        Supervisor, [worker(log, "a")], id="x", max_restarts=0, restart="transient"
    )
    with Supervisor.start([inner]) as boss:
        x: Any = ref_of(boss, "x")

        ref_of(x, "a").tell("crash")

        eventually(lambda: boss.which_children()[0].state == "down")


def test_a_child_that_never_starts_again_uses_the_budget_up(
    log: Log, eventually: Eventually
) -> None:
    attempts: list[int] = []

    def make() -> Ref:
        attempts.append(1)
        if len(attempts) > 1:
            raise BrokenError
        return Worker.start(log, "a")

    boss = Supervisor.start([child(make, id="a")], max_restarts=3)

    ref_of(boss, "a").tell("crash")

    assert boss.actor_stopped.wait(5)
    assert len(attempts) == 4


def test_restarts_are_counted_by_the_supervisors_own_clock(log: Log) -> None:
    class Clocked(Supervisor):
        now = 0.0
        max_restarts = 1
        max_seconds = 5.0

        def clock(self) -> float:
            return type(self).now

    boss = Clocked.start([worker(log, "a")])
    end(ref_of(boss, "a"), "crash")
    assert ref_of(boss, "a").is_alive()
    Clocked.now = 5.000001
    end(ref_of(boss, "a"), "crash")
    assert ref_of(boss, "a").is_alive()
    Clocked.now = 10.000001

    end(ref_of(boss, "a"), "crash")

    assert boss.actor_stopped.wait(5)


def test_a_significant_child_that_is_done_ends_its_supervisor(log: Log) -> None:
    job = worker(log, "job", restart="transient", significant=True)
    boss = Supervisor.start([worker(log, "a"), job], auto_shutdown="any_significant")

    ref_of(boss, "job").tell(("exit", "normal"))

    assert boss.actor_stopped.wait(5)


# Reports.


def test_a_crash_is_reported_once_with_all_that_is_known(
    log: Log, reports: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    with team(log, "a") as boss:
        first = ref_of(boss, "a")

        first.tell("crash")

        second = eventually(lambda: replaced(boss, "a", first))
        (line,) = lines(reports, "child_terminated")
    assert f"supervisor={boss}" in line
    assert "child=a" in line
    assert f"actor={first}" in line
    assert "restart=permanent" in line
    assert "reason=BrokenError" in line
    assert "Traceback" not in line
    assert len(lines(reports, "actor_crashed")) == 1
    assert [
        f"actor={ref}" in text
        for ref, text in zip(
            [first, second], lines(reports, "child_started"), strict=True
        )
    ] == [True, True]


def test_a_report_has_its_fields_for_handlers_that_want_them(
    log: Log, reports: pytest.LogCaptureFixture
) -> None:
    boss = team(log, "a", max_restarts=0)
    a = ref_of(boss, "a")

    end(a, "crash")
    assert boss.actor_stopped.wait(5)

    found = [vars(record).get("fields", {}) for record in reports.records]
    (fields,) = [each for each in found if each.get("event") == "child_terminated"]
    assert isinstance(fields.pop("reason"), Crash)
    assert fields == {
        "event": "child_terminated",
        "supervisor": boss,
        "child": "a",
        "actor": a,
        "restart": "permanent",
    }
    boss.stop()


@pytest.mark.crashes("Supervisor", by="StartError")
def test_progress_is_information_and_trouble_is_an_error(
    log: Log, reports: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(StartError):
        Supervisor.start([worker(log, "a"), worker(log, "b", Failing)])

    levels = {
        record.getMessage().split()[0]: record.levelname for record in reports.records
    }
    assert levels["child_started"] == "INFO"
    assert levels["start_error"] == "ERROR"
    assert len(lines(reports, "start_error")) == 1


def test_normal_ends_of_transient_children_are_not_reported(
    log: Log, reports: pytest.LogCaptureFixture
) -> None:
    boss = Supervisor.start([worker(log, "a", restart="transient")])

    end(ref_of(boss, "a"), ("exit", "normal"))
    boss.which_children()

    assert lines(reports, "child_terminated") == []
    boss.stop()


def test_giving_up_is_reported_with_the_last_reason(
    log: Log, reports: pytest.LogCaptureFixture
) -> None:
    boss = team(log, "a", max_restarts=0, max_seconds=7.0)

    ref_of(boss, "a").tell("crash")
    assert boss.actor_stopped.wait(5)
    boss.stop()

    (line,) = lines(reports, "supervisor_gave_up")
    assert "attempts=1 within=7.0 reason=BrokenError" in line


def test_a_child_that_had_to_be_abandoned_is_reported(
    log: Log, reports: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    boss = Supervisor.start([worker(log, "a", shutdown=0.05)])
    ref_of(boss, "a").tell("wait")
    assert log.gate("a waits").wait(5)

    boss.terminate_child("a", timeout=5)

    (line,) = lines(reports, "shutdown_error")
    assert "reason=killed" in line
    assert len(lines(reports, "actor_thread_abandoned")) == 1
    log.gate("a").set()
    eventually(lambda: lines(reports, "abandoned_actor_thread_ended"))
    boss.stop()


def test_an_orderly_life_makes_no_trouble(
    log: Log, reports: pytest.LogCaptureFixture
) -> None:
    Company.start(log).stop()

    assert [r.getMessage() for r in reports.records if r.levelname != "INFO"] == []


# The story of Mopidy's frozen clients: one dead session must not take the others.


def test_a_broadcast_that_meets_a_dead_session_does_not_freeze_the_rest(
    log: Log, eventually: Eventually
) -> None:
    class Frontend(Worker):
        def on_receive(self, message: object) -> object:
            for session in self.log.gates:
                sessions[session].tell(message)
            return message

    sessions: dict[str, Ref] = {}
    with Supervisor.start([worker(log, "front", Frontend)]) as boss:
        front = ref_of(boss, "front")
        dead = Worker.start(log, "session")
        dead.stop()
        log.gate("session")
        sessions["session"] = dead

        front.tell("song changed")

        again = eventually(lambda: replaced(boss, "front", front))
        log.gates.clear()
        assert again.ask("song changed", timeout=5) == "song changed"


# Being up.


@pytest.mark.parametrize("how", ["class", "callable"])
def test_a_child_is_up_although_its_first_message_takes_long(
    log: Log, how: str
) -> None:
    class Eager(Worker):
        def on_start(self) -> None:
            self.actor_ref.tell("wait")
            super().on_start()

    spec = worker(log, "a", Eager)
    if how == "callable":
        spec = child(lambda: Eager.start(log, "a"), id="a")

    with Supervisor.start([spec]) as boss:
        assert log.gate("a waits").wait(5)
        log.gate("a").set()
        assert boss.count_children().active == 1


def test_a_plain_child_is_up_although_its_first_message_takes_long(log: Log) -> None:
    class Eager(Plain):
        def on_start(self) -> None:
            self.actor_ref.tell("wait")

        def on_receive(self, message: object) -> object:
            log.gate("waits").set()
            log.gate("go").wait(30)
            return message

    with Supervisor.start([child(Eager)]):
        assert log.gate("waits").wait(5)
        log.gate("go").set()


def test_a_child_that_comes_up_and_ends_at_once_did_come_up(
    log: Log, eventually: Eventually
) -> None:
    class Brief(Worker):
        def on_start(self) -> None:
            super().on_start()
            self.exit("normal")

    with Supervisor.start([worker(log, "a", Brief, restart="transient")]) as boss:
        eventually(lambda: boss.which_children()[0].state == "down")

    assert log.events == ["+a", "-a"]
