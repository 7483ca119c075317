"""The processes of the demo: started, heard, killed, and never left behind."""

import os
import secrets
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import msgspec

from group._cli.script import News, Order, Role
from group._clock import monotonic

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds that all nodes together get to leave in order, before they are killed.
LEAVE_TIMEOUT = 1.2
_CHUNK = 1 << 16
_ROOT = str(Path(__file__).parent.parent.parent)


class InterruptedDemoError(Exception):
    """Ctrl-C, or another signal that means the same."""


class LostNodeError(Exception):
    """A node has ended that should not have."""

    def __init__(self, node: str, status: int | None) -> None:
        super().__init__(f"node {node} has ended by itself, with status {status}")
        self.node = node


@dataclass
class Process:
    """One node's process and its pipes."""

    role: Role
    handle: subprocess.Popen[bytes]
    orders: IO[bytes]
    news: IO[bytes]
    rest: bytes = b""


class Stage:
    """Starts nodes and hears what they tell. One thread; a context manager.

    News are kept in the order in which they come, until who reads them clears them.
    """

    def __init__(self, errors: IO[bytes]) -> None:
        """Make an empty stage.

        Args:
            errors: A file that gets what the nodes write to stderr.
        """
        self._errors = errors
        self.news: list[News] = []
        self._cookie = secrets.token_hex(32)
        self._processes: dict[str, Process] = {}
        self._selector = selectors.DefaultSelector()
        self._interrupted = False

    def __enter__(self) -> "Stage":
        # A signal's handler only notes it and wakes the selector through this pipe:
        # raised anywhere else it could come between a process and its being noted.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._wake_before = signal.set_wakeup_fd(self._wake)
        self._before = {each: signal.signal(each, self._signalled) for each in SIGNALS}
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            self._leave()
        finally:
            signal.set_wakeup_fd(self._wake_before)
            for number, before in self._before.items():
                signal.signal(number, before)
            self._selector.close()
            os.close(self._woken)
            os.close(self._wake)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self._interrupted = True

    # Nodes

    def start(self, node: str, person: str, join: str) -> None:
        """Start a process that runs one node; it tells when it is up."""
        role = Role(node=node, person=person, join=join, cookie=self._cookie)
        handle = subprocess.Popen(
            [sys.executable, "-P", "-m", "group", "demo-node"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            # Ctrl-C is for the demo, which then tells its nodes.
            start_new_session=True,
        )
        assert handle.stdin is not None
        assert handle.stdout is not None
        process = Process(role, handle, handle.stdin, handle.stdout)
        self._processes[node] = process
        os.set_blocking(handle.stdout.fileno(), False)
        self._selector.register(handle.stdout, selectors.EVENT_READ, process)
        self._write(process, role)

    def order(self, node: str, order: Order) -> None:
        """Tell a node to do something."""
        self._write(self._processes[node], order)

    def kill(self, node: str) -> float:
        """Kill a node's process with SIGKILL; return when."""
        process = self._processes.pop(node)
        self._selector.unregister(process.news)
        at = monotonic()
        process.handle.kill()
        process.handle.wait()
        _close(process)
        return at

    def _write(self, process: Process, line: Role | Order) -> None:
        try:
            process.orders.write(msgspec.json.encode(line) + b"\n")
            process.orders.flush()
        except BrokenPipeError:
            self._lost(process)

    # News

    def until(self, done: Callable[[], bool], timeout: float) -> bool:
        """Hear news until something is so; return whether it came true in time.

        Raises:
            InterruptedDemoError: A signal came.
            LostNodeError: A node has ended.
        """
        deadline = monotonic() + timeout
        while not done():
            left = deadline - monotonic()
            if left <= 0:
                return False
            for key, _ in self._selector.select(left):
                if isinstance(key.data, Process):
                    self._hear(key.data)
                else:
                    os.read(self._woken, _CHUNK)
            if self._interrupted:
                raise InterruptedDemoError
        return True

    def _hear(self, process: Process) -> None:
        chunk = os.read(process.news.fileno(), _CHUNK)
        if not chunk:
            self._lost(process)
        process.rest += chunk
        *lines, process.rest = process.rest.split(b"\n")
        self.news += [msgspec.json.decode(line, type=News) for line in lines]

    def _lost(self, process: Process) -> None:
        with suppress(subprocess.TimeoutExpired):
            process.handle.wait(LEAVE_TIMEOUT)
        raise LostNodeError(process.role.node, process.handle.returncode)

    # The end

    def _leave(self) -> None:
        deadline = monotonic() + LEAVE_TIMEOUT
        for process in self._processes.values():
            with suppress(OSError):
                process.orders.close()
        for process in self._processes.values():
            with _or_kill(process):
                process.handle.wait(max(0.0, deadline - monotonic()))
            _close(process)


@contextmanager
def _or_kill(process: Process) -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired:
        process.handle.kill()
        process.handle.wait()


def _close(process: Process) -> None:
    for pipe in (process.orders, process.news):
        with suppress(OSError):
            pipe.close()


def _environment() -> dict[str, str]:
    """Return ours, without what is set for the user's own nodes."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GROUP_")}
    # With `-P` the current folder is not searched, where other packages may be.
    paths = [_ROOT, *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}
