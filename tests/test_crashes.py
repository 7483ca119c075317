"""Faults of ours fail the test in which they happen; see `crashes.py`."""

import logging
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pykka
import pytest

from actors import Supervisor, child, kill
from group import Group
from tests.actors.crew import BrokenError, Plain, refs, replaced
from tests.conftest import Eventually
from tests.crashes import OF_ACTORS, OF_OTHERS, OF_OURS, Faults, judge, told
from tests.group.people import Listener
from tests.group.test_shard_actor import await_new_shards, shard_actor

ROOT = Path(__file__).parent.parent


def mark(*names: str, **more: object) -> pytest.Mark:
    return pytest.mark.crashes(*names, **more).mark


def kill_a_shard() -> None:
    with Group.start("app", shards=1, log=False) as g:
        kill(shard_actor(g))
        await_new_shards(g, 1)


def test_a_crash_that_its_supervisor_has_mended_is_seen(faults: Faults) -> None:
    kill_a_shard()

    seen = faults.take()
    assert [(fault.name, fault.why) for fault in seen] == [("ShardActor", "killed")]
    assert judge(seen, []).startswith("child_terminated supervisor=Shards (urn:")


def test_silencing_a_log_silences_no_crash(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "actors")

    kill_a_shard()

    assert [fault.name for fault in faults.take()] == ["ShardActor"]
    assert caplog.records == []


@pytest.mark.parametrize("cls", [Listener, Plain])
def test_actors_that_tests_bring_along_may_crash(
    faults: Faults, cls: type[pykka.ThreadingActor], eventually: Eventually
) -> None:
    boss = Supervisor.start(children=[child(cls, id="it")])
    ref = refs(boss)["it"]
    assert ref is not None

    ref.tell(BrokenError() if cls is Listener else "crash")

    eventually(lambda: replaced(boss, "it", ref))
    boss.stop()
    assert faults.take() == []


def test_a_crash_is_expected_by_its_name_and_its_reason(faults: Faults) -> None:
    kill_a_shard()
    seen = faults.take()

    assert judge(seen, [mark("ShardActor")]) == ""
    assert judge(seen, [mark("ShardActor", by="kill|stop")]) == ""
    assert judge(seen, [mark("Data", always=False), mark("ShardActor")]) == ""
    assert "reason=killed" in judge(seen, [mark("ShardActor", by="PlannedError")])
    assert "reason=killed" in judge(seen, [mark("Data", always=False)])


def test_a_crash_that_is_expected_in_vain_is_said() -> None:
    assert judge([], [mark("Data", "Shards")]) == (
        "Data was to crash, and did not\nShards was to crash, and did not"
    )
    assert judge([], [mark("Data", always=False)]) == ""


@pytest.mark.parametrize(
    ("line", "tells"),
    [
        ("actor_crashed actor=LinkIO (urn:uuid:1) error=KeyError: 7", True),
        ("12:00 ERROR actors: actor_crashed actor=Announcer (urn:uuid:1)", True),
        ("child_terminated supervisor=App (urn:uuid:1) child=0 actor=Clerk", False),
        ("start_error supervisor=Supervisor (urn:uuid:1) child=a actor=None", False),
        ("link_handler_failed peer=b error=KeyError()", True),
        ("registry_conflict group=app node=a key=k", False),
        ("Exception in thread Thread-1 (run):", True),
        ("Exception ignored in: <function X.__del__ at 0x7f>", True),
        ("connection_refused node=a peer=127.0.0.1:9", False),
    ],
)
def test_the_log_of_another_process_is_read_alike(line: str, *, tells: bool) -> None:
    assert told(f"before\n{line}\nafter") == ([line] if tells else [])


def test_every_error_that_can_be_logged_is_judged() -> None:
    found: set[str] = set()
    for package in ("actors", "transport", "group"):
        for module in (ROOT / package).rglob("*.py"):
            text = module.read_text(encoding="utf-8")
            found.update(re.findall(r"\b(?:error|Contained)\(\s*\"(\w+)\"", text))

    assert found | {"audit_mismatch"} == OF_ACTORS | OF_OTHERS | OF_OURS


TESTS = """
    import gc
    import threading

    import pytest

    from actors import kill
    from group import Group
    from tests.group.test_shard_actor import await_new_shards, shard_actor


    def killed_shard():
        with Group.start("app", shards=1, log=False) as g:
            kill(shard_actor(g))
            await_new_shards(g, 1)


    def test_unexpected():
        killed_shard()


    @pytest.mark.crashes("ShardActor", by="killed")
    def test_expected():
        killed_shard()


    @pytest.mark.crashes("ShardActor")
    def test_in_vain():
        pass


    def test_thread():
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()


    def test_unraisable():
        class Grumpy:
            def __del__(self):
                raise ValueError

        Grumpy()
"""


@pytest.mark.slow
@pytest.mark.cluster
def test_all_tests_are_judged(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))

    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-rA", "-c", ROOT / "setup.cfg"),
            *("--rootdir", tmp_path, "-p", "no:cacheprovider", "test_it.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    ends = {
        test: end
        for end, test in re.findall(
            r"^(ERROR|FAILED|PASSED) test_it.py::(\w+)", done.stdout, re.MULTILINE
        )
        if end != "PASSED" or f"ERROR test_it.py::{test}" not in done.stdout
    }
    assert ends == {
        "test_unexpected": "ERROR",
        "test_expected": "PASSED",
        "test_in_vain": "ERROR",
        "test_thread": "FAILED",
        "test_unraisable": "FAILED",
    }, done.stdout + done.stderr
