"""Classes of the script itself, between processes that run it or do not."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PRELUDE = """
import sys
from dataclasses import dataclass
from enum import Enum
from transport._remote.codec import Codec

codec = Codec("here", None, allow_pickle=True)

def send(value):
    sys.stdout.write(codec.encode(value, to="b", pickled=True).hex())

def receive():
    return codec.decode(bytes.fromhex(sys.stdin.read()))
"""

SCRIPT = """
class Mood(Enum):
    CALM = 1

@dataclass(frozen=True)
class Join:
    room: str
    mood: Mood
    class Inner(Exception):
        pass

def main(verb):
    if verb == "send":
        send([Join("red", Mood.CALM), Join.Inner("x"), lambda n: Join(n, Mood.CALM)])
    elif verb == "send one":
        send([Join("red", Mood.CALM)])
    else:
        first, second, third = receive()
        match first, third("blue"):
            case Join(room, mood), Join("blue", Mood.CALM):
                print("matched", room, mood, isinstance(second, Join.Inner))
            case _:
                print("no match", first)

if __name__ == "__main__":
    main(sys.argv[1])
"""

OTHER = """
if __name__ == "__main__":
    join, *_ = receive()
    print(type(join).__name__, join.room, join.mood.name)
"""

IMPORTING = """
import chat

if __name__ == "__main__":
    join, *_ = receive()
    print(isinstance(join, chat.Join))
"""

FROM_A_MODULE = """
import chat

if __name__ == "__main__":
    send([chat.Join("red", chat.Mood.CALM), chat.Join.Inner("x"), len])
"""


def script(folder: Path, name: str, body: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(PRELUDE + textwrap.dedent(body))
    return path


def run(path: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, str(path), *words],
        input=given,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_the_same_script_in_two_processes_understands_itself(tmp_path: Path) -> None:
    chat = script(tmp_path, "chat", SCRIPT)

    said = run(chat, "receive", given=run(chat, "send"))

    assert said == "matched red Mood.CALM True"


@pytest.mark.slow
def test_a_script_that_imports_the_other_gets_its_classes(tmp_path: Path) -> None:
    chat = script(tmp_path, "chat", SCRIPT)
    importing = script(tmp_path, "importing", IMPORTING)

    assert run(importing, given=run(chat, "send")) == "True"
    assert run(importing, given=run(chat, "send one")) == "True"


@pytest.mark.slow
def test_the_script_understands_one_that_imports_it(tmp_path: Path) -> None:
    script(tmp_path, "chat", SCRIPT.replace("third(", "Join("))
    sender = script(tmp_path, "sender", FROM_A_MODULE)
    body = SCRIPT.replace('third("blue")', 'Join("blue", Mood.CALM)')
    chat = script(tmp_path, "chat", body)

    assert run(chat, "receive", given=run(sender)) == "matched red Mood.CALM True"


@pytest.mark.slow
def test_a_script_without_the_class_gets_it_by_value(tmp_path: Path) -> None:
    chat = script(tmp_path, "chat", SCRIPT)
    other = script(tmp_path, "other", OTHER)

    assert run(other, given=run(chat, "send")) == "Join red CALM"
    assert run(other, given=run(chat, "send one")) == "Join red CALM"
