"""A group in this process and its peer in another, linked; directly or by a relay."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from actors import AnyRef
from benchmarks.owners import GROUP, PATIENCE, mailboxes, open_node
from benchmarks.processes import Worker, worker
from benchmarks.waiting import await_peer
from group import Group
from transport import Node


class Pair(NamedTuple):
    """Two processes with one group."""

    node: Node
    group: Group
    other: Worker
    owner: AnyRef


class Relay(NamedTuple):
    """A process that forwards what comes, so many seconds later, and counts it."""

    process: Worker
    delay: float

    def to(self, address: str) -> str:
        """Begin to forward to an address; return where."""
        return f"127.0.0.1:{self.process.ask_time('relay', address, self.delay)}"

    def passed_bytes(self) -> int:
        """Return how many bytes have passed so far, in both directions."""
        return self.process.ask_time("relay_bytes")


@contextmanager
def linked(relay: Relay | None = None) -> Iterator[Pair]:
    """Both have met, and have no more to tell each other."""
    with ExitStack() as stack:
        node = stack.enter_context(open_node("bench-a"))
        group = stack.enter_context(Group.start(GROUP, node=node, log=False))
        other = stack.enter_context(worker())
        address = relay.to(node.address) if relay else node.address
        other.ask("start", "bench-b", address)
        (owner,) = stack.enter_context(mailboxes(1))
        await_peer(group)
        group.settle(PATIENCE)
        yield Pair(node, group, other, owner)


@contextmanager
def relay(delay: float = 0.0) -> Iterator[Relay]:
    """A relay that ends with the block."""
    with worker() as process:
        yield Relay(process, delay)
