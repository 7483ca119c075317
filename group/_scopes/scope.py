"""Scope: groups in which an actor can be several times, with names that match many."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from actors import AnyRef, child
from group._core.arguments import check_ttl
from group._core.changes import GROUPS
from group._core.errors import InvalidArgumentError
from group._core.keys import DEFAULT, check_key
from group._core.patterns import Patterns, check_group_name
from group._core.scoped import Freeze, Frozen, PatternIndex, ScopeTables, frozen
from group._core.views import Members
from group._errors import NoProcessError
from group._group import STOP_TIMEOUT
from group._scopes.calls import (
    Callback,
    CallbackHandle,
    Caller,
    Every,
    Handle,
    Kind,
    Plan,
    Regular,
    Told,
)
from group._scopes.instance import PlainGroup, ScopeGroup
from group._scopes.names import Via
from group._scopes.reads import ScopeReads, ScopeSnapshot, Storage, check_storage
from group._scopes.writes import ScopeWrites
from transport import Node

LOOKS = 3
"""How often a snapshot is tried beside the writer, before it is made in a turn."""
SNAPSHOT_TIMEOUT = 5.0

_NO_PATTERNS = Patterns()


class Scope(ScopeWrites, ScopeReads):
    """One scope on one node. All methods from any thread. A context manager.

    Nodes that run a scope of the same name share it; a `Group` of this name is another
    thing. Writes are for actors of this node, through the scope's one shard; reads are
    of this node's view, without waiting.
    """

    def __init__(self, group: ScopeGroup, storage: Storage) -> None:
        """Made by `start`."""
        super().__init__(group.instance, storage)
        self._group = group
        # Guards the two, whose actors are started when first needed.
        self._lock = threading.Lock()
        self._told: Told | None = None
        self._plan: Plan | None = None

    @classmethod
    def start(
        cls, name: str, *, node: Node | None = None, storage: Storage = "patterns"
    ) -> Self:
        """Start this scope on a node; returns when it takes requests.

        Args:
            name: Nodes with scopes of this name meet.
            node: None gives the scope a node of its own that talks to nobody.
            storage: With "patterns", "*" and "?" in the names of groups are wildcards;
                with "plain" no character is special. Equal on all nodes, else the peers
                refuse the scope with words.

        Raises:
            InvalidArgumentError: `storage` is none of these.
            ConfigError: It cannot be a name.
            AlreadyStartedError: The node runs a scope of this name.
            RuntimeError: This thread runs an event loop, which would stand still.
        """
        checked = check_storage(storage)
        kind = PlainGroup if checked == "plain" else ScopeGroup
        return cls(kind.start(name, node=node, shards=1), checked)

    @property
    def name(self) -> str:
        """The scope's name."""
        return self._group.name

    @property
    def node(self) -> Node:
        """The node that this scope runs on."""
        return self._group.node

    def nodes(self) -> list[str]:
        """Return the names of the peers that run this scope, sorted."""
        return self._group.nodes()

    def settle(self, timeout: float = 5.0) -> None:
        """Wait until every linked peer has applied what was written here before.

        Raises:
            ShardTimeoutError: A peer did not answer in time.
            StoppedError: The scope is stopped.
        """
        self._group.settle(timeout)

    # Callbacks

    def on_join(self, group: str, callback: Callback) -> CallbackHandle:
        """Call back for each occurrence that comes to the group of this exact name.

        `callback(group, ref, reason)` is called by one helper actor, one after another,
        the newest callback first; reason is "join_local" or "join_remote". What it
        raises is logged and hurts no other. It hears what happens after this call.

        Returns:
            A handle; `remove()` takes the callback back.

        Raises:
            InvalidKeyError: Not the name of a group.
            InvalidArgumentError: The callback cannot be called.
            StoppedError: The scope is stopped.
        """
        return self._add("on_join", group, callback)

    def on_leave(self, group: str, callback: Callback) -> CallbackHandle:
        """Call back for each occurrence that goes; as many as came.

        As `on_join`; reason is "leave_local" or "leave_remote", the exit reason of the
        actor, or `NodeDown`.
        """
        return self._add("on_leave", group, callback)

    def _add(self, kind: Kind, group: str, callback: Callback) -> CallbackHandle:
        self._check_running()
        check = check_key if self._storage == "plain" else check_group_name
        if not callable(callback):
            raise InvalidArgumentError("a callback must be callable", "B041")
        handle = CallbackHandle(kind, check(group), callback)
        with self._lock:
            if self._told is None:
                told = Told(self._instance.config.max_events)
                # It hears of all that happens from when this returns.
                spec = child(Caller, self._instance, told, id="callbacks")
                self._group.tree.start_child(spec)
                self._told = told
            self._told.give(handle)
        return handle

    # Snapshots

    def snapshot(self) -> ScopeSnapshot:
        """Return the whole scope as it is at one moment, for as long as one likes.

        Copies the members of all groups, on the caller's thread. No batch is in it by
        half.

        Raises:
            ShardTimeoutError: The scope is so busy that it had to be asked, and did not
                answer within 5 seconds.
            StoppedError: The scope is stopped.
        """
        groups = self._copied()
        if groups is None:
            groups = self._asked()
        return ScopeSnapshot(self._instance, self._storage, groups)

    def snapshot_every(self, seconds: float, *, actor: AnyRef | None = None) -> Handle:
        """Tell an actor a `ScopeSnapshot` now and then, the first in so many seconds.

        Args:
            seconds: How long from one to the next, more than 0.
            actor: An actor of this node; the current one if not given.

        Returns:
            A handle; `remove()` ends it, and so does the end of the actor.

        Raises:
            InvalidArgumentError: Not a positive number of seconds.
            NoCurrentActorError: No actor was given and none runs here.
            NotLocalError: The actor belongs to another node.
            DeadActorError: The actor has ended.
            StoppedError: The scope is stopped.
        """
        checked = check_ttl(seconds)
        if checked is None:
            raise InvalidArgumentError("seconds must be a positive number", "B033")
        ref, _ = self._owner(actor)
        handle = Handle()
        with self._lock:
            if self._plan is None:
                plan = Plan()
                self._group.tree.start_child(child(Regular, plan, id="snapshots"))
                self._plan = plan
            self._plan.add(Every(checked, ref, self.snapshot, handle))
        return handle

    def _copied(self) -> Mapping[str, Members] | None:
        """Copy the groups beside the writer; None if it has changed them meanwhile."""
        tables = self._tables()
        for _ in range(LOOKS):
            version = tables.version
            self._groups()
            groups = frozen(tables.views[DEFAULT])
            if version % 2 == 0 and version == tables.version:
                return groups
        return None

    def _asked(self) -> Mapping[str, Members]:
        answer = self._request(Freeze(), SNAPSHOT_TIMEOUT)
        assert isinstance(answer, Frozen)
        return answer.groups

    # Names

    def register_name(
        self, via: object, *, actor: AnyRef | None = None, timeout: float = 5.0
    ) -> bool:
        """Put an actor into the group of a via name, once more; never refuses.

        Via names are not unique: whoever wants to be alone, or one of N, looks first
        where `whereis_name` leads to.

        Returns:
            True.

        Raises:
            GroupError: As `join`.
        """
        self.join(Via.of(via).group, actor=actor, timeout=timeout)
        return True

    def unregister_name(
        self, via: object, *, actor: AnyRef | None = None, timeout: float = 5.0
    ) -> None:
        """Take an actor out of the group of a via name, once.

        Raises:
            GroupError: As `leave`.
        """
        self.leave(Via.of(via).group, actor=actor, timeout=timeout)

    def send(self, via: object, message: object) -> AnyRef:
        """Tell the actor that a via name leads to something; return the actor.

        Raises:
            NoProcessError: It leads to none.
            InvalidArgumentError: It is no via name.
            StoppedError: The scope is stopped.
        """
        ref = self.whereis_name(via)
        if ref is None:
            raise NoProcessError(Via.of(via).group)
        ref.tell(message)
        return ref

    # The end

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """End this scope on this node. The second time nothing happens.

        Peers drop this node's occurrences at once; the actors live on. A callback of
        this scope does not wait.

        Raises:
            Timeout: Its actors did not end in time.
        """
        self._group.stop(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Scope {self.name!r} on {self.node.name}>"

    # Helpers

    def _tables(self) -> ScopeTables:
        (tables,) = self._instance.store.tables
        assert isinstance(tables, ScopeTables)
        return tables

    def _groups(self) -> Mapping[str, Members]:
        view = self._instance.store.views.get(DEFAULT)
        if view is None:
            raise self._instance.ended()
        return view.groups

    def _patterns(self) -> Patterns:
        index = self._tables().prefixes.get((GROUPS, DEFAULT))
        return index.patterns if isinstance(index, PatternIndex) else _NO_PATTERNS
