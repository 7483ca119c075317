"""Actors that can be watched, linked and supervised, on top of Pykka."""

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from actors._actor import Actor
from actors._current import current
from actors._errors import (
    ActorDeadError,
    ActorError,
    ChildError,
    DeadlockError,
    MaxChildrenError,
    NoCurrentActorError,
    StartError,
    Timeout,
)
from actors._future import Future
from actors._live import by_actor_id
from actors._mail import deliver, inject
from actors._mailbox import Mailbox, mailbox
from actors._naming import register_name, unregister_name, whereis
from actors._orphans import orphans
from actors._reasons import (
    Crash,
    DecodeFailed,
    Down,
    Exit,
    MonitorRef,
    NodeDown,
    Reason,
)
from actors._ref import ActorRef, ForeignRef, actor_id, class_name
from actors._types import AnyRef, Cancel, Reply
from actors._watch import demonitor, monitor, on_down

# --- supervision: imports -----------------------------------------------------------
# --- supervision: end ---------------------------------------------------------------

__all__ = [
    "Actor",
    "ActorDeadError",
    "ActorError",
    "ActorRef",
    "AnyRef",
    "Cancel",
    "ChildError",
    "Crash",
    "DeadlockError",
    "DecodeFailed",
    "Down",
    "Exit",
    "ForeignRef",
    "Future",
    "Mailbox",
    "MaxChildrenError",
    "MonitorRef",
    "NoCurrentActorError",
    "NodeDown",
    "ProxyCall",
    "ProxyGetAttr",
    "ProxySetAttr",
    "Reason",
    "Reply",
    "StartError",
    "Timeout",
    "actor_id",
    "by_actor_id",
    "class_name",
    "current",
    "deliver",
    "demonitor",
    "inject",
    "mailbox",
    "monitor",
    "on_down",
    "orphans",
    "register_name",
    "unregister_name",
    "whereis",
]
# --- supervision: names, as `__all__ += [...]` --------------------------------------
# --- supervision: end ---------------------------------------------------------------
