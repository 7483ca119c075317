"""One node of a `proc_cluster`, as the test sees it: a process."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from group._clock import monotonic
from group.testing import _child
from group.testing._child import Orders

STOP_TIME = 15.0
"""Seconds for a node to stop in order."""


class NodeStartError(AssertionError):
    """A node of a `proc_cluster` has not started; the text has what it wrote."""


class NodeProcess:
    """One node in a process of its own. Made by `proc_cluster`."""

    def __init__(self, name: str, orders: Orders) -> None:
        """Start it; `await_ready` must follow."""
        self.name = name
        self._frozen = False
        self._output, path = tempfile.mkstemp()
        Path(path).unlink()
        read, write = os.pipe()
        self._report: int | None = read
        orders["report"] = write
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {_child.__name__} import main; main()"],
                stdin=subprocess.PIPE,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=[write],
                env=_environment(),
            )
        finally:
            os.close(write)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(orders).encode() + b"\n")
            self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is there, frozen or not."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """What the process has written up to now."""
        size = os.fstat(self._output).st_size
        return os.pread(self._output, size, 0).decode(errors="replace")

    def await_ready(self, timeout: float) -> None:
        """Wait until the node runs, with its group and its app.

        Raises:
            NodeStartError: It does not.
        """
        __tracebackhide__ = True
        deadline = monotonic() + timeout
        said = b""
        assert self._report is not None
        while not said.endswith(b"\n"):
            left = max(0.0, deadline - monotonic())
            ready, _, _ = select.select([self._report], [], [], left)
            more = os.read(self._report, 65_536) if ready else b""
            if not more:
                why = "ended" if ready else f"took more than {timeout:g} s"
                raise NodeStartError(
                    f"node {self.name!r} {why}; it wrote:\n{self.output}"
                )
            said += more
        error = json.loads(said)["error"]
        if error is not None:
            raise NodeStartError(f"node {self.name!r} did not start:\n{error}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, SIGSTOP and SIGCONT for example."""
        self._frozen = number is signal.SIGSTOP
        self._process.send_signal(number)

    def stop(self) -> None:
        """Stop it in order, and by force if it takes too long."""
        assert self._process.stdin is not None
        if self._frozen:
            self.signal(signal.SIGCONT)
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def close(self) -> None:
        """Let go of its files; it must have ended."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        if self._report is not None:
            os.close(self._report)
            self._report = None
        os.close(self._output)


def _environment() -> dict[str, str]:
    """Return the test's own, without settings of nodes, and with its modules."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GROUP_")}
    paths = [path or os.getcwd() for path in sys.path]
    env["PYTHONPATH"] = os.pathsep.join(paths)
    return env
