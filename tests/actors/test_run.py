"""The main function of a service."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from actors import Actor, StartError, Supervisor, child, run
from actors._clock import LOOK_UP
from tests.actors.crew import Failing, Log, Worker, worker
from tests.unwoken import seen_after
from tests.waiting import eventually


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture(autouse=True)
def handlers_come_back() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    assert [signal.getsignal(number) for number in numbers] == before


class Signalling(Worker):
    """Once `run` listens, sends this process the signal it was named after."""

    def on_start(self) -> None:
        super().on_start()
        self.actor_ref.tell(None)

    def on_receive(self, message: object) -> object:
        number = signal.Signals[self.name]
        eventually(lambda: isinstance(signal.getsignal(number), partial))
        os.kill(os.getpid(), number)
        return message


class Node:
    """Something that is stopped last."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def stop(self) -> None:
        self.log.events.append("node stopped")


class Service(Supervisor):
    def __init__(self, log: Log, last: str) -> None:
        super().__init__([worker(log, "a"), worker(log, last, Signalling)])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_stops_the_tree_in_order_and_then_the_node(
    log: Log, name: str
) -> None:
    run(child(Service, log, name), node=Node(log))

    assert log.events == ["+a", f"+{name}", f"-{name}", "-a", "node stopped"]


def test_a_tree_that_runs_already_can_be_given(log: Log) -> None:
    boss = Service.start(log, "SIGTERM")

    run(boss)

    assert not boss.is_alive()


def test_a_callable_can_be_given(log: Log) -> None:
    run(lambda: Service.start(log, "SIGTERM"))

    assert log.events[-1] == "-a"


def test_a_class_can_be_given(log: Log) -> None:
    class Whole(Service):
        def __init__(self) -> None:
            super().__init__(log, "SIGTERM")

    run(Whole)

    assert log.events[-1] == "-a"


@pytest.mark.crashes("Supervisor", by="StartError")
def test_a_root_that_does_not_start_is_an_error_and_the_node_stops(log: Log) -> None:
    with pytest.raises(StartError):
        run(child(Supervisor, [worker(log, "a", Failing)]), node=Node(log))

    assert log.events == ["node stopped"]


def test_a_root_that_gives_up_is_a_failure_of_the_program(log: Log) -> None:
    class Breaking(Worker):
        def on_start(self) -> None:
            super().on_start()
            self.actor_ref.tell("crash")

    with pytest.raises(SystemExit) as caught:
        run(child(Supervisor, [worker(log, "a", Breaking)]), node=Node(log))

    assert caught.value.code == 1
    assert log.events == ["+a"] * 4 + ["node stopped"]


def test_a_root_that_is_done_ends_the_program_well(log: Log) -> None:
    class Job(Worker):
        def on_start(self) -> None:
            super().on_start()
            self.exit("normal")

    job = worker(log, "job", Job, restart="transient", significant=True)

    run(child(Supervisor, [job], auto_shutdown="any_significant"))

    assert log.events == ["+job", "-job"]


def test_a_root_that_is_a_plain_worker_may_crash(log: Log) -> None:
    class Crashing(Actor):
        def on_start(self) -> None:
            self.actor_ref.tell("crash")

        def on_receive(self, message: object) -> object:
            raise RuntimeError(message)

    with pytest.raises(SystemExit):
        run(Crashing)


def test_only_the_main_thread_can_wait_for_signals() -> None:
    errors: list[Exception] = []

    def elsewhere() -> None:
        try:
            run(Supervisor)
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(5)

    assert "belongs in the main thread" in str(errors[0])


SCRIPT = """
from actors import Actor, Supervisor, child, run

class Talker(Actor):
    def __init__(self, name):
        super().__init__()
        self.name = name
    def on_start(self):
        print("up", self.name, flush=True)
    def on_stop(self):
        print("down", self.name, flush=True)

class Service(Supervisor):
    def children(self):
        return [child(Talker, name, id=name) for name in "ab"]

class Node:
    def stop(self):
        print("node down", flush=True)

run(Service, node=Node())
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_real_service_ends_well_when_it_is_told_to() -> None:
    process: Any = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True
    )
    with process:
        up = [process.stdout.readline().strip() for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read().split("\n")

    assert up == ["up a", "up b"]
    assert rest == ["down b", "down a", "node down", "done", ""]
    assert process.returncode == 0


@pytest.mark.slow
def test_a_supervisor_that_nobody_stops_is_stopped_when_the_program_ends() -> None:
    script = SCRIPT.replace("run(Service, node=Node())", "Service.start()")

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.split("\n") == [
        *("up a", "up b", "done", "down b", "down a", "")
    ]
    assert done.stderr == ""


WAITING = """
try:
    from actors import mailbox
    with mailbox() as me:
        me.receive({timeout})
except KeyboardInterrupt:
    print("done")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("SIGTERM", SCRIPT),
        ("SIGINT", WAITING.format(timeout="")),
        ("SIGINT", WAITING.format(timeout="60")),
    ],
    ids=["run", "mailbox", "mailbox-with-a-timeout"],
)
def test_a_signal_that_wakes_nobody_is_seen_all_the_same(
    name: str, script: str
) -> None:
    took, lines = seen_after(name, script)

    print(f"seen after {took:.2f} s, within {LOOK_UP:g}")
    assert lines[-1] == "done"
    assert took < 5 * LOOK_UP
