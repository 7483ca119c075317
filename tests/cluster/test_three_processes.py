"""Three nodes in three processes, started by groupctl: what one does, all see."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from actors import ActorDeadError, Timeout
from tests.cluster.terminals import START_LIMIT, Terminal
from tests.waiting import eventually
from transport import Node

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

COOKIE = "only for tests, at least 32 bytes long"
Proxy = Any  # Its methods are those of the clerk.
NAMES = ("a", "b", "c")
HEARTBEAT, LEASE, GRACE = 0.4, 2.0, 0.5


class Cluster:
    """Three terminals, and a hidden node from which their clerks are asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.terminals: dict[str, Terminal] = {}
        self.first = ""
        self._eye: Node | None = None

    def start(self, name: str) -> None:
        """Start a node that joins the first one."""
        words = ["start", "--name", name, "--app", "tests.cluster.app:factory"]
        words += ["--heartbeat", str(HEARTBEAT), "--lease", str(LEASE)]
        words += ["--grace", str(GRACE)]
        if self.first:
            words += ["--join", self.first]
        self.terminals[name] = Terminal(self._folder, *words, GROUP_COOKIE=COOKIE)
        self.first = self.first or address_in(self.terminals[name])

    @property
    def eye(self) -> Node:
        if self._eye is None:
            self._eye = Node.start(
                "eye",
                hidden=True,
                cookie=COOKIE,
                heartbeat=HEARTBEAT,
                lease=LEASE,
                grace=GRACE,
            )
        return self._eye

    def clerk(self, name: str) -> Proxy:
        return self.eye.actor(name, "clerk").proxy()

    def view(self, name: str) -> list[tuple[str, str, str]]:
        view: list[tuple[str, str, str]] = self.clerk(name).view().get(timeout=10)
        return view

    def owners(self, name: str) -> set[str]:
        return {node for _, _, node in self.view(name)}

    def await_agreement(self, *names: str) -> None:
        """Wait until these nodes see exactly each other's rows."""
        for name in names:
            self.eye.join(address_in(self.terminals[name]))

        def agreed() -> bool:
            views = [self.view(name) for name in names]
            assert all(view == views[0] for view in views), views
            assert self.owners(names[0]) == set(names), views[0]
            return True

        eventually(patient(agreed), START_LIMIT, what=f"{names} agree")

    def signal(self, name: str, number: signal.Signals) -> float:
        at = time.monotonic()
        self.terminals[name].process.send_signal(number)
        return at

    def end(self) -> None:
        for terminal in self.terminals.values():
            terminal.end()
        if self._eye is not None:
            self._eye.stop()


def address_in(terminal: Terminal) -> str:
    """Return what a node says when it is ready."""
    return terminal.await_line(" is up at ").split(" is up at ")[1].split(",")[0]


def patient(ask: Callable[[], bool]) -> Callable[[], bool]:
    """Take "not linked yet" for "not yet"."""

    def asked() -> bool:
        try:
            return ask()
        except (ActorDeadError, Timeout) as error:
            raise AssertionError(str(error)) from error

    return asked


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Three nodes for one test, which may kill them."""
    yield from running(tmp_path)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes for all tests that leave them alone."""
    yield from running(tmp_path_factory.mktemp("calm"))


def running(folder: Path) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        for name in NAMES:
            made.start(name)
        made.await_agreement(*NAMES)
        yield made
    finally:
        made.end()


def await_row(cluster: Cluster, watcher: str, row: tuple[str, str, str]) -> None:
    def seen() -> bool:
        return row in cluster.view(watcher)

    eventually(patient(seen), START_LIMIT, what=f"{watcher} sees {row}")


class Purge(NamedTuple):
    """When a node's rows were first seen to be gone."""

    at: float
    took: float


def await_purge(cluster: Cluster, watcher: str, gone: str, since: float) -> Purge:
    def purged() -> bool:
        return gone not in cluster.owners(watcher)

    eventually(patient(purged), START_LIMIT, what="purge")
    now = time.monotonic()
    return Purge(now, now - since)


def test_nodes_see_each_other_and_not_the_hidden_one(calm: Cluster) -> None:
    for name in NAMES:
        others = [other for other in NAMES if other != name]

        assert calm.clerk(name).nodes().get(timeout=10) == others
        for other in others:
            calm.terminals[name].await_line(f"+ {other} is here")
        assert "eye" not in calm.terminals[name].out


def test_a_key_registered_on_one_node_is_seen_on_the_others(calm: Cluster) -> None:
    calm.clerk("a").register("printer").get(timeout=10)

    for name in NAMES:
        await_row(calm, name, ("registered", "printer", "a"))


def test_a_taken_key_names_its_owner_and_the_owners_node(calm: Cluster) -> None:
    calm.clerk("a").register("scanner").get(timeout=10)
    await_row(calm, "b", ("registered", "scanner", "a"))

    refusal = calm.clerk("b").register("scanner").get(timeout=10)

    assert (refusal.key, refusal.node) == ("scanner", "a")
    assert "'scanner' is already registered by <Clerk on a>" in refusal.text


def test_a_call_goes_from_one_process_to_another(calm: Cluster) -> None:
    answer = calm.clerk("c").call("clerk/a", "hello").get(timeout=10)

    assert answer == "HELLO from a"


def test_a_killed_nodes_rows_go_within_a_second(cluster: Cluster) -> None:
    killed = cluster.signal("c", signal.SIGKILL)

    for watcher in ("a", "b"):
        purge = await_purge(cluster, watcher, "c", killed)
        print(f"{watcher} purged c {purge.took * 1000:.0f} ms after SIGKILL")
        # Promised within 1 s: the redial is refused, no lease must pass.
        assert purge.took < 5 * 1.0
    cluster.await_agreement("a", "b")


def test_a_stopped_nodes_rows_go_within_lease_and_grace(cluster: Cluster) -> None:
    stopped = cluster.signal("c", signal.SIGSTOP)

    for watcher in ("a", "b"):
        purge = await_purge(cluster, watcher, "c", stopped)
        print(f"{watcher} purged c {purge.took * 1000:.0f} ms after SIGSTOP")
        assert purge.took < 5 * (LEASE + GRACE)
    cluster.await_agreement("a", "b")

    cluster.signal("c", signal.SIGCONT)
    cluster.await_agreement(*NAMES)


def test_a_killed_node_comes_back_in_sync_under_its_name(cluster: Cluster) -> None:
    first_life = cluster.terminals["c"].process.pid
    cluster.clerk("a").register("while/c/lives").get(timeout=10)
    cluster.signal("c", signal.SIGKILL)
    cluster.terminals.pop("c").end()
    cluster.clerk("a").register("while/c/is/dead").get(timeout=10)

    cluster.start("c")

    assert cluster.terminals["c"].process.pid != first_life
    cluster.await_agreement(*NAMES)
    keys = {key for _, key, _ in cluster.view("c")}
    assert {"while/c/lives", "while/c/is/dead", "clerk/c"} <= keys
