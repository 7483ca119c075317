"""Other processes on this machine, told what to do line by line."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from benchmarks.owners import COOKIE, PATIENCE


class Process:
    """A running program that answers lines with lines of JSON."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, **(environment or {})},
        )
        self._unread = b""

    def tell(self, line: str) -> None:
        """Write a line; its `answer` must be taken before the next one."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

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

    def _read(self) -> bytes:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise TimeoutError("the other process does not answer")
        found = os.read(self._process.stdout.fileno(), 65_536)
        if not found:
            raise RuntimeError("the other process has ended")
        return found

    @property
    def pid(self) -> int:
        """Its number, for `/proc`."""
        return self._process.pid

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


class Worker(Process):
    """A running `benchmarks.worker`; see there for its commands."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "benchmarks.worker"]
        super().__init__(command, {"GROUP_COOKIE": COOKIE})

    def begin(self, command: str, *args: object) -> None:
        """Give a command; its `answer` must be taken before the next one."""
        self.tell(json.dumps([command, *args]))

    def time(self) -> int:
        """Return the next line, which is a time or a duration in nanoseconds."""
        found = self.answer()
        if not isinstance(found, int):
            raise TypeError(f"the other process says {found!r}, not a time")
        return found

    def ask_time(self, command: str, *args: object) -> int:
        """Give a command and return the time that it answers."""
        self.begin(command, *args)
        return self.time()

    def ask(self, command: str, *args: object) -> object:
        """Give a command and return its answer."""
        self.begin(command, *args)
        return self.answer()


@contextmanager
def worker() -> Iterator[Worker]:
    """A process that ends with the block."""
    other = Worker()
    try:
        yield other
    finally:
        other.close()


@contextmanager
def server(command: Sequence[str], **environment: str) -> Iterator[None]:
    """A program that says nothing, and is ended with the block."""
    running = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        yield
    finally:
        running.terminate()
        running.wait(PATIENCE)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens at just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
