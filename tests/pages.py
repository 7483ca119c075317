"""The pages of README and docs as programs: their blocks, and what runs them.

A block of python or sh is run, and a block of text after it is what it prints. Whatever
is not so says why in a comment right above its fence, which tests show as a skip:

    <!-- not run: why -->           not a program, or one that cannot run here
    <!-- not output: why -->        text that no block before it prints
    <!-- in any order -->           the lines of this output come in any order
    <!-- file: shop.py -->          not run by itself: saved where the others run
    <!-- terminals -->              each line in a terminal of its own, till the end

The python of one page is one script, whose lines have the page's numbers. What a
program writes into a page, between `<!-- begin: its command -->` and `<!-- end -->`, is
that program's own, and not looked at.
"""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import eventually

ROOT = Path(__file__).parent.parent
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"),
    *sorted((ROOT / "docs").rglob("*.md")),
]

# Seconds for one page or one command; each takes a second or two.
LIMIT = 50.0

RUNNABLE = ("python", "sh")
# Blocks that speak to the builder of the site, and hold no program.
DIRECTIVES = ("toctree", "eval-rst", "include", "note", "warning", "image", "figure")
_FENCE = re.compile(r"^(?P<fence>`{3,})(?P<language>\{\S+\}|[^\s`{}]*)(?: \S+)?$")
_MARK = re.compile(
    r"^<!-- (?P<word>not run|not output|in any order|file|terminals)"
    r"(?:: (?P<rest>.+))? -->$"
)
# Between the outputs of two blocks; no block prints it.
_CUT = "\x1f"
_PORT = "7946"

# What differs from run to run, and the word that stands for it.
VOLATILE = (
    (re.compile(r"\b\d+(\.\d+)? ?(us|ms|s)\b"), "TIME"),
    (re.compile(r"\b127\.0\.0\.1:\d+"), "ADDRESS"),
    (re.compile(r"\b\d+-[0-9a-f]{8,}\b"), "NUMBER"),
)


class PageError(Exception):
    """A page does not say what is to be done with one of its blocks."""


@dataclass(slots=True)
class Block:
    """One fenced block.

    Attributes:
        line: Of its opening fence, from 1.
        word: What its mark says, "" without one.
        rest: What the mark says further.
        output: What it prints, if the page shows it.
    """

    page: Path
    line: int
    language: str
    text: str
    word: str
    rest: str
    output: "Block | None" = None

    @property
    def runs(self) -> bool:
        """Whether it is run where it stands."""
        return self.language in RUNNABLE and self.word in ("", "terminals")

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, text: str | None = None) -> list[Block]:
    """Return the blocks of a page, each output with the block that prints it.

    Raises:
        PageError: It is not said what a block is.
    """
    found: list[Block] = []
    for block in _fenced(page, page.read_text("utf-8") if text is None else text):
        _check(block)
        if block.language == "text" and block.word != "not output":
            before = found[-1] if found else None
            if before is None or not before.runs or before.output is not None:
                raise PageError(f"{block}: text that nothing prints; say why not")
            before.output = block
        else:
            found.append(block)
    for block in found:
        if block.word == "file":
            _check_used(block, found)
    return found


def _fenced(page: Path, text: str) -> Iterator[Block]:
    lines = iter(enumerate(text.splitlines(), 1))
    before = ""
    for number, line in lines:
        if line.startswith("<!-- begin: "):
            _skip_generated(page, number, lines)
        elif line.lstrip(" -*>").startswith(("```", "~~~")):
            opening = _FENCE.match(line)
            if opening is None:
                raise PageError(f"{page.name}:{number}: what is {line!r}?")
            mark = _MARK.match(before)
            word, rest = (mark["word"], mark["rest"] or "") if mark else ("", "")
            language = opening["language"]
            block = Block(page, number, language, "", word, rest)
            block.text = _body(block, opening["fence"], lines)
            if not language.startswith("{"):
                yield block
            elif language.strip("{}") not in DIRECTIVES:
                raise PageError(f"{block}: a block nobody would run")
        before = line


def _skip_generated(page: Path, number: int, lines: Iterator[tuple[int, str]]) -> None:
    if not any(line == "<!-- end -->" for _, line in lines):
        raise PageError(f"{page.name}:{number}: generated without end")


def _body(block: Block, fence: str, lines: Iterator[tuple[int, str]]) -> str:
    body: list[str] = []
    for _, line in lines:
        if line == fence:
            return "".join(f"{each}\n" for each in body)
        body.append(line)
    raise PageError(f"{block}: a block without an end")


def _check(block: Block) -> None:
    if block.word in ("not run", "not output") and len(block.rest.split()) < 2:
        raise PageError(f"{block}: {block.word}, but not why")
    fits = {
        "": block.language in (*RUNNABLE, "text"),
        "not run": block.language not in ("", "text"),
        "not output": block.language == "text",
        "in any order": block.language == "text",
        "file": block.language == "python",
        "terminals": block.language == "sh",
    }
    if not fits[block.word]:
        raise PageError(f"{block}: a block of {block.language!r} is {block.word!r}")


def _check_used(file: Block, found: Sequence[Block]) -> None:
    stem = re.compile(rf"\b{re.escape(Path(file.rest).stem)}\b")
    if not any(each.runs and stem.search(each.text) for each in found):
        raise PageError(f"{file}: no block uses {file.rest}")


def script(found: Sequence[Block]) -> str:
    """Return the python of a page as one script, with the page's line numbers."""
    lines: list[str] = []
    for block in found:
        if block.runs and block.language == "python":
            lines += [""] * (block.line - len(lines))
            lines += block.text.splitlines()
            lines.append(f"print({_CUT!r}, flush=True)")
    return "\n".join(lines) + "\n"


def run_python(page: Path, folder: Path) -> None:
    """Run the python of a page; raise AssertionError if it is not as the page says."""
    found = blocks(page)
    programs = [each for each in found if each.runs and each.language == "python"]
    _save(found, folder)
    file = folder / f"{page.stem.replace('-', '_')}_page.py"
    file.write_text(script(found), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{page.name}: {done.stdout}{done.stderr}"
    outputs = done.stdout.split(f"{_CUT}\n")
    assert len(outputs) == len(programs) + 1
    for block, printed in zip(programs, outputs, strict=False):
        compare(block, printed)


def run_shell(page: Path, folder: Path) -> None:
    """Run the commands of a page; raise AssertionError if they are not as it says."""
    found, port = blocks(page), str(_free_port())
    for block in found:
        block.text = block.text.replace(_PORT, port)
    _save(found, folder)
    with ExitStack() as stack:
        for block in found:
            if block.runs and block.language == "sh":
                if block.word == "terminals":
                    stack.enter_context(_terminals(block, folder))
                else:
                    compare(block, _bash(block, folder))


def compare(block: Block, printed: str) -> None:
    """Compare what a block has printed with what the page shows, if it shows it."""
    if block.output is None:
        return
    expected, seen = steady(block.output.text), steady(printed)
    if block.output.word == "in any order":
        assert differences(expected, seen) == ([], ""), f"{block} printed:\n{printed}"
    else:
        assert seen.rstrip() == expected.rstrip(), f"{block} printed:\n{printed}"


def steady(text: str) -> str:
    """Put a word in the place of what differs from run to run."""
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


def _save(found: Sequence[Block], folder: Path) -> None:
    for block in found:
        if block.word == "file":
            (folder / block.rest).write_text(block.text, encoding="utf-8")


def _environment(folder: Path) -> dict[str, str]:
    # A home of its own, so that the cookie file is made as on a first use.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "HOME": str(folder), "PATH": path, "PYTHONWARNINGS": "error"}


def _bash(block: Block, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{block}: {done.stdout}"
    return done.stdout


@contextmanager
def _terminals(block: Block, folder: Path) -> Iterator[None]:
    """Run each line by itself until the page ends, then stop the last one first.

    What the page shows is the output of the first, which says a line when another one
    comes; its last words, about its own end, need not be shown.
    """
    running: list[tuple[subprocess.Popen[bytes], Path]] = []
    shown = len(block.output.text.splitlines()) if block.output is not None else 0
    lines = block.text.replace("\\\n", " ").splitlines()

    def said(count: int) -> None:
        paper = running[0][1]
        what = f"{lines[0]!r} has said {count} lines"
        eventually(lambda: paper.read_text().count("\n") >= count, LIMIT, what=what)

    with ExitStack() as stack:
        for number, line in enumerate(lines):
            paper = folder / f"terminal-{block.line}-{number}"
            process = _terminal(line, paper, folder)
            stack.callback(_interrupt, process, paper)
            running.append((process, paper))
            eventually(paper.read_bytes, LIMIT, what=f"{line!r} has begun")
            said(min(shown, len(running)))
        yield
        for process, paper in reversed(running[1:]):
            _interrupt(process, paper)
        said(shown)
    printed = running[0][1].read_text().splitlines(keepends=True)
    compare(block, "".join(printed[:shown]))


def _terminal(line: str, paper: Path, folder: Path) -> subprocess.Popen[bytes]:
    with paper.open("wb") as out:
        return subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=folder,
            env=_environment(folder),
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _interrupt(process: subprocess.Popen[bytes], paper: Path) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT) == 0, paper.read_text()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
