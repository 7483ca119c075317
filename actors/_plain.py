"""What must be known of a plain Pykka actor's insides, in one place."""

from __future__ import annotations

import queue
from operator import attrgetter
from typing import TYPE_CHECKING

import pykka
from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop as ActorStop

from actors._guard import Contained
from actors._inbox import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from actors._ends.cell import Cell
    from actors._types import AnyRef

_weak = attrgetter("_actor_weakref")


def actor_of(ref: AnyRef) -> pykka.Actor | None:
    """Give the actor object behind a local ref, while it exists."""
    actor = _weak(ref)()
    return actor if isinstance(actor, pykka.Actor) else None


def put_first(ref: AnyRef, envelope: Envelope[object]) -> None:
    """Put an envelope in front of the mail of a plain Pykka actor."""
    inbox = ref.actor_inbox
    if not isinstance(inbox, queue.Queue):
        inbox.put(envelope)
        return
    with inbox.mutex:
        inbox.queue.appendleft(envelope)
        inbox.unfinished_tasks += 1
        inbox.not_empty.notify()


def refuse_mail(ref: AnyRef) -> None:
    """Empty the inbox of a plain actor whose thread may still read it.

    Pykka's teardown looks whether there is mail and then takes it in two steps, so
    that it would wait for ever for what we took. It finds a message without effect.
    """
    inbox = ref.actor_inbox
    if not isinstance(inbox, queue.Queue):
        return
    with inbox.mutex:
        mail = list(inbox.queue)
        inbox.queue.clear()
        inbox.queue.append(Envelope(NOTHING))
        inbox.not_empty.notify()
    _refuse(ref, mail)


def close(ref: AnyRef) -> None:
    """Refuse what a plain actor's thread has left behind when it ended."""
    pykka.ActorRegistry.unregister(ref)
    ref.actor_stopped.set()
    inbox = ref.actor_inbox
    mail: list[Envelope[object]] = []
    while not inbox.empty():
        mail.append(inbox.get())
    _refuse(ref, mail)


def finish(ref: AnyRef, cell: Cell) -> None:
    """Make a plain actor dead whose thread is at its end."""
    close(ref)
    if cell.verdict is None:
        cell.verdict = orderly_reason(cell)
    cell.end(cell.verdict)


def orderly_reason(cell: Cell) -> object:
    """Give the reason an orderly stop was asked for with."""
    return "normal" if cell.asked is None else cell.asked


def _refuse(ref: AnyRef, mail: Iterable[Envelope[object]]) -> None:
    dead = ActorDeadError(f"{ref} stopped before handling the message")
    for envelope in mail:
        if envelope.reply_to is None:
            continue
        with Contained("asker_not_told_of_the_end"):
            if isinstance(envelope.message, ActorStop):
                envelope.reply_to.set(None)
            else:
                envelope.reply_to.set_exception((ActorDeadError, dead, None))
