"""Put things into an inbox that are decided only when their turn comes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, cast

from pykka import ActorDeadError
from pykka._envelope import Envelope

from actors._guard import Caught, Contained
from actors._home import cell_of
from actors._inbox import NOTHING
from actors._reasons import DecodeFailed, Down
from actors._ref import ForeignRef

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    import pykka

    from actors._types import AnyRef, Reply


class Lazy(Envelope[object]):
    """An envelope opened in the addressee's turn, by any kind of Pykka actor.

    `opened` gives the message, or `NOTHING` when there is nothing to say any more.
    The slot `message` stays empty, so that Python asks `__getattr__` for it.
    """

    __slots__ = ("_opened",)

    def __init__(self, opened: Callable[[], object]) -> None:
        self._opened = opened
        self.reply_to = None

    def __getattr__(self, name: str) -> object:
        if name != "message":
            raise AttributeError(name)
        return self._opened()


class Encoded(Envelope[object]):
    """A message that is made into an object in the addressee's turn.

    If it cannot be had, an asker is told so, and for a tell it is `DecodeFailed`.
    """

    __slots__ = ("_instead", "_load")

    def __init__(self, load: Callable[[], object], reply_to: Reply | None) -> None:
        self._load = load
        self._instead: object = NOTHING
        # Pykka asks no more of a future than to be a Reply.
        self.reply_to = cast("pykka.Future[object] | None", reply_to)

    def __getattr__(self, name: str) -> object:
        if name != "message":
            raise AttributeError(name)
        loaded: list[object] = []
        with Caught(self._failed):
            loaded.append(self._load())
        return loaded[0] if loaded else self._instead

    def _failed(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        reply_to, self.reply_to = self.reply_to, None
        if reply_to is None:
            name = "" if kind is None else kind.__name__
            self._instead = DecodeFailed(name, str(error))
            return
        with Contained("asker_not_told_of_a_broken_message"):
            reply_to.set_exception((kind, error, traceback))


def deliver(ref: AnyRef, message: object) -> None:
    """Put a message behind the mail an actor has. Never raises; the dead get nothing.

    A `Down` whose monitor was taken back is dropped when its turn comes.
    """
    if isinstance(message, Down):
        down = message
        put(ref, Lazy(lambda: down if _claimed(ref, down) else NOTHING))
    elif isinstance(ref, ForeignRef):
        with suppress(ActorDeadError):
            ref.tell(message)
    else:
        put(ref, Envelope(message))


def put(ref: AnyRef, envelope: Envelope[object]) -> bool:
    """Put an envelope into a local actor's inbox, unless it is dead."""
    if not ref.is_alive():
        return False
    ref.actor_inbox.put(envelope)
    return True


def inject(ref: AnyRef, load: Callable[[], object], reply_to: Reply | None) -> None:
    """Put in a message that `load()` makes into an object in the addressee's turn.

    If `load` raises, an asker gets the exception; a tell is handed to the actor as
    `DecodeFailed`. The actor lives on either way. Any thread, never blocks.

    Raises:
        ActorDeadError: The actor has ended.
    """
    if not put(ref, Encoded(load, reply_to)):
        raise ActorDeadError(f"{ref} not found")


def _claimed(watcher: AnyRef, down: Down) -> bool:
    cell = cell_of(watcher)
    with cell.lock:
        return cell.monitors.pop(down.monitor, None) is not None
