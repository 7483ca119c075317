"""What groupctl says about commands that it cannot carry out."""

import os
import re
from pathlib import Path

import pytest

from group.__main__ import main
from group._cli.options import grammar


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a command change the environment, as --cookie-file does."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command that is wrong; return its status and its one sentence."""
    status, text = ended(capsys, *words)
    lines = text.splitlines()
    assert len(lines) == 1, text
    return status, lines[0]


def ended(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command that is wrong; return its status and all that it says."""
    try:
        status = main(words)
    except SystemExit as stop:
        status = int(str(stop.code))
    captured = capsys.readouterr()
    assert captured.out == ""
    return status, captured.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "groupctl: the following arguments are required: COMMAND"),
        (("dance",), "groupctl: argument COMMAND: invalid choice: 'dance'"),
        (
            ("start", "--shards", "many"),
            "groupctl start: argument --shards: must be a whole number, got 'many'",
        ),
        (
            ("start", "--lease", "long"),
            "groupctl start: argument --lease: must be a number of seconds, got 'long'",
        ),
        (
            ("start", "--stop-timeout", "nan"),
            "groupctl start: argument --stop-timeout: must be a positive number of "
            "seconds, got 'nan'",
        ),
        (
            ("demo", "--timeout", "-5"),
            "groupctl demo: argument --timeout: must be a positive number of seconds",
        ),
        (("start", "--log", "loud"), "groupctl start: argument --log: invalid choice"),
        (
            ("start", "--shards", "0"),
            "groupctl start: shards must be an integer 1\N{EN DASH}1024",
        ),
        (
            ("start", "--lease", "1"),
            "groupctl start: lease (1.0 s) must be at least 3 "
            "\N{MULTIPLICATION SIGN} heartbeat (1.0 s)",
        ),
        (
            ("start", "--name", "x\n"),
            "groupctl start: node name must be 1-255 printable bytes, got 'x\\n'",
        ),
        (("start", "--join", "host"), "groupctl start: bad peer address 'host'"),
        (
            ("start", "--listen", "0.0.0.0:0"),
            "groupctl start: refusing to listen on 0.0.0.0 without TLS",
        ),
        (
            ("start", "--listen", "0.0.0.0:0", "--allow-plaintext-network"),
            "groupctl start: listening on 0.0.0.0 needs --advertise HOST:PORT that",
        ),
        (("start", "--app", "x"), "groupctl start: --app must be module:factory, got"),
        (
            ("start", "--app", "no_such:thing"),
            "groupctl start: --app no_such:thing: No module named 'no_such'",
        ),
        (
            ("start", "--app", "tests.cluster.app:thing"),
            "groupctl start: --app tests.cluster.app:thing: "
            "tests.cluster.app has no function 'thing'",
        ),
        (
            ("start", "--app", "tests.cluster.app:not_a_tree"),
            "groupctl start: the factory of --app returned int; return specs made",
        ),
        (
            ("start", "--app", "tests.cluster.app:no_specs"),
            "groupctl start: the factory of --app returned a list with the class "
            "Clerk, not child(Clerk); return specs made with actors.child(...), a",
        ),
        (
            ("start", "--app", "tests.cluster.app:by_name"),
            "groupctl start: the factory of --app returned dict; return specs made",
        ),
        (
            ("start", "--app", "tests.cluster.app:later"),
            "groupctl start: --app tests.cluster.app:later: the function must not be "
            "async",
        ),
        (
            ("start", "--app", "tests.cluster.app:deaf"),
            "groupctl start: --app tests.cluster.app:deaf: the function is called with "
            "the group, and takes () -> list[actors._supervision.spec.ChildSpec]; "
            "write def deaf(group)",
        ),
        (("lookup",), "groupctl lookup: the following arguments are required: KEY"),
        (("status", "--node", "here"), "groupctl status: bad peer address 'here'"),
    ],
)
def test_a_wrong_command_gets_one_sentence_and_status_2(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], sentence: str
) -> None:
    status, text = said(capsys, *words)

    assert status == 2
    assert text.startswith(sentence)


@pytest.mark.parametrize(
    ("app", "first", "calls"),
    [
        ("tests.cluster.app:raising", "raised ValueError", ["raising", "_look_up"]),
        ("tests.cluster.app:raising_late", "raised ValueError", ["raising_late"]),
        ("tests.cluster.unset:app", "import raised KeyError", ["<module>"]),
    ],
)
def test_what_an_app_raises_is_shown_without_the_calls_that_led_to_it(
    capsys: pytest.CaptureFixture[str], app: str, first: str, calls: list[str]
) -> None:
    status, text = ended(capsys, "start", "--app", app)

    separator = ":" if first.startswith("import") else ""
    lines = text.splitlines()
    assert status == 1
    assert lines[0] == f"groupctl start: --app {app}{separator} {first}"
    assert lines[1] == "Traceback (most recent call last):"
    assert re.findall(r"^  File .*, in (\S+)$", text, re.M) == calls
    assert lines[-1] in ("ValueError: no such shop", "KeyError: 'SHOP'")


def test_a_cookie_file_that_others_can_read_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "cookie"
    file.write_text("x" * 32)
    file.chmod(0o644)

    status, text = said(capsys, "start", "--cookie-file", str(file))

    assert status == 2
    assert text == (f"groupctl start: cookie file {file} has mode 0644; run chmod 600")


def test_a_cookie_file_wins_over_the_environment(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "cookie"
    file.write_text("short")
    file.chmod(0o600)
    monkeypatch.setitem(os.environ, "GROUP_COOKIE", "y" * 32)

    status, text = said(capsys, "start", "--cookie-file", str(file))

    assert status == 2
    assert text.startswith("groupctl start: cookie must be at least 32 bytes (got 5)")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])

    shown = capsys.readouterr().out
    for command, (words, _) in grammar().commands.items():
        assert re.search(rf"^    {command} +{re.escape(words)}$", shown, re.M), command
    assert "demo-node" not in shown


def test_the_version_is_that_of_the_distribution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])

    assert capsys.readouterr().out.startswith("groupctl ")


def test_what_is_not_for_people_is_not_offered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["dance"])

    offered = capsys.readouterr().err
    assert "'completion')" in offered
    assert "demo-node" not in offered
