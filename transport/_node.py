"""This process on the network: its links, its actors, its peers."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, Unpack

from actors import AnyRef, Cancel, Timeout, at_exit, current
from transport import _clock as clock
from transport import _fork as fork
from transport._config import Options, check, peer_address
from transport._core.identity import NodeId
from transport._errors import (
    ConfigError,
    ForkError,
    JoinTimeoutError,
    NodeDownError,
    NodeNameInUseError,
)
from transport._event_loop import refuse_event_loop
from transport._http.pages import Pages
from transport._http.prometheus import Collector
from transport._links import io
from transport._links.channels import Channel, ChannelHandler, Params
from transport._links.engine import Engine
from transport._links.progress import Peer, Progress
from transport._links.troubles import Trouble
from transport._options import NodeOptions, check_names
from transport._remote.ref import RemoteActorRef
from transport._remote.traffic import ActorTraffic
from transport._watchers import NodeWatchers

# How long a start waits for its joins when nobody asked it to.
GLANCE = 1.0
STOP_TIMEOUT = 5.0


def _ignore(_channel: Channel) -> None:
    """For openers that need no channel before a link."""


class Node:
    """This process on the network: a name, an address, and links to other nodes.

    Made by `start`. Several fit in one process, and talk through sockets as any others.
    Its methods may be called from any thread. A context manager, which stops it.
    """

    def __init__(self, options: Options | None = None, **_more: object) -> None:
        """Made by `start`."""
        self._config = check(options, host=io.machine())
        self._progress = Progress()
        self._watchers = NodeWatchers()
        self._engine = Engine(self._config, self._progress)
        self._traffic = ActorTraffic(self)
        self._forked = False
        self._taken_back: Cancel | None = None

    @classmethod
    def start(cls, name: str | None = None, **options: Unpack[NodeOptions]) -> Self:
        """Listen, dial the given peers, and return.

        It waits for `require_peers` links, at most `join_timeout`, and as long as the
        peers and those that they tell of take to answer or refuse, at most a second.

        Args:
            name: Unique in the cluster; GROUP_NODE, or host name and process id.
            **options: See `NodeOptions`.

        Raises:
            ConfigError: An option or a variable of the environment cannot be used.
            ListenError: The address cannot be had.
            NodeNameInUseError: A live node of the cluster has this name.
            JoinTimeoutError: Fewer than `require_peers` were reached.
            RuntimeError: This thread runs an event loop, which would stand still.
        """
        refuse_event_loop()
        check_names(options)
        node = cls(Options(name=name, **options))
        node._open()
        return node

    def _open(self) -> None:
        fork.add(self)
        try:
            self._engine.start(self._traffic, self._watchers)
            # After the supervisor's own: the newest comes first, and says goodbye.
            self._taken_back = at_exit(self.stop)
            self._await_peers()
        except BaseException:
            self.stop()
            raise

    def _await_peers(self) -> None:
        options = self._config.options
        joins, need = set(self._config.join), options.require_peers

        def reached(progress: Progress) -> bool:
            if progress.name_in_use or progress.visible >= max(need, 1):
                return True
            return not need and progress.failures.keys() >= joins

        glance = min(GLANCE, options.join_timeout)
        patience = options.join_timeout if need else glance
        if not need and not joins:
            return
        began = clock.monotonic()
        done = self._progress.wait(reached, patience)
        if not done and self._progress.name_refused:
            self._progress.wait(reached, options.join_timeout)
        if self._progress.name_in_use:
            raise NodeNameInUseError(self._progress.name_in_use)
        if self._progress.visible < need:
            raise JoinTimeoutError(self._unreached())
        self._engine.look_around(glance - (0.0 if need else clock.monotonic() - began))

    def _unreached(self) -> str:
        failures = self._progress.failures
        tried = [f"{a} {failures.get(a, 'gave no answer')}" for a in self._config.join]
        reached = self._progress.visible or "no"
        return (
            f"{reached} peer reached in {self._config.options.join_timeout:g} s: "
            f"{', '.join(tried) or 'join= is empty'}"
        )

    # -- who this is

    @property
    def id(self) -> NodeId:
        """This life of this node."""
        return self._engine.me

    @property
    def name(self) -> str:
        """Unique in the cluster while the node lives."""
        return self._engine.me.name

    @property
    def incarnation(self) -> bytes:
        """What tells this life from others of the same name."""
        return self._engine.me.incarnation

    @property
    def address(self) -> str:
        """Where peers reach this node; "" when it talks to nobody.

        Written as `host:port`, it is what others give to `join=`.
        """
        return self._engine.address

    @property
    def http_url(self) -> str | None:
        """Where a browser of this machine finds the operations server; None without."""
        return self._engine.http_url

    @property
    def pages(self) -> Pages:
        """What the operations server shows; whoever runs on this node may add to it."""
        return self._engine.pages

    def collector(self) -> Collector:
        """Return a collector of prometheus-client, for a registry of your own.

        `REGISTRY.register(node.collector())` shows the numbers of this node, of its
        groups and of the actors of the process, as `/metrics` does. Any thread.
        """
        return Collector(self.pages.metrics)

    @property
    def heartbeat(self) -> float:
        """Seconds between two signs of life."""
        return self._config.options.heartbeat

    @property
    def allow_pickle(self) -> bool:
        """Whether pickled payloads are sent and loaded here."""
        return self._config.options.allow_pickle

    def __repr__(self) -> str:
        return f"<Node {self.name} at {self.address or 'no address'}>"

    # -- peers

    def peers(self) -> list[Peer]:
        """Return the other nodes, also those that are suspect or were lost lately.

        Not those that hide: they only look in.
        """
        self._check_process()
        return self._engine.peers()

    def troubles(self) -> list[Trouble]:
        """Return why peers that should be linked are not: what the log has said of it.

        Those of the last minute, and those that stand; one is gone when it is mended.
        """
        self._check_process()
        return self._engine.troubles()

    def offers(self, name: str) -> list[tuple[str, str]]:
        """Return kind and name of the channels that a linked peer runs, sorted.

        Raises:
            NodeDownError: The node is not linked.
        """
        self._check_process()
        link = self._engine.link_to(self.linked_id(name))
        if link is None:
            raise NodeDownError(name, "it is not linked")
        return sorted((offer.kind, offer.name) for offer in link.offers.copy().values())

    def ping(self, name: str, timeout: float = 5.0) -> float:
        """Return the seconds of a round trip.

        Raises:
            NodeDownError: The node is not linked.
            Timeout: No answer in time.
        """
        self._check_process()
        link = self._engine.link_to(self.linked_id(name))
        if link is None:
            raise NodeDownError(name, "it is not linked")
        pings = self._engine.pings
        future = pings.send(link)
        try:
            return future.get(timeout=timeout)
        except Timeout:
            pings.give_up(future)
            raise

    def join(self, address: str) -> None:
        """Dial host:port, or the addresses of dns://host:port, until linked.

        Raises:
            ConfigError: The address is malformed, or this node talks to nobody.
            NodeDownError: This node is stopped.
        """
        self._check_running()
        if not self.address:
            raise ConfigError("a node with listen=None cannot join", code="B018")
        self._engine.join(peer_address(address))

    def disconnect(self, name: str) -> None:
        """Say goodbye to a peer and dial it no more; it may dial us again."""
        self._check_process()
        self._engine.disconnect(name)

    def monitor_nodes(self) -> None:
        """Tell the current actor of changes: NodeUp(node) and NodeLost(node, cause).

        Raises:
            NoCurrentActorError: This is a plain thread.
        """
        self._watchers.add(current())

    def wait_peers(self, n: int, timeout: float) -> None:
        """Return when at least `n` peers are linked, not counting those that hide.

        Raises:
            JoinTimeoutError: They were not in time.
        """
        self._check_process()
        if not self._progress.wait(lambda p: p.visible >= n, timeout):
            found = self._progress.visible
            raise JoinTimeoutError(f"{found} of {n} peers linked in {timeout:g} s")

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """Say goodbye, close all links and end all threads. The second time: nothing.

        Raises:
            Timeout: Threads did not end in time; they are daemons.
        """
        if self._forked or self._progress.stopped:
            return
        self._progress.note(lambda p: setattr(p, "stopped", True))
        if self._taken_back is not None:
            self._taken_back()
        self._traffic.stop()
        fork.discard(self)
        self._engine.stop(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()

    # -- actors

    def actor(self, node: str, name: str) -> RemoteActorRef:
        """Return a ref to whoever bears a registered name on a node."""
        return self._traffic.actor(node, name)

    def adopt(self, ref: AnyRef) -> int:
        """Make a local actor one of this node, and return its number.

        Raises:
            NotLocalError: It belongs to another node.
        """
        return self._traffic.locals.adopt(ref)

    def ref(self, node_id: NodeId, n: int, cls: str) -> AnyRef:
        """Return the ref of an address: a local one where the actor is ours."""
        return self._traffic.refs.ref(node_id, n, cls)

    def is_local(self, ref: AnyRef) -> bool:
        """Tell whether an actor is one of this node, or could become one."""
        return self._traffic.refs.is_local(ref)

    def address_of(self, ref: AnyRef) -> tuple[NodeId, int]:
        """Return the node and number under which a ref travels."""
        return self._traffic.address_of(ref)

    def tell_many(self, refs: Sequence[AnyRef], message: object) -> int:
        """Tell several actors the same; encoded once, one frame per remote node."""
        return self._traffic.tell_many(refs, message)

    # -- what travels over links; for group and for the traffic of actors

    def open_channel(
        self,
        name: str,
        kind: str,
        params: Params,
        handler: ChannelHandler,
        *,
        made: Callable[[Channel], None] = _ignore,
    ) -> Channel:
        """Offer a named stream to all peers, now and later.

        Args:
            name: Peers with a channel of this name and kind are asked to accept.
            kind: What runs over it, one word.
            params: What a peer's handler may judge by.
            handler: Called on the I/O thread, maybe before this returns.
            made: Gets the channel before the handler hears anything.
        """
        self._check_running()
        return self._engine.channels.open(name, kind, params, handler, made)

    def send_message(
        self, node_id: NodeId, body: bytes, *, bounded: bool = True
    ) -> bool:
        """Queue one actor message; see `transport._links.seam.Links`."""
        link = self._engine.link_to(node_id)
        if link is None:
            return False
        if not link.outbox.put_message(body, bounded=bounded):
            if not link.outbox.closed:
                self._engine.message_dropped(node_id)
            return False
        link.pump()
        return True

    def linked(self, node_id: NodeId) -> bool:
        """Tell whether this life of a node has a link now."""
        link = self._engine.link_to(node_id)
        # A writer may have met a broken socket of which nobody else has heard yet.
        return link is not None and not link.outbox.closed

    def linked_id(self, name: str) -> NodeId | None:
        """Return the life of a named node that is linked now."""
        return self._progress.linked.get(name)

    def down_cause(self, node_id: NodeId) -> str:
        """Say in words why a node has no link."""
        if self._forked:
            return f"{self.name} was started by the parent of this process"
        if self._progress.stopped:
            return f"{self.name} is stopped"
        if self._engine.link_to(node_id) is not None:
            return "its link has just broken"
        return self._progress.causes.get(node_id, "it was never linked")

    def accepts_pickle(self, node_id: NodeId) -> bool:
        """Tell whether a linked node loads pickled payloads."""
        link = self._engine.link_to(node_id)
        return link is not None and link.ready is not None and link.ready.pickle

    def abandon(self) -> None:
        """In a forked child: this node belongs to the parent."""
        self._forked = True
        self._engine.abandon()

    def _check_running(self) -> None:
        self._check_process()
        if self._progress.stopped:
            raise NodeDownError(self.name, "it was stopped; start another one")

    def _check_process(self) -> None:
        if self._forked:
            raise ForkError(
                f"node {self.name} was started by the parent of this process; "
                "start a new one after fork"
            )
