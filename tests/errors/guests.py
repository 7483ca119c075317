"""Guests, as tests have them: nodes in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors import AnyRef
from tests.crashes import told
from tests.transport.strangers import SECRET
from tests.waiting import eventually
from transport import Node

SCRIPT = Path(__file__).with_name("guest.py")
START_LIMIT = 20.0
"""Seconds to start an interpreter and a node on a busy machine."""


class Guest:
    """A process that runs `guest.py`."""

    def __init__(self, host: Node, name: str, *flags: str, **environment: str) -> None:
        self.name = name
        self._host = host
        self.process = subprocess.Popen(
            [sys.executable, *flags, SCRIPT, name, host.address, SECRET],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def await_link(self) -> None:
        """Wait until the guest is a peer and has its actor."""

        def linked() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"the guest has ended: {self.end()}")
            return self._host.linked_id(self.name) is not None

        eventually(linked, START_LIMIT, what="guest is linked")
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    @property
    def actor(self) -> AnyRef:
        return self._host.actor(self.name, "guest")

    def end(self) -> tuple[int, str, str]:
        """Let its main end; return exit status, output and errors."""
        out, errors = self.process.communicate("", timeout=START_LIMIT)
        assert told(errors) == []
        return self.process.returncode, out, errors


@contextmanager
def guest(
    host: Node, name: str = "guest", *flags: str, **environment: str
) -> Iterator[Guest]:
    """A guest that is linked; killed in the end if it has not ended."""
    made = Guest(host, name, *flags, **environment)
    try:
        made.await_link()
        yield made
    finally:
        made.process.kill()
        _, errors = made.process.communicate()
        assert told(errors) == []
