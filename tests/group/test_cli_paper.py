"""What a terminal is shown, and what a program gets instead."""

import io
import json
import logging
import re

import pytest

from group._cli.paper import Paper, printable
from group._cli.progress import PATIENCE, Progress
from tests.conftest import Eventually


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


HEADS = ("NODE", "KEYS")
ROWS = (("a", 1), ("a-long-name", 100), (None, None))


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)


def test_a_terminal_gets_columns_below_their_heads() -> None:
    screen = Screen()

    Paper(screen).table(HEADS, ROWS)

    assert screen.getvalue() == (
        "\x1b[1mNODE         KEYS\x1b[0m\n"
        "a               1\n"
        "a-long-name   100\n"
        "-               -\n"
    )


def test_a_program_gets_tabs_and_no_heads() -> None:
    pipe = io.StringIO()

    Paper(pipe).table(HEADS, ROWS)

    assert pipe.getvalue() == "a\t1\na-long-name\t100\n-\t-\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    screen = Screen()

    Paper(screen).table(HEADS, ROWS)

    assert screen.getvalue().startswith("NODE         KEYS\na  ")
    assert "\x1b" not in screen.getvalue()


def test_no_color_that_is_empty_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "")

    assert Paper(Screen()).paint("x", "red") == "\x1b[31mx\x1b[0m"


def test_lines_that_ask_for_attention_have_a_colour() -> None:
    screen = Screen()

    Paper(screen).lines(
        "a@h:1  up  5s\nb@h:2  suspect  1s\nc@h:3  DOWN 2s ago: x\nrefused: who"
    )

    starts = [line[:5] for line in screen.getvalue().splitlines()]
    assert starts == ["a@h:1", "\x1b[33m", "\x1b[31m", "\x1b[33m"]


def test_what_others_have_written_is_shown_and_not_obeyed() -> None:
    screen = Screen()
    nasty = "user/\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202edrawkcab"

    Paper(screen).lines(nasty)
    Paper(screen).names([nasty])
    Paper(screen).table(("KEY",), [(nasty,)])

    shown = screen.getvalue().replace("\x1b[1mKEY\x1b[0m", "")
    assert shown.replace("\n", "").isprintable()
    escaped = r"user/\x1b]0;owned\x07\x1b[2J\r\x9b31m\u202edrawkcab"
    assert shown.count(escaped) == 3


def test_a_long_list_is_written_at_once() -> None:
    class Counting(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    pipe = Counting()

    Paper(pipe).names(f"key/{number}" for number in range(1000))
    Paper(pipe).table(HEADS, ROWS * 1000)

    assert pipe.writes == 2
    assert len(pipe.getvalue().splitlines()) == 4000


def test_letters_of_all_scripts_are_printable() -> None:
    assert printable("ключ/鍵/é ü") == "ключ/鍵/é ü"


def test_a_paper_for_programs_writes_fields_and_no_sentences() -> None:
    pipe = Screen()
    paper = Paper(pipe, as_json=True)

    paper.say()
    paper.say("only for people")
    paper.say(paper.paint("a is up", "bold"), event="up", node="a")

    assert json.loads(pipe.getvalue()) == {"event": "up", "node": "a"}


@pytest.mark.slow
def test_what_takes_more_than_a_second_is_shown_and_wiped_away(
    monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)

    with Progress("an answer"):
        assert screen.getvalue() == ""
        eventually(lambda: "2 s" in screen.getvalue(), 5 * 2 * PATIENCE)
        logging.getLogger("transport").error("something else")

    wiped = re.escape("\r\x1b[2K")
    shown = rf"({wiped}waiting for an answer … \d s)+{wiped}something else\n"
    assert re.match(shown, screen.getvalue())
    assert "…" not in screen.getvalue().rpartition("\x1b[2K")[2]


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stderr", screen)

    with Progress("an answer"):
        pass

    assert screen.getvalue() == ""
    assert not [h for h in logging.getLogger().handlers if isinstance(h, Progress)]


@pytest.mark.slow
def test_without_a_terminal_there_is_no_progress(
    monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    waited = Screen()
    monkeypatch.setattr("sys.stderr", waited)
    on_terminal = Progress("an answer")
    monkeypatch.setattr("sys.stderr", pipe)

    with on_terminal, Progress("an answer"):
        # The other one's line shows that the time has come.
        eventually(waited.getvalue, 5 * PATIENCE)

    assert pipe.getvalue() == ""


def test_letters_that_a_stream_does_not_have_are_written_as_their_numbers() -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="latin-1")

    Paper(narrow).names(["\u043a\u043b\u044e\u0447", "\u00fc"])

    assert raw.getvalue() == b"\\u043a\\u043b\\u044e\\u0447\n\xfc\n"
