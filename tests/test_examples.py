"""Every example runs, and prints what is written about it."""

import ast
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Seconds for one example, with two nodes to start and to stop.
LIMIT = 45.0

# What differs from run to run, and the word that stands for it.
VOLATILE = (
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s)\b"), "TIME"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "ADDRESS"),
)


def readme_block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found, f"README has no block of {language}"
    return found.group(1)


def steady(text: str) -> str:
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return text


def differences(expected: str, printed: str) -> tuple[list[str], str]:
    """Lines that are missing, and text that is too much. The order is free.

    Two nodes may print in either order. Nor is the end of a line compared: `print`
    writes it by itself, and another thread's line may come in between.
    """
    missing, rest = [], steady(printed)
    lines = [line for line in steady(expected).splitlines() if line.strip()]
    for line in sorted(lines, key=len, reverse=True):
        if line not in rest:
            missing.append(line)
        rest = rest.replace(line, "\n", 1)
    return missing, rest.strip()


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


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_prints_what_it_says(example: Path, tmp_path: Path) -> None:
    expected = promised(example)

    done = subprocess.run(
        [sys.executable, str(example)],
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
