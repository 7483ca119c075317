"""Every example runs, and prints what is written about it."""

import ast
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from tests.pages import differences
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Seconds for one example, with two nodes to start and to stop.
LIMIT = 45.0


def readme_block(language: str) -> str:
    part = README.partition("\n## Quick start\n")[2]
    found = re.search(rf"^```{language}\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    assert found, f"README has no block of {language}"
    return found.group(1)


def promised(example: Path) -> str:
    """What an example says it prints: README for the first, else its docstring."""
    if example.name == "quickstart.py":
        return readme_block("text")
    words = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
    _, found, block = words.partition("It prints:\n")
    assert found, f"the docstring of {example.name} has no part 'It prints:'"
    return textwrap.dedent(block)


def test_readme_shows_the_quick_start_as_it_is() -> None:
    quick_start = (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8")

    assert readme_block("python") == quick_start


def test_the_list_of_examples_has_each_of_them() -> None:
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`([\w.]+)`\]\(([\w./]+)\)", page, re.MULTILINE)

    assert all(name == target.rstrip("/") for name, target in listed)
    files = [name for name, _ in listed if name.endswith(".py")]
    assert sorted(files) == [path.name for path in EXAMPLES]
    assert all((ROOT / "examples" / name).exists() for name, _ in listed)


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_prints_what_it_says(example: Path, tmp_path: Path) -> None:
    expected = promised(example)

    done = subprocess.run(
        [sys.executable, str(example), "--smoke"],
        cwd=tmp_path,
        # A home of its own, so that the cookie file is made as on a first use.
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert differences(expected, done.stdout) == ([], ""), done.stdout
    assert done.stderr == ""


def test_lines_are_compared_without_order_and_time() -> None:
    assert differences("a\nb took 3.1 ms\n", "b took 0.2 s\na\n") == ([], "")
    assert differences("peer 127.0.0.1:4000", "peer 127.0.0.1:5000") == ([], "")
    assert differences("one\ntwo\nthree\n", "onethree\n\ntwo\n") == ([], "")
    assert differences("a\na\n", "a\n") == (["a"], "")
    assert differences("a\n", "a\nb\n") == ([], "b")


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize(
    ("command", "typed", "shown"),
    [
        (("supervision.py",), "", "Supervisor running"),
        (("chat.py", "ann", "127.0.0.1:0"), "/who\n", "in the room: "),
    ],
    ids=["supervision.py", "chat.py"],
)
def test_an_example_for_people_ends_at_ctrl_c_without_a_traceback(
    command: tuple[str, ...], typed: str, shown: str, tmp_path: Path
) -> None:
    with running(*command, folder=tmp_path) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(typed)
        process.stdin.flush()
        while shown not in (line := process.stdout.readline()):
            assert line, process.communicate()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LIMIT)

    assert (process.returncode, errors) == (0, "")


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("name", ["chat.py", "devices.py", "leader.py"])
def test_an_example_that_fails_leaves_no_process_behind(
    name: str, tmp_path: Path
) -> None:
    with running(name, folder=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        # The next line that it prints has no reader.
        process.stdout.close()
        process.wait(LIMIT)
        left = partial(_processes_in, tmp_path)
        try:
            eventually(lambda: not left(), LIMIT)
        finally:
            for pid in left():
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running(name: str, *words: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run an example at home in a folder of its own."""
    with subprocess.Popen(
        [sys.executable, ROOT / "examples" / name, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HOME": str(folder), "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _processes_in(folder: Path) -> list[int]:
    """Find the processes whose home is a folder."""
    mark, found = f"HOME={folder}\0".encode(), []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found
