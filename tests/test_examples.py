"""Every example runs, and prints what is written about it."""

import ast
import os
import re
import subprocess
import sys
import textwrap
from collections import Counter
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


def steady(text: str) -> Counter[str]:
    """Lines as a multiset: two nodes may print in either order."""
    for pattern, word in VOLATILE:
        text = pattern.sub(word, text)
    return Counter(line.rstrip() for line in text.splitlines() if line.strip())


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
    expected = steady(promised(example))

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
    assert steady(done.stdout) == expected, done.stdout + done.stderr
    assert done.stderr == ""


def test_lines_are_compared_without_order_and_time() -> None:
    assert steady("b took 3.1 ms\na\n") == steady("a\nb took 0.2 s\n")
    assert steady("a\na\n") != steady("a\n")
    assert steady("peer at 127.0.0.1:4000") == steady("peer at 127.0.0.1:5000")
