"""Another process on this machine, told what to do line by line."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.owners import COOKIE, PATIENCE


class Worker:
    """A running `benchmarks.worker`; see there for its commands."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "GROUP_COOKIE": COOKIE},
        )
        self._unread = b""

    def begin(self, command: str, *args: object) -> None:
        """Give a command; its `answer` must be taken before the next one."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([command, *args]).encode() + b"\n")

    def answer(self) -> object:
        """Return the next line that it says.

        Raises:
            TimeoutError: Nothing came.
            RuntimeError: It has ended.
        """
        while b"\n" not in self._unread:
            self._unread += self._read()
        line, _, self._unread = self._unread.partition(b"\n")
        return json.loads(line)

    def time(self) -> int:
        """Return the next line, which is a time or a duration in nanoseconds."""
        found = self.answer()
        if not isinstance(found, int):
            raise TypeError(f"the other process says {found!r}, not a time")
        return found

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise TimeoutError("the other process does not answer")
        found = os.read(self._process.stdout.fileno(), 65_536)
        if not found:
            raise RuntimeError("the other process has ended")
        return found

    def ask_time(self, command: str) -> int:
        """Give a command and return the time that it answers."""
        self.begin(command)
        return self.time()

    def ask(self, command: str, *args: object) -> object:
        """Give a command and return its answer."""
        self.begin(command, *args)
        return self.answer()

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def close(self) -> None:
        """End it by the end of its input; by force when it does not listen."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process:
            self._process.stdin.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()


@contextmanager
def worker() -> Iterator[Worker]:
    """A process that ends with the block."""
    other = Worker()
    try:
        yield other
    finally:
        other.close()
