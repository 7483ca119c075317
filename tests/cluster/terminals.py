"""Commands in processes of their own, as people run them in terminals."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.crashes import told
from tests.waiting import eventually

ROOT = Path(__file__).parent.parent.parent
# Seconds: to start an interpreter and a node on a busy machine, and to stop.
START_LIMIT = 20.0
STOP_LIMIT = 15.0


class Terminal:
    """One running command; its output goes to files that can be read meanwhile."""

    def __init__(self, folder: Path, *words: str, **environment: str) -> None:
        unique = uuid.uuid4().hex
        self.mark = f"MARKED_BY_TEST={unique}"
        self._told: list[str] = []
        self._out, self._err = folder / f"{unique}.out", folder / f"{unique}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "group", *words],
                cwd=ROOT,
                stdout=out,
                stderr=err,
                env={**os.environ, "MARKED_BY_TEST": unique, **environment},
                start_new_session=True,
            )
        opened_by_now.append(self)

    def take_crashes(self) -> list[str]:
        """Return what the log tells of them, beyond what was returned before."""
        seen, self._told = self._told, told(self.err)
        return self._told[len(seen) :]

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self._err.read_text(encoding="utf-8")

    def await_line(self, words: str, timeout: float = START_LIMIT) -> str:
        """Return the first line of the output with these words in it."""

        def found() -> str | None:
            ended = self.process.poll() is not None
            lines = [line for line in self.out.splitlines() if words in line]
            if ended and not lines:
                # Not an AssertionError, which would mean "not yet".
                raise RuntimeError(f"ended without {words!r}: {self.out}{self.err}")
            return lines[0] if lines else None

        line = eventually(found, timeout, what=repr(words))
        assert line is not None
        return line

    def press_ctrl_c(self) -> None:
        """Do what a terminal does: a signal to the whole foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def status(self, timeout: float = STOP_LIMIT) -> int:
        """Wait for the end, and return the exit status."""
        return self.process.wait(timeout)

    def left_behind(self) -> list[int]:
        """Return the ids of all processes of this command that run."""
        return [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if self.mark in environment_of(folder)
        ]

    def end(self) -> None:
        """End the process whatever it does, stopped or not; not what it started."""
        self.process.kill()
        self.process.wait()

    def clean_up(self) -> None:
        """End whatever a failed test has left behind."""
        self.end()
        for pid in self.left_behind():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


opened_by_now: list[Terminal] = []


def environment_of(folder: Path) -> list[str]:
    try:
        # A zombie's environment is empty.
        return (folder / "environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


@contextmanager
def terminal(folder: Path, *words: str, **environment: str) -> Iterator[Terminal]:
    opened = Terminal(folder, *words, **environment)
    try:
        yield opened
    finally:
        opened.clean_up()
