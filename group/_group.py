"""Group: one cluster-wide registry and its process groups, on one node."""

from __future__ import annotations

import itertools
import os
import threading
from types import TracebackType
from typing import ClassVar, Self, TypedDict, Unpack, overload

from actors import (
    Cancel,
    SupervisorRef,
    Timeout,
    at_exit,
    on_down,
)
from group._clock import monotonic
from group._cluster import Cluster, Clusters
from group._core.arguments import check_timeout, check_ttl
from group._core.config import (
    Batching,
    ExtractMeta,
    LogLevel,
    Rank,
    configured,
)
from group._core.keys import check_cluster, check_named_cluster
from group._coroutines.aio import Awaiting
from group._errors import (
    NoSuchGroupError,
    ShardTimeoutError,
    StoppedError,
)
from group._instance import Instance
from group._looking.attached import Attached
from group._running import refuse_event_loop, running
from group._tree.router import Router
from group._tree.tree import GroupSupervisor, start_tree, stop_tree
from group._verbs.catching_up import catch_up
from group._verbs.dispatching import Dispatching
from group._verbs.operating import Operating
from group._verbs.picking import Picking
from group._verbs.watching import Watching
from transport import Node

STOP_TIMEOUT = 5.0

_numbers = itertools.count(1)


class GroupOptions(TypedDict, total=False):
    """What `Group.start` takes by name beside the node; see `Config` for each."""

    shards: int
    log: LogLevel
    conflict_rank: Rank | None
    extract_meta: ExtractMeta | None
    batching: Batching
    oplog: int
    max_events: int


class Group(Watching, Dispatching, Operating, Picking, Awaiting):
    """One started group on one node. All methods from any thread. A context manager.

    Nodes that run a group of the same name, with the same number of shards, share it.
    Writes go to this node's tables and travel to the peers; reads are of this node's
    view, without waiting. The page on consistency says what that promises.
    """

    instance_class: ClassVar[type[Instance]] = Instance

    def __new__(cls, *given: object, **_options: object) -> Self:
        """Refuse to be made by anybody but `start`."""
        if not (given and isinstance(given[0], Instance)):
            name = cls.__name__
            raise TypeError(f"use {name}.start(name, node=node), not {name}(...)")
        return super().__new__(cls)

    def __init__(self, instance: Instance, *, owns_node: bool) -> None:
        """Made by `start`."""
        super().__init__(instance)
        self._owns_node = owns_node
        self._tree: SupervisorRef[GroupSupervisor] | None = None
        self._ended = threading.Event()
        self._forget_exit: Cancel | None = None
        self._attached = Attached(instance)

    @classmethod
    def start(
        cls, name: str, *, node: Node | None = None, **options: Unpack[GroupOptions]
    ) -> Self:
        """Start this group on a node.

        It returns when this node has the rows of the peers that are linked: no key is
        then claimed in ignorance of its owner. After five seconds without them it
        returns all the same, and says so in the log.

        Args:
            name: Nodes with groups of this name meet.
            node: None gives the group a node of its own that talks to nobody.
            **options: See `group.Config`.

        Raises:
            ConfigError: An option is unknown or cannot be what it is.
            AlreadyStartedError: The node runs a group of this name.
            NodeDownError: The node is stopped.
            TypeError: `node` is no Node.
            RuntimeError: This thread runs an event loop, which would stand still.
        """
        refuse_event_loop()
        config = configured(name, options)
        if node is None:
            home, owns = Node.start(_private_name(), listen=None), True
        elif not isinstance(node, Node):
            raise TypeError(f"node= must be a Node, got {node!r:.80}; see Node.start")
        else:
            home, owns = node, False
        group = cls(cls.instance_class(config, home), owns_node=owns)
        try:
            running.add(group)
            group._begin()
        except BaseException:
            group.stop()
            raise
        return group

    def _begin(self) -> None:
        instance = self._instance
        self._tree = start_tree(instance)
        # After the tree, which is stopped by itself at exit: the newest goes first.
        self._forget_exit = at_exit(self.stop)
        on_down(self._tree, self._gave_up)
        router = Router(instance)
        # A link may be up before the call returns.
        instance.node.open_channel(
            instance.config.name,
            instance.kind,
            router.params(),
            router,
            made=instance.use_channel,
        )
        self._attached.begin()
        catch_up(instance, self.settle)
        instance.log.info("group_started", shards=instance.config.shards)

    def _gave_up(self, reason: object) -> None:
        """The tree has ended: by `stop`, or because restarts were of no use."""
        if not self.abandon():
            return
        if reason == "normal":
            # Somebody has stopped the tree. One that gives up ends with "shutdown".
            self._instance.log.info("group_stopped")
            return
        self._instance.log.error(
            "group_gave_up",
            reason=reason,
            words="its actors kept crashing; start it again, and see their errors",
        )
        self._attached.give_up()

    def abandon(self) -> bool:
        """Be stopped, but wait for no actor of the tree; tell whether that is new."""
        instance = self._instance
        self._attached.end()
        if instance.stopped.is_set():
            return False
        instance.stopped.set()
        running.discard(self)
        if instance.channel is not None:
            instance.channel.close()
        instance.close()
        return True

    @property
    def name(self) -> str:
        """The group's name."""
        return self._instance.config.name

    @property
    def node(self) -> Node:
        """The node that this group runs on."""
        return self._instance.node

    @property
    def tree(self) -> SupervisorRef[GroupSupervisor]:
        """The root of this group's supervision tree; `actors.tree(g.tree)` draws it."""
        if self._tree is None:
            raise StoppedError(self.name)
        return self._tree

    # Subclusters

    @overload
    def connect(
        self,
        cluster_or_list: str,
        *,
        ttl: float | None = None,
        timeout: float = 60.0,
    ) -> Cluster: ...

    @overload
    def connect(
        self,
        cluster_or_list: list[str] | tuple[str, ...],
        *,
        ttl: float | None = None,
        timeout: float = 60.0,
    ) -> Clusters: ...

    def connect(
        self,
        cluster_or_list: str | list[str] | tuple[str, ...],
        *,
        ttl: float | None = None,
        timeout: float = 60.0,
    ) -> Cluster | Clusters:
        """Join a named subcluster, or several, and return a view of it.

        Rows, events and bytes of a subcluster go only to nodes that are in it. Joining
        one that this node is in changes nothing, not even its lease.

        Args:
            cluster_or_list: Names of 1 to 255 bytes.
            ttl: Seconds after which this node leaves it again, unless an actor of it
                is registered, joined or monitors there; then it stays for another ttl.
            timeout: Seconds to wait for a cluster that is just being left.

        Raises:
            InvalidClusterError: Not the name of a cluster, or the names of all
                clusters of this node would take more than 1,000,000 bytes.
            InvalidArgumentError: `ttl` is not a positive number.
            ShardTimeoutError: It is still being left.
            StoppedError: The group is stopped.
        """
        self._check_running()
        single = isinstance(cluster_or_list, str)
        names = _names(cluster_or_list)
        seconds, lease = check_timeout(timeout), check_ttl(ttl)
        try:
            new = self._instance.connect(names, seconds)
        except Timeout:
            raise ShardTimeoutError(0, seconds, 0) from None
        if lease is not None and new:
            self._instance.lend(new, lease)
        for name in new:
            self._instance.log.info("cluster_joined", cluster=name)
        views = [Cluster(self, name, connected=name in new) for name in names]
        return views[0] if single else Clusters(views)

    def disconnect(
        self,
        cluster_or_list: str | list[str] | tuple[str, ...],
        *,
        timeout: float = 60.0,
    ) -> None:
        """Leave subclusters: drop all that is known of them, with events.

        Actors of this node that were registered or joined there live on, and are no
        longer. Leaving one that this node is not in changes nothing. It is carried
        through even if the time is not enough to wait for it.

        Raises:
            InvalidClusterError: Not the name of a cluster, or the default one.
            ShardTimeoutError: It takes longer than `timeout` seconds.
            StoppedError: The group is stopped.
        """
        self._check_running()
        names, seconds = _names(cluster_or_list), check_timeout(timeout)
        try:
            self._instance.disconnect(names).get(timeout=seconds)
        except Timeout:
            raise ShardTimeoutError(0, seconds, 0) from None
        for name in names:
            self._instance.log.info("cluster_left", cluster=name)

    def connected(self, cluster: str) -> bool:
        """Tell whether this node is in a named cluster."""
        self._check_running()
        return check_named_cluster(cluster) in self._instance.directory.own()

    def ttl_left(self, cluster: str) -> float | None:
        """Return the seconds until a cluster's lease is judged; None without one."""
        self._check_running()
        name = check_named_cluster(cluster)
        return self._instance.leases.left(name, monotonic())

    def nodes(self, cluster: str | None = None) -> list[str]:
        """Return names of nodes, sorted.

        Of the default cluster: the peers that run this group, without this node. Of a
        named one: the nodes in it, with this one if it is.
        """
        self._check_running()
        name = None if cluster is None else check_cluster(cluster)
        return self._instance.directory.nodes(name)

    # The end

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """End this group on this node. The second time nothing happens.

        Peers drop this node's rows at once. Actors that were registered live on.
        A callback that this group calls does not wait.

        Raises:
            Timeout: Its actors did not end in time.
        """
        instance = self._instance
        if self._ended.is_set() or instance.forked:
            return
        self._ended.set()
        self._attached.end()
        instance.stopped.set()
        if self._forget_exit is not None:
            self._forget_exit()
        running.discard(self)
        if instance.channel is not None:
            instance.channel.close()
        try:
            if self._tree is not None:
                stop_tree(self._tree, timeout)
        finally:
            instance.close()
            if self._owns_node:
                instance.node.stop(timeout)
        instance.log.info("group_stopped")

    def forked(self) -> None:
        """Be of no use in a forked child; the parent's group goes on."""
        self._instance.abandon()

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
        state = " stopped" if self._instance.stopped.is_set() else ""
        return f"<Group {self.name!r} on {self.node.name}{state}>"


def get(name: str, *, node: Node | None = None) -> Group:
    """Return the group of this name that runs in this interpreter.

    Raises:
        NoSuchGroupError: None does.
        ValueError: Several nodes here run one; say which node.
    """
    found = running.named(name, node)
    if not found:
        raise NoSuchGroupError(name)
    if len(found) > 1:
        nodes = ", ".join(sorted(group.node.name for group in found))
        raise ValueError(
            f"group {name!r} runs on several nodes here ({nodes}); say node="
        )
    return found[0]


def _names(cluster_or_list: str | list[str] | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(cluster_or_list, list | tuple):
        return tuple(check_named_cluster(each) for each in cluster_or_list)
    return (check_named_cluster(cluster_or_list),)


def _private_name() -> str:
    return f"alone-{os.getpid()}-{next(_numbers)}"
