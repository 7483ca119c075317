"""What comes over the links of a group, to the directory and the shards.

Called on the node's I/O thread, in order: nothing here blocks.
"""

from collections.abc import Callable, Mapping

from group._clock import monotonic
from group._core import messages as wire
from group._core.messages import OF_CATALOGUE, MessageError
from group._core.requests import Frame, LinkDown, LinkUp, PeerDown, Writable
from group._instance import Instance
from group._looking.departed import Gone
from group._looking.observed import REPLICATE, replicated
from group._tree.runner import countdown
from group._verbs.counting import count, rows_of
from transport import NodeId, ProtocolError


class Router:
    """The handler of a group's channel."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._runners = instance.runners
        self._directory = instance.directory

    def params(self) -> dict[str, str | int]:
        """Return what must be equal on all nodes that run this group."""
        return self._instance.params()

    def accept(self, node: str, params: Mapping[str, str | int]) -> str | None:
        """Refuse a peer whose group could not agree with ours, in words."""
        name = self._instance.config.name
        ours = self.params()
        if params.get("shards") != ours["shards"]:
            return (
                f"peer {node} runs {name!r} with {params.get('shards')} shards, "
                f"we have {ours['shards']}; shards= must be equal on all nodes"
            )
        for field, here in ours.items():
            if params.get(field) != here:
                return (
                    f"peer {node} runs {name!r} with {field} {params.get(field)!r}, "
                    f"we have {here!r}; it must be equal on all nodes"
                )
        return None

    def link_up(self, token: int, node: NodeId) -> None:
        """A peer that runs this group is linked."""
        self._instance.log.info("peer_linked", peer=node.name)
        self._instance.departed.back(node.name)
        self._directory.run(LinkUp(token, node))

    def frame(self, token: int, body: bytes) -> None:
        """Take one frame.

        Raises:
            ProtocolError: It is none of ours.
        """
        try:
            message = wire.decode(body)
        except MessageError as error:
            raise ProtocolError(f"group frame: {error}", reason="decode") from error
        if isinstance(message, OF_CATALOGUE):
            self._directory.run(Frame(token, message))
            return
        if message.shard >= len(self._runners):
            raise ProtocolError(f"no shard {message.shard}", reason="lane")
        if REPLICATE.callbacks:
            replicated(self._instance, "in", message, 1)
        self._runners[message.shard].post(Frame(token, message))

    def link_down(self, token: int, node: NodeId) -> None:
        """The link is gone; the peer may come back."""
        self._instance.log.info("peer_unlinked", peer=node.name)
        self._directory.run(LinkDown(token))

    def peer_down(self, node: NodeId, cause: str) -> None:
        """The peer is gone for good."""
        self._instance.log.info("peer_down", peer=node.name, cause=cause)
        self._remember(node, cause)
        self._directory.run(PeerDown(node, cause))

    def _remember(self, node: NodeId, cause: str) -> None:
        """Keep what a node has owned: its rows are dropped in a moment."""
        instance = self._instance
        slices = [each for t in instance.store.tables for each in rows_of(t, node)]
        keys, members = count(slices)
        found = [p.address for p in instance.node.peers() if p.name == node.name]
        address = found[0] if found else ""
        gone = Gone(node.name, address, cause, keys, members, monotonic())
        instance.departed.note(gone)

    def fence(self, token: int, done: Callable[[], None]) -> bool:
        """Tell whether every shard has applied what came so far."""
        del token
        busy = [runner for runner in self._runners if not runner.idle]
        if not busy:
            return True
        all_done = countdown(len(busy), done)
        for runner in busy:
            runner.fence(all_done)
        return False

    def writable(self, token: int, done: Callable[[], None]) -> None:
        """Let every shard send what it held back on a link that was full."""
        all_done = countdown(len(self._runners), done)
        for runner in self._runners:
            runner.post(Writable(token), lambda _answer: all_done())
