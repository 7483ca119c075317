"""Who is told where the others may be dialled. Hints, never state."""

from collections.abc import Collection, Iterator

from transport._core.effects import SendPeers
from transport._core.peers import Peer

# A node that could not reach another for long gives its address up, and so may the
# other. What lets them meet again is that their friends go on speaking of them.
REMIND_EVERY = 60.0


def introduce(newcomer: Peer, linked: Collection[Peer]) -> Iterator[SendPeers]:
    """Tell a new peer of all others, and all others of it."""
    yield from _tell(newcomer, linked)
    for peer in linked:
        if peer is not newcomer:
            yield from _tell(peer, [newcomer])


def remind(linked: Collection[Peer]) -> Iterator[SendPeers]:
    """Tell every peer of all others again."""
    for peer in linked:
        yield from _tell(peer, linked)


def _tell(peer: Peer, others: Collection[Peer]) -> Iterator[SendPeers]:
    """Tell one peer of the others; who hides hears nothing and is not spoken of."""
    hints = tuple(
        (other.node.name, other.address)
        for other in others
        if other is not peer and other.address and not other.hidden
    )
    if hints and peer.token is not None and not peer.hidden:
        yield SendPeers(peer.token, hints)
