"""Questions to other nodes that still wait for their answer."""

import itertools
import threading
from collections.abc import Callable
from typing import NamedTuple

from actors import Future
from transport._core.identity import NodeId
from transport._remote.ref import Answer, RemoteActorRef

Load = Callable[[], object]


class _Encoded:
    """An answer as it came; decoded once, on the thread of whoever reads it first."""

    def __init__(self, load: Load) -> None:
        self._load: Load | None = load
        self._lock = threading.Lock()
        self._value: object = None

    def value(self) -> object:
        """Return the answer, or raise it; each reader gets its own exception."""
        with self._lock:
            if self._load is not None:
                self._value, self._load = self._load(), None
            return self._value


class RemoteFuture(Future[Answer]):
    """A future of an answer that comes from another node.

    The node's own thread only puts the bytes in; user code that decoding may run
    belongs to the reader.
    """

    _faulty = False

    def set_encoded(self, load: Load) -> None:
        """Answer with what `load()` will return. Any thread."""
        self.set(_Encoded(load))

    def set_fault(self, load: Load) -> None:
        """Answer with what `load()` will raise. Any thread."""
        self._faulty = True
        self.set(_Encoded(load))

    def succeeded(self) -> bool:
        """Say whether the answer is here and is not an exception."""
        return super().succeeded() and not self._faulty

    def get(self, *, timeout: float | None = None) -> Answer:
        """Wait for the answer; raise it if it is an exception.

        Args:
            timeout: Seconds to wait, None for ever.

        Raises:
            Timeout: No answer in time.
            NodeDownError: The node was lost first.
        """
        value = super().get(timeout=timeout)
        return value.value() if isinstance(value, _Encoded) else value


class StopFuture(RemoteFuture):
    """Whether an actor was stopped: False when it, or its node, was lost already."""

    def set_encoded(self, _load: Load) -> None:
        """Answer that it has ended. Any thread."""
        self.set(value=True)

    def set_exception(self, _exc_info: object = None) -> None:
        """Answer that it was dead."""
        self.set(value=False)


class Question(NamedTuple):
    """An ask that was sent: to which life of which node, about whom."""

    node_id: NodeId
    ref: RemoteActorRef
    future: RemoteFuture


class Asks:
    """All open questions of one node. Any thread.

    One dict, changed by single operations: an ask is taken out once, by the answer,
    by the loss of the node, or by the asker whose message could not be sent.
    """

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._open: dict[int, Question] = {}

    def __len__(self) -> int:
        return len(self._open)

    def open(self, question: Question) -> int:
        """Note a question and return its id. Do so before it is sent."""
        ask_id = next(self._ids)
        self._open[ask_id] = question
        return ask_id

    def take(self, node_id: NodeId, ask_id: int) -> Question | None:
        """Close a question that was put to this node; None when it is closed."""
        asked = self._open.get(ask_id)
        if asked is None or asked.node_id != node_id:
            return None
        # Whoever pops it answers it.
        return self._open.pop(ask_id, None)

    def fail(self, node_id: NodeId | None, error: Callable[[], Exception]) -> None:
        """End all questions to a node (None: to all), each with its own error."""
        # A copy is one step. list() of the items makes tuples, and a collection that
        # they start lets another thread ask, which ends the loop with RuntimeError.
        for ask_id, asked in self._open.copy().items():
            if node_id is None or asked.node_id == node_id:
                taken = self.take(asked.node_id, ask_id)
                if taken is not None:
                    failed(taken.future, error())


def failed(future: Future[Answer], error: Exception) -> None:
    """Answer with an exception that nobody has raised yet."""
    future.set_exception((type(error), error, None))
