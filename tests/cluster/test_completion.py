"""Completion as shells do it: the lines of `groupctl completion` are run."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from group._cli.options import grammar
from tests.cluster.terminals import ROOT

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

INSPECTIONS = [
    n for n in grammar().commands if n not in ("start", "demo", "completion")
]


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What groupctl writes for each shell, in a file."""
    folder = tmp_path_factory.mktemp("completion")
    written = {}
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [sys.executable, "-m", "group", "completion", shell],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        written[shell] = folder / f"_groupctl.{shell}"
        written[shell].write_text(done.stdout, encoding="utf-8")
    return written


def run(*words: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=30, check=False, cwd=ROOT
    )
    assert done.stderr == ""
    return done.stdout


def completed(script: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word of a command line."""
    line = f"""
        source {script}
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)})
        COMP_CWORD={len(words) - 1}
        "$(complete -p groupctl | sed 's/.*-F \\([^ ]*\\) .*/\\1/')"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    return run("bash", "--norc", "-euc", line).split()


def test_bash_offers_the_commands(scripts: dict[str, Path]) -> None:
    offered = completed(scripts["bash"], "groupctl", "")

    assert set(grammar().commands) <= set(offered)
    assert "demo-node" not in offered
    assert completed(scripts["bash"], "groupctl", "ac") == ["actors"]


@pytest.mark.parametrize("command", INSPECTIONS)
def test_bash_offers_the_options_of_a_command(
    scripts: dict[str, Path], command: str
) -> None:
    offered = completed(scripts["bash"], "groupctl", command, "--")

    assert {"--json", "--timeout", "--node", "--group"} <= set(offered)


def test_bash_offers_the_words_that_may_follow(
    scripts: dict[str, Path], tmp_path: Path
) -> None:
    script = scripts["bash"]
    file = tmp_path / "secret"
    file.touch()

    assert completed(script, "groupctl", "actors", "--top", "") == [
        "mailbox",
        "restarts",
    ]
    assert completed(script, "groupctl", "start", "--log", "v") == ["verbose"]
    assert completed(script, "groupctl", "log-level", "o") == ["off"]
    assert completed(script, "groupctl", "completion", "") == ["bash", "zsh", "fish"]
    files = completed(script, "groupctl", "nodes", "--cookie-file", f"{tmp_path}/s")
    assert files == [str(file)]
    assert completed(script, "groupctl", "nodes", "--node", "") == []


def test_zsh_reads_what_is_written_for_it(scripts: dict[str, Path]) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed here")
    line = f"autoload -U compinit; compinit -u -D; source {scripts['zsh']}; "
    line += "print $_comps[groupctl]"

    assert run("zsh", "-f", "-c", line) == "_groupctl\n"


def test_fish_offers_commands_and_options(scripts: dict[str, Path]) -> None:
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed here")

    def offered(words: str) -> list[str]:
        line = f"source {scripts['fish']}; complete -C {words!r}"
        lines = run("fish", "--no-config", "-c", line).splitlines()
        return [each.partition("\t")[0] for each in lines]

    assert set(grammar().commands) <= set(offered("groupctl "))
    assert {"--json", "--timeout", "--node"} <= set(offered("groupctl status --"))
    assert offered("groupctl actors --top ") == ["mailbox", "restarts"]
