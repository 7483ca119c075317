"""What a node has reached so far, for those who wait for it on other threads."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from transport import _clock as clock
from transport._core.identity import NodeId
from transport._core.mesh import State


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of another node.

    Attributes:
        name: Its name.
        address: Its host:port; "" when it cannot be dialled.
        state: "up", "suspect" (its link is lost, it may come back) or "down".
        rtt: Seconds of the last measured round trip, or None.
        since: Wall clock of the last change of state.
        version: Of its software; "" while unknown.
        queued: Bytes that wait to be sent to it.
    """

    name: str
    address: str
    state: State
    rtt: float | None
    since: float
    version: str
    queued: int


class Progress:
    """The peers and the failures of a node. Written by its I/O thread, read by all."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        # Replaced whole, never changed: readers take what is there.
        self.linked: dict[str, NodeId] = {}
        # How many of those do not hide.
        self.visible = 0
        self.causes: dict[NodeId, str] = {}
        self.failures: dict[str, str] = {}
        self.name_refused = False
        # Whether there has ever been a link.
        self.met = False
        self.name_in_use: str | None = None
        self.stopped = False

    def link(self, linked: dict[str, NodeId], visible: int) -> None:
        """Note who is linked now, and how many of those do not hide."""
        self.linked, self.visible = linked, visible
        self.met = self.met or visible > 0

    def note(self, change: Callable[["Progress"], None]) -> None:
        """Change something and wake those who wait."""
        with self._changed:
            change(self)
            self._changed.notify_all()

    def wait(self, reached: Callable[["Progress"], bool], timeout: float) -> bool:
        """Wait until something is reached; return whether it was."""
        deadline = clock.monotonic() + timeout
        with self._changed:
            while not reached(self):
                left = deadline - clock.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True
