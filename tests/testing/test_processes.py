"""Clusters of processes: killed, frozen, parted, stopped; some do not even start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from group import Event, NotJoinedError
from group.testing import NodeStartError, ProcessCluster, probe, proc_cluster
from group.testing._app import App, find, where
from group.testing._process import STOP_TIME
from tests.group.people import PATIENCE
from tests.testing import service
from tests.testing.service import Add
from tests.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def two() -> Iterator[ProcessCluster]:
    """Two processes for all tests that leave them as they were."""
    with proc_cluster(2, app=service.counter, log=False, shards=2) as made:
        yield made


@pytest.fixture(autouse=True)
def whole(two: ProcessCluster) -> None:
    """Each test begins with both of them."""
    assert two.names == ["a", "b"]
    two.await_nodes()


def counters(c: ProcessCluster) -> dict[object, Any]:
    found = c.here.wait_for_member("counters", count=2, timeout=PATIENCE)
    return {entry.meta["node"]: entry.ref.proxy() for entry in found}


def test_actors_of_other_processes_are_called_and_told(two: ProcessCluster) -> None:
    before = {n: p.read().get(timeout=PATIENCE) for n, p in counters(two).items()}

    assert two.here.dispatch("counters", Add(3)) == 2

    for name, proxy in counters(two).items():
        assert proxy.read().get(timeout=PATIENCE) == before[name] + 3


def test_a_supervised_actor_comes_back(two: ProcessCluster) -> None:
    with probe() as me:
        found = two.here.wait_for_member("counters", count=2, timeout=PATIENCE)
        two.here.monitor("counters")

        found[0].ref.tell("nonsense")

        assert "nonsense" in str(me.expect(Event, type="left").reason)
        assert me.expect(Event, type="joined").meta == found[0].meta


def test_every_node_tells_what_it_sees(two: ProcessCluster) -> None:
    assert two.nodes("a") == ["b", "test"]
    assert two.nodes("b") == ["a", "test"]
    two.settle()
    assert two.keys("a") == two.keys("b", None) == ["counters"]
    assert two.keys("a", "x/") == []
    assert repr(two) == "<ProcessCluster 'app' on a, b>"
    assert two["a"].pid != os.getpid()
    with pytest.raises(ValueError, match="node a runs"):
        two.start("a")


def test_a_killed_node_is_gone_and_comes_back(two: ProcessCluster) -> None:
    with probe() as me:
        counters(two)
        two.here.monitor("counters")

        two.kill("a")

        assert two.names == ["b"]
        assert two.nodes("b") == ["test"]
        gone = me.expect(Event, type="left")
        assert gone.meta == {"node": "a"}
        assert "node a is down" in str(gone.reason)

        two.start("a")

        assert two.nodes("b") == ["a", "test"]
        assert me.expect(Event, type="joined").meta == {"node": "a"}


def test_a_frozen_node_is_lost_until_it_thaws(two: ProcessCluster) -> None:
    two.freeze("b")
    assert two.nodes("a") == ["test"]
    assert two.names == ["a", "b"]

    two.thaw("b")
    assert two.nodes("a") == ["b", "test"]
    assert set(counters(two)) == {"a", "b"}


def test_a_partition_may_cut_off_processes_or_the_test(two: ProcessCluster) -> None:
    two.partition("a")
    assert two.here.nodes() == ["b"]
    assert two.nodes("b") == ["test"]

    two.partition("test")
    assert two.here.nodes() == []

    two.heal()
    assert two.nodes("a") == ["b", "test"]


def test_a_stopped_node_stops_in_order(two: ProcessCluster) -> None:
    with probe() as me:
        counters(two)
        two.here.monitor("counters")

        two.stop("b")

        assert me.expect(Event, type="left").reason == "shutdown"
        two.start("b")


def test_a_frozen_node_can_be_stopped_in_order(two: ProcessCluster) -> None:
    two.freeze("b")
    began = time.monotonic()

    two.stop("b")

    assert time.monotonic() - began < STOP_TIME
    two.start("b")


def test_sigterm_stops_in_order_too(two: ProcessCluster) -> None:
    with probe() as me:
        counters(two)
        two.here.monitor("counters")

        two["b"].signal(signal.SIGTERM)

        assert me.expect(Event, type="left").reason == "shutdown"
        eventually(lambda: not two["b"].running, PATIENCE, what="it ends")
        two.start("b")


def test_nodes_that_do_not_start_say_why(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(NodeStartError, match=r"'a' did not start:[\s\S]*no such thing"),
        proc_cluster(1, app=service.broken, log=False),
    ):
        pass
    assert "this is what it wrote" in capsys.readouterr().out

    with (
        pytest.raises(NodeStartError, match=r"app returned str; return specs"),
        proc_cluster(1, app="tests.testing.service:nothing", log=False),
    ):
        pass


def test_what_processes_wrote_is_shown_when_a_test_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(one: ProcessCluster) -> None:
        assert one.here.wait_for_member("counters", timeout=PATIENCE)
        raise LookupError

    with (
        pytest.raises(LookupError),
        proc_cluster(["x"], app="tests.testing.service:counter_ref") as one,
    ):
        fail(one)

    out = capsys.readouterr().out
    assert "--- x (pid " in out
    assert "group_started" in out


def test_each_node_may_have_an_app_of_its_own() -> None:
    apps = {"server": service.counter, "client": None}
    with proc_cluster(apps, log=False, shards=1) as c:
        (found,) = c.here.wait_for_member("counters", timeout=PATIENCE)

        assert c.names == ["server", "client"]
        assert found.meta == {"node": "server"}
        assert c.keys("client") == ["counters"]


def test_an_app_that_gives_up_says_so() -> None:
    with proc_cluster(1, app=service.counter_ref, log=False, shards=1) as c:
        (found,) = c.here.wait_for_member("counters", timeout=PATIENCE)

        found.ref.tell("nonsense")

        eventually(lambda: "the app has ended: LookupError" in c["a"].output, PATIENCE)


ORPHAN = """
import os, sys
from group.testing import proc_cluster
with proc_cluster(1, log=False) as c:
    print(c["a"].pid, flush=True)
    os.kill(os.getpid(), 9)
"""


def test_no_process_outlives_the_test(tmp_path: Path) -> None:
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    number = int(done.stdout)
    assert done.returncode == -signal.SIGKILL
    eventually(lambda: not is_running(number), PATIENCE, what="its child ends")


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    # What nobody waits for stays as a zombie.
    return state.rpartition(")")[2].split()[0] != "Z"


def test_an_app_is_found_by_name_or_by_file(tmp_path: Path) -> None:
    here = where(service.counter)
    assert here == {
        "module": "tests.testing.service",
        "file": service.__file__,
        "name": "counter",
    }
    assert find(here) is service.counter
    file = tmp_path / "odd.py"
    file.write_text("class Apps:\n    @staticmethod\n    def app(g): pass\n")
    odd: App = {"module": "no_such.odd", "file": str(file), "name": "Apps.app"}

    found = find(odd)

    try:
        assert found.__module__ == "no_such.odd"
        assert sys.modules["no_such.odd"].__file__ == str(file)
    finally:
        del sys.modules["no_such.odd"]


def local_app() -> Callable[[object], None]:
    def app(g: object) -> None:
        raise NotJoinedError("k", str(g))

    return app


@pytest.mark.parametrize("app", [local_app(), lambda g: None, "service", ":x", "x:"])
def test_an_app_that_no_process_can_find_is_refused(app: str) -> None:
    with pytest.raises(ValueError, match="app must be"):
        where(app)
