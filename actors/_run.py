"""The main function of a service: start a tree, wait for a signal, stop in order."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol

import pykka

from actors._clock import LOOK_UP
from actors._log import log
from actors._supervision.life import Life, begin_life
from actors._supervision.ref import OverseerRef
from actors._supervision.restart import orderly
from actors._supervision.spec import ChildSpec, child

if TYPE_CHECKING:
    from types import FrameType

    from actors._supervision.spec import Startable
    from actors._types import AnyRef

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """What `run` asks of a node."""

    def stop(self) -> object:
        """Leave the network in order, in bounded time."""


def run(root: ChildSpec | Startable | AnyRef, *, node: Stoppable | None = None) -> None:
    """Start a tree, wait for SIGINT or SIGTERM, stop the tree, then the node.

    To be called by the main thread. Returns after the signal, or when the root has
    ended by itself as it was meant to. A second signal while the tree stops acts as
    it would without `run`.

    Args:
        root: A supervisor class, a spec (`child(...)`) with its arguments, a callable
            that returns a ref, or the ref of an actor that runs already.
        node: Stopped last, also when the root does not start.

    Raises:
        StartError: The root did not come up.
        SystemExit: With status 1: the root crashed, or gave up restarting.
        ValueError: This is not the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("run() gets signals, so it belongs in the main thread")
    with ExitStack() as stack:
        if node is not None:
            stack.callback(node.stop)
        failed = _serve(root)
    if failed:
        raise SystemExit(1)


def _serve(root: ChildSpec | Startable | AnyRef) -> bool:
    """Run the tree from start to stop; say whether it failed."""
    # Not an Event: a signal's handler may run in the middle of wait() and would then
    # wait for the lock that its own thread holds.
    news: SimpleQueue[str] = SimpleQueue()
    with ExitStack() as stack:
        for number in _SIGNALS:
            before = signal.signal(number, partial(_signalled, news))
            stack.callback(signal.signal, number, before)
        spec = _spec_of(root)
        life = begin_life(spec)
        if life is None:
            return False
        life.await_up(spec)
        life.watch(lambda: news.put("the root has ended"))
        why = _await(news)
    log.info("stopping", actor=life.ref, why=why)
    if life.ended:
        gave_up = isinstance(life.ref, OverseerRef) and life.ref.gave_up
        return gave_up or not orderly(life.reason)
    _stop(life, spec)
    return False


def _stop(life: Life, spec: ChildSpec) -> None:
    life.order_stop(spec.shutdown)
    life.await_end()
    log.info("stopped", actor=life.ref, reason=life.reason)


def _await(news: SimpleQueue[str]) -> str:
    """Wait for what comes first, and miss no signal."""
    while True:
        with suppress(Empty):
            return news.get(timeout=LOOK_UP)


def _signalled(news: SimpleQueue[str], number: int, _frame: FrameType | None) -> None:
    news.put(signal.Signals(number).name)


def _spec_of(root: ChildSpec | Startable | AnyRef) -> ChildSpec:
    if isinstance(root, ChildSpec):
        return root
    if isinstance(root, pykka.ActorRef):
        running: AnyRef = root
        return child(lambda: running, id="root", shutdown="infinity")
    return child(root)
