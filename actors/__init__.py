"""Actors that can be watched, linked and supervised, on top of Pykka."""

from pykka.messages import ProxyCall, ProxyGetAttr, ProxySetAttr

from actors import hooks
from actors._actor import Actor
from actors._census import Census, Living, census
from actors._current import current
from actors._ends.links import link, unlink
from actors._ends.orphans import orphans
from actors._ends.signals import deliver_exit, kill, stop_with
from actors._ends.signals import exit_actor as exit
from actors._ends.watch import demonitor, monitor, on_down
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
from actors._process import at_exit
from actors._reasons import (
    Crash,
    DecodeFailed,
    Down,
    Exit,
    MonitorRef,
    NodeDown,
    Reason,
)
from actors._ref import ActorRef, ForeignRef, actor_id, class_name, is_ref
from actors._run import run
from actors._supervision.children import Child, Counts
from actors._supervision.dynamic import DynamicSupervisor
from actors._supervision.ref import DynamicSupervisorRef, SupervisorRef
from actors._supervision.spec import ChildSpec, check_childspecs, child
from actors._supervision.supervised import await_ready, start_ready, supervised
from actors._supervision.supervisor import Supervisor
from actors._supervision.tree import Branch, Tree, tree
from actors._timers import Timer, after, tell_after
from actors._types import AnyRef, Cancel, Reply

__all__ = [
    "Actor",
    "ActorDeadError",
    "ActorError",
    "ActorRef",
    "AnyRef",
    "Branch",
    "Cancel",
    "Census",
    "Child",
    "ChildError",
    "ChildSpec",
    "Counts",
    "Crash",
    "DeadlockError",
    "DecodeFailed",
    "Down",
    "DynamicSupervisor",
    "DynamicSupervisorRef",
    "Exit",
    "ForeignRef",
    "Future",
    "Living",
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
    "Supervisor",
    "SupervisorRef",
    "Timeout",
    "Timer",
    "Tree",
    "actor_id",
    "after",
    "at_exit",
    "await_ready",
    "by_actor_id",
    "census",
    "check_childspecs",
    "child",
    "class_name",
    "current",
    "deliver",
    "deliver_exit",
    "demonitor",
    "exit",
    "hooks",
    "inject",
    "is_ref",
    "kill",
    "link",
    "mailbox",
    "monitor",
    "on_down",
    "orphans",
    "register_name",
    "run",
    "start_ready",
    "stop_with",
    "supervised",
    "tell_after",
    "tree",
    "unlink",
    "unregister_name",
    "whereis",
]
