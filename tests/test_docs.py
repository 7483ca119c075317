"""Every block of README and docs runs, and prints what is shown; see tests/pages.py."""

import importlib
import re
from pathlib import Path

import pytest

from actors import ActorRef
from group import Group
from tests.logged import events
from tests.pages import (
    LIMIT,
    PAGES,
    ROOT,
    Block,
    PageError,
    blocks,
    run_python,
    run_shell,
)
from tests.pages import script as script_of
from tests.site import loads_from_elsewhere, problems
from transport import Node


def having(language: str) -> list[Path]:
    return [
        page
        for page in PAGES
        if any(each.runs and each.language == language for each in blocks(page))
    ]


def not_run() -> list[Block]:
    return [each for page in PAGES for each in blocks(page) if each.word == "not run"]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.slow
@pytest.mark.timeout(2 * LIMIT)
@pytest.mark.parametrize("page", having("python"), ids=name)
def test_the_python_of_a_page_runs_as_shown(page: Path, tmp_path: Path) -> None:
    run_python(page, tmp_path)


@pytest.mark.slow
@pytest.mark.cluster
# Several commands, each within its limit; they take seconds where nobody else is busy.
@pytest.mark.timeout(5 * LIMIT)
@pytest.mark.parametrize("page", having("sh"), ids=name)
def test_the_commands_of_a_page_run_as_shown(page: Path, tmp_path: Path) -> None:
    run_shell(page, tmp_path)


@pytest.mark.parametrize("block", not_run(), ids=str)
def test_a_block_is_not_run(block: Block) -> None:
    """Shown in every report, so that no block is left out in silence."""
    pytest.skip(f"{block}: {block.rest}")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("```\nx = 1\n```\n", "is ''"),
        ("```pyton\nx = 1\n```\n", "'pyton'"),
        ("```text\nout\n```\n", "nothing prints"),
        ("<!-- not run: no -->\n```sh\nls\n```\n", "not why"),
        ("<!-- not run -->\n```sh\nls\n```\n", "not why"),
        ("<!-- not run: because of this -->\n```text\nls\n```\n", "'text'"),
        ("```python\n1\n```\n```text\n1\n```\n```text\n2\n```\n", "nothing prints"),
        ("```python\n1\n", "without an end"),
        ("<!-- begin: x -->\n```text\n1\n```\n", "without end"),
        ("- ```python\n  1\n  ```\n", "what is"),
        ("* a\n  ```python\n  1\n  ```\n", "what is"),
        ("```{code-block} python\n1\n```\n", "nobody would run"),
        ("~~~python\n1\n~~~\n", "what is"),
        ("<!-- file: shop.py -->\n```python\n1\n```\n", "no block uses"),
    ],
)
def test_a_page_cannot_leave_open_what_a_block_is(page: str, words: str) -> None:
    with pytest.raises(PageError, match=re.escape(words)):
        blocks(ROOT / "page.md", page)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "body", "shown"),
    [
        ("python", "print(1)", "2"),
        ("python", "print(1)", ""),
        ("python", "raise SystemExit(1)", ""),
        ("python", "import atexit, os; atexit.register(os._exit, 3)", ""),
        ("python", "import warnings; warnings.warn('old')", ""),
        ("sh", "echo 1", "2"),
        ("sh", "false; echo 1", "1"),
        ("sh", "echo 1; false", "1"),
    ],
)
def test_a_page_that_is_not_true_fails(
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    body: str,
    shown: str,
    tmp_path: Path,
) -> None:
    page = ROOT / "docs" / "untrue.md"
    text = f"```{language}\n{body}\n```\n```text\n{shown}\n```\n"
    run = run_python if language == "python" else run_shell

    monkeypatch.setattr(Path, "read_text", lambda *_a, **_k: text)

    with pytest.raises(AssertionError):
        run(page, tmp_path)


def test_lines_keep_their_numbers() -> None:
    page = "# A\n\n```python\nx = 1\n```\n\ntext\n\n```python\ny = 2\n```\n"

    lines = script_of(blocks(ROOT / "page.md", page)).splitlines()

    assert [lines[3], lines[9]] == ["x = 1", "y = 2"]


@pytest.mark.parametrize("page", PAGES[:3], ids=name)
def test_the_links_of_a_page_outside_the_site_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    files = [each for each in links if "://" not in each]

    assert [each for each in files if not (page.parent / each).exists()] == []


@pytest.mark.parametrize("package", ["actors", "transport", "group", "group.testing"])
def test_the_reference_has_every_public_name_once(package: str) -> None:
    file = ROOT / "docs" / "reference" / f"{package.rpartition('.')[2]}.md"
    page = file.read_text(encoding="utf-8")
    shown = re.findall(
        r"^\.\. (?:auto|py:)\w+:: (\w+)(?![\w.])", page, flags=re.MULTILINE
    )

    public: list[str] = importlib.import_module(package).__all__

    assert sorted(shown) == sorted(public)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<script src="https://cdn.example/x.js"></script>', True),
        ('<link rel="stylesheet" href="//fonts.example/css">', True),
        ("<style>@import url(https://fonts.example/css)</style>", True),
        ("body { background: url('http://x.example/a.png') }", True),
        ('<img src="http://x.example/a.png">', True),
        ('<a href="https://example.org">a link</a>', False),
        ('<script src="_static/x.js"></script>', False),
        ("src: url(data:font/woff2;base64,AAAA)", False),
    ],
)
def test_pages_that_fetch_are_found(text: str, *, found: bool) -> None:
    assert bool(loads_from_elsewhere(text)) is found


def test_every_event_that_is_logged_is_explained_to_operators() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    logs = page.partition("\n## Logs\n")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\| (`.*?`) \|", logs, re.M)
    explained = [name for first in firsts for name in re.findall("`([^`]+)`", first)]
    packages = {"actors", "transport", "group"}

    logged = set().union(*(events(ROOT / package) for package in packages))

    assert len(explained) == len(set(explained)), "once each"
    assert set(explained) - packages == logged


@pytest.mark.parametrize(
    "call",
    [
        'log.info("this_event", node=1)',
        'self._complaints.warn("this_event", source="x")',
        'self._instance.log.verbose("this_event")',
        'say("this_event")',
        'Contained("this_event")',
        'self.turn.report("error", "this_event")',
    ],
)
def test_an_event_is_found_where_it_is_logged(tmp_path: Path, call: str) -> None:
    (tmp_path / "code.py").write_text(f"{call}\npaper.say('words')\nlog.info(name)")

    assert events(tmp_path) == {"this_event"}


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("b.html", False),
        ("b.html#here", False),
        ("#top", False),
        ("https://example.org/nowhere", False),
        ("b.html#there", True),
        ("c.html", True),
        ("#bottom", True),
    ],
)
def test_links_that_lead_nowhere_are_found(
    tmp_path: Path, link: str, *, found: bool
) -> None:
    (tmp_path / "a.html").write_text(f'<h1 id="top">A</h1><a href="{link}">it</a>')
    (tmp_path / "b.html").write_text('<h1 id="here">B</h1>')

    assert [link in each for each in problems(tmp_path)] == [True] * found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_speaks_of_methods_that_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    owners = {"g": Group, "node": Node, "ref": ActorRef}
    called = re.findall(r"\b(g|node|ref)\.(\w+)\(", text)

    unknown = [
        f"{who}.{what}" for who, what in called if not hasattr(owners[who], what)
    ]

    assert unknown == []


def test_every_function_of_group_is_there_for_those_who_come_from_elixir() -> None:
    page = (ROOT / "docs" / "start" / "coming-from-elixir.md").read_text("utf-8")
    internals = (ROOT / "docs" / "internals.md").read_text("utf-8")
    table = internals.partition("## From Elixir's Group to here")[2]
    functions = re.findall(r"`(\w+\??/\d)`", table)

    assert len(functions) > 15
    assert [each for each in functions if each not in page] == []
