"""Nomads in three processes: a job that ends in one runs on in another."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors import ActorDeadError, Timeout
from tests.cluster.terminals import START_LIMIT, Terminal
from tests.cluster.test_three_processes import address_in
from tests.waiting import eventually
from transport import Node

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

COOKIE = "only for tests, at least 32 bytes long"
Desk = Any  # A proxy; its methods are those of the desk.
PROMISED = 1.0
"""Seconds from the end of a job to its next life."""


class Nomads:
    """Three terminals with a nomad supervisor each, and a hidden node that asks."""

    def __init__(self, folder: Path) -> None:
        self.eye = Node.start("eye", hidden=True, cookie=COOKIE)
        self.terminals: dict[str, Terminal] = {}
        first: list[str] = []
        for name in ("a", "b", "c"):
            words = ["start", "--name", name, "--app", "tests.cluster.nomads:factory"]
            opened = Terminal(folder, *words, *first, GROUP_COOKIE=COOKIE)
            self.terminals[name] = opened
            address = address_in(opened)
            self.eye.join(address)
            first = first or ["--join", address]
        for name in self.terminals:
            self.await_supervisors(name, 3)

    def desk(self, name: str) -> Desk:
        return self.eye.actor(name, "desk").proxy()

    def pid(self, name: str) -> int:
        return self.terminals[name].process.pid

    def await_supervisors(self, name: str, count: int) -> None:
        def known() -> bool:
            try:
                seen: int = self.desk(name).supervisors().get(timeout=10)
            except (ActorDeadError, Timeout) as error:
                raise AssertionError(str(error)) from error
            return seen == count

        eventually(known, START_LIMIT, what=f"{name} knows {count} supervisors")

    def await_life(self, asked: str, *pids: int) -> int:
        """Wait until the job runs in one of these processes; return which one."""

        def lives() -> int:
            pid: int | None = self.desk(asked).process_of("job").get(timeout=10)
            return pid if pid in pids and pid is not None else 0

        return eventually(lives, timeout=5 * PROMISED, what="the next life")

    def end(self) -> None:
        for opened in self.terminals.values():
            opened.end()
        self.eye.stop()


@pytest.fixture
def nomads(tmp_path: Path) -> Iterator[Nomads]:
    made = Nomads(tmp_path)
    try:
        yield made
    finally:
        made.end()


def test_a_job_that_fails_runs_on_in_another_process(nomads: Nomads) -> None:
    nomads.desk("a").start_job("job").get(timeout=10)
    pids = {name: nomads.pid(name) for name in "abc"}
    home = nomads.await_life("b", pids["a"])

    for _ in range(3):
        others = [pid for pid in pids.values() if pid != home]
        # Who is to tell it hears of the next life when all others do, or later.
        nomads.await_life("b", home)
        nomads.desk("b").job("job").get(timeout=10).tell("fail")
        since = time.monotonic()
        home = nomads.await_life("c", *others)
        print(f"next life after {(time.monotonic() - since) * 1000:.0f} ms")


def test_a_job_of_a_killed_process_runs_on_in_another(nomads: Nomads) -> None:
    nomads.desk("a").start_job("job").get(timeout=10)
    nomads.await_life("b", nomads.pid("a"))

    nomads.terminals["a"].process.send_signal(signal.SIGKILL)
    since = time.monotonic()
    home = nomads.await_life("b", nomads.pid("b"), nomads.pid("c"))
    print(f"next life after {(time.monotonic() - since) * 1000:.0f} ms")

    for name in ("b", "c"):
        nomads.await_supervisors(name, 2)
        assert nomads.await_life(name, home) == home
