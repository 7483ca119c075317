"""Exit signals, with Erlang's rules, and the stops that supervisors use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pykka
from pykka.messages import _ActorStop as ActorStop

from actors._actor import Actor
from actors._current import current
from actors._ends import orphans
from actors._ends.end import end, fence
from actors._errors import NoCurrentActorError
from actors._home import cell_of
from actors._inbox import NOTHING
from actors._mail import Lazy, put
from actors._mailbox import MailboxRef
from actors._plain import actor_of, put_first, refuse_mail
from actors._reasons import Exit
from actors._ref import ActorRef, ForeignRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors._reasons import Reason
    from actors._types import AnyRef


def exit_actor(ref: AnyRef, reason: Reason) -> None:
    """Send an actor the signal to end with a reason; do not wait for it.

    "normal" is ignored, unless it is sent to oneself. An actor with `trap_exits` gets
    `Exit(sender, reason)` as a message instead. "kill" cannot be trapped: the actor
    is dead at once with reason "killed", without its hooks, and a handler that runs
    goes on in an abandoned thread.
    """
    try:
        sender: AnyRef | None = current()
    except NoCurrentActorError:
        sender = None
    if isinstance(ref, ForeignRef):
        ref.send_exit(sender, reason)
    else:
        deliver_exit(ref, sender, reason)


def deliver_exit(
    ref: AnyRef, sender: AnyRef | None, reason: Reason, *, linked: bool = False
) -> None:
    """Apply an exit signal to a local actor.

    Any thread, never blocks. Signals of a link (`linked=True`) are dropped when the
    link is gone by the time the actor gets to them.
    """
    cell = cell_of(ref)

    def valid() -> bool:
        if not linked or sender is None:
            return True
        with cell.lock:
            return cell.links.pop(sender, None) is not None

    if cell.ended:
        return
    if _is(reason, "kill") and not linked:
        kill(ref)
    elif _traps(ref):
        message = Exit(sender, reason)
        put(ref, Lazy(lambda: message if valid() else NOTHING))
    elif _is(reason, "normal") and sender is not ref:
        if linked:
            valid()
    else:
        stop_with(ref, reason, valid=valid)


def _is(reason: Reason, word: str) -> bool:
    return isinstance(reason, str) and reason == word


def _traps(ref: AnyRef) -> bool:
    actor = actor_of(ref)
    return isinstance(actor, Actor) and actor.trap_exits


def _always() -> bool:
    return True


def stop_with(
    ref: AnyRef,
    reason: Reason,
    *,
    first: bool = True,
    valid: Callable[[], bool] = _always,
) -> None:
    """Ask a local actor to end in order, its `on_stop` included, with this reason.

    Trapping exits does not matter here. Any thread, never blocks, never raises.

    Args:
        ref: The actor, ours or a plain Pykka one.
        reason: What its watchers will hear.
        first: After the message being handled; else behind the mail that waits.
        valid: Asked when the actor gets to it; False takes the stop back.
    """
    cell = cell_of(ref)
    if isinstance(ref, MailboxRef):
        # Its thread may be anywhere; the mailbox alone can be ended.
        if valid():
            end(ref, reason)
        return

    def opened() -> object:
        if not valid():
            return NOTHING
        cell.asked = reason
        return ActorStop()

    order = Lazy(opened)
    if not ref.is_alive():
        return
    if not first:
        ref.actor_inbox.put(order)
    elif isinstance(ref, ActorRef):
        ref.actor_inbox.put_order(order)
    else:
        put_first(ref, order)


def kill(ref: AnyRef) -> None:
    """End a local actor at once and without its hooks; reason "killed".

    Its thread cannot be stopped, only abandoned: see `orphans`.
    """
    if isinstance(ref, ActorRef):
        fence(ref)
        return
    cell = cell_of(ref)
    if cell.ended:
        return
    cell.condemn("killed")
    ref.actor_stopped.set()
    pykka.ActorRegistry.unregister(ref)
    refuse_mail(ref)
    if cell.end("killed") and orphans.busy(cell):
        orphans.add(cell)
