"""The pytest plugin: there when it is installed, and not to be noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIMIT = 90.0
"""Seconds for a run of pytest that takes some."""

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(3 * LIMIT)]

SERVICE = """
from actors import Actor, child

class Counter(Actor):
    def __init__(self, g):
        super().__init__()
        self.g, self.total = g, 0

    def on_start(self):
        self.g.join("counters", {"node": self.g.node.name})

    def add(self, number):
        self.total += number
        return self.total

def service(g):
    return child(Counter, g)
"""
USED = """
from actors import Actor
from group import Event
from service import service

class User(Actor):
    pass

def test_cluster(group_no_leaks, group_cluster, group_probe):
    a, b = group_cluster(2, shards=1)
    ref = User.start()
    b.monitor("user/")
    a.register("user/1", actor=ref)
    assert group_probe.expect(Event, type="registered").ref == ref
    ref.stop()

def test_processes(group_no_leaks, group_proc_cluster):
    c = group_proc_cluster(1, app=service, shards=1)
    (found,) = c.here.wait_for_member("counters", timeout=10)
    assert found.ref.proxy().add(2).get(timeout=10) == 2

def test_order(group_cluster, group_probe, group_no_leaks):
    group_cluster(1, shards=1)

def test_leak(group_no_leaks):
    test_leak.ref = User.start()
"""
UNUSED = """
import sys
import pytest

@pytest.fixture
def group_cluster():
    return "mine"

def test_nothing_of_it_is_imported(group_cluster):
    assert group_cluster == "mine"
    assert not {"group", "transport", "actors", "pykka"} & set(sys.modules)
"""


def start_pytest(folder: Path, *args: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider"]
    return subprocess.Popen(
        [*words, *args],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_fixtures_do_what_they_say_in_runs_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "service.py").write_text(SERVICE, encoding="utf-8")
    (tmp_path / "test_used.py").write_text(USED, encoding="utf-8")

    # Named as well as installed: loaded once all the same.
    one = start_pytest(tmp_path, "-p", "pytest_pykka_group")
    two = start_pytest(tmp_path, "-k", "not leak")

    out, _ = one.communicate(timeout=LIMIT)
    assert "4 passed, 1 error" in out, out
    assert "still there 5 s after the end: User" in out
    out, _ = two.communicate(timeout=LIMIT)
    assert "3 passed" in out, out


def test_whoever_does_not_use_it_does_not_notice_it(tmp_path: Path) -> None:
    (tmp_path / "test_unused.py").write_text(UNUSED, encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        'pytest_plugins = ["pytest_pykka_group"]\n', encoding="utf-8"
    )

    out, _ = start_pytest(tmp_path).communicate(timeout=LIMIT)

    assert "1 passed" in out, out


def test_readme_shows_the_test_that_its_page_runs() -> None:
    fence = "```"
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    _, _, rest = page.partition(f"<!-- file: test_shop.py -->\n{fence}python\n")
    block, found, _ = rest.partition(fence)

    assert found
    assert block in (ROOT / "README.md").read_text(encoding="utf-8")
