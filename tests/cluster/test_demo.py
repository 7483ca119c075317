"""The demo: it tells what happens, ends when told, and leaves nobody behind."""

import io
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from group._cli.demo import demo as run_demo
from group._cli.paper import Paper
from tests.cluster.terminals import Terminal, terminal
from tests.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

# Promised: from Ctrl-C to the end of the last process, in seconds.
STOP_TIME = 2.0
STORY_LIMIT = 45.0
# One line per act, and the last.
STORY = (
    "oslo   is up at 127.0.0.1:",
    "cairo  has user/cleo; all three nodes know that",
    "lima   key 'user/ada' is already registered by <Person on oslo>",
    "cairo  cleo hears it after ",
    "cairo  gets 'GOOD MORNING!' after ",
    "oslo   sees user/ben go (RuntimeError: that was too much) and, ",
    "lima   dropped user/cleo ",
    "oslo   sees user/cleo again",
    "cairo  in sync ",
    "All processes have ended",
)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Terminal]:
    with terminal(tmp_path, "demo") as opened:
        yield opened


def await_nobody(opened: Terminal, timeout: float = 5 * STOP_TIME) -> None:
    eventually(lambda: not opened.left_behind(), timeout, what="nobody left behind")


def test_once_tells_the_whole_story_and_ends(tmp_path: Path) -> None:
    with terminal(tmp_path, "demo", "--once") as opened:
        began = time.monotonic()
        assert opened.status(STORY_LIMIT) == 0, opened.out + opened.err
        print(f"the story took {time.monotonic() - began:.1f} s")

        told = opened.out
        places = [told.find(words) for words in STORY]
        assert -1 not in places, [w for w in STORY if w not in told] + [told]
        assert places == sorted(places)
        assert opened.err == ""
        assert "\x1b" not in told
        assert opened.left_behind() == []


def test_there_is_something_to_see_within_two_seconds(demo: Terminal) -> None:
    began = time.monotonic()

    demo.await_line("oslo   is up at")

    took = time.monotonic() - began
    print(f"first node after {took:.2f} s")
    assert took < 5 * 2.0


@pytest.mark.parametrize("moment", ["Three nodes on", "lima   is up", "is dead"])
def test_ctrl_c_stops_everything_at_any_moment(demo: Terminal, moment: str) -> None:
    demo.await_line(moment, STORY_LIMIT)
    assert demo.left_behind()

    began = time.monotonic()
    demo.press_ctrl_c()
    status = demo.status()
    took = time.monotonic() - began

    print(f"ended {took:.2f} s after Ctrl-C")
    assert status == 0, demo.err
    assert took < 5 * STOP_TIME
    assert demo.left_behind() == []
    assert demo.err == ""


class Pressing(Paper):
    """Somebody presses Ctrl-C as soon as there is something to read."""

    def say(self, text: str = "", /, **fields: object) -> None:
        super().say(text, **fields)
        if text.startswith("Three nodes on"):
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_at_the_first_line_is_an_end_in_order() -> None:
    out = io.StringIO()

    assert run_demo(Pressing(out), once=False, timeout=STORY_LIMIT) == 0

    assert "All processes have ended" in out.getvalue()


def test_a_killed_demo_leaves_no_node_behind(demo: Terminal) -> None:
    demo.await_line("cairo  has user/cleo", STORY_LIMIT)
    assert len(demo.left_behind()) == 4

    demo.end()

    await_nobody(demo)


def test_a_closed_terminal_leaves_no_node_behind(demo: Terminal) -> None:
    demo.await_line("lima   is up at", STORY_LIMIT)

    os.killpg(demo.process.pid, signal.SIGHUP)

    demo.status()
    await_nobody(demo)


def test_a_step_that_does_not_happen_in_time_is_said(tmp_path: Path) -> None:
    with terminal(tmp_path, "demo", "--once", "--timeout", "0.01") as opened:
        assert opened.status(STORY_LIMIT) == 1
        assert opened.err == "groupctl demo: oslo has not started within 0.01 s\n"
        await_nobody(opened)


def test_a_node_that_does_not_start_is_said_with_its_words(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'demo-node' in sys.orig_argv:\n"
        "    os.write(2, b'this python is broken')\n"
        "    os._exit(3)\n"
    )
    with terminal(tmp_path, "demo", "--once", PYTHONPATH=str(tmp_path)) as opened:
        assert opened.status(STORY_LIMIT) == 1
        assert opened.err == (
            "groupctl demo: node oslo has ended by itself, with status 3\n"
            "What the nodes wrote to stderr:\nthis python is broken"
        )
        await_nobody(opened)


def test_a_node_killed_by_somebody_else_ends_the_demo(demo: Terminal) -> None:
    line = demo.await_line("lima   is up at", STORY_LIMIT)

    os.kill(int(line.rsplit(" ", 1)[1]), signal.SIGKILL)

    assert demo.status(STORY_LIMIT) == 1
    assert "groupctl demo: node lima has ended by itself, with status -9" in demo.err
    await_nobody(demo)


def test_a_node_that_hangs_does_not_hold_up_the_end(demo: Terminal) -> None:
    line = demo.await_line("lima   is up at", STORY_LIMIT)
    os.kill(int(line.rsplit(" ", 1)[1]), signal.SIGSTOP)

    began = time.monotonic()
    demo.press_ctrl_c()
    demo.status()
    took = time.monotonic() - began

    print(f"ended {took:.2f} s after Ctrl-C")
    assert took < 5 * STOP_TIME
    assert demo.left_behind() == []
