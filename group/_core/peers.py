"""What one shard knows of another node: the session over the current link."""

from group._core.messages import MAX_CLUSTERS, Named
from transport import NodeId


class Peer:
    """A node that runs this group, linked or about to come back.

    `behind` is whether frames of it may have been lost by a shard that crashed.
    `synced` is whether all that it had to send on this link has been found to be here.
    `asked` are fences of it that wait for room on the link.
    `interest` is what the peer's catalogue on this link names; `sent` is the position
    up to which each of our lanes has been sent on it (None: send a snapshot).
    """

    __slots__ = (
        "asked",
        "behind",
        "blocked",
        "change",
        "cids",
        "dirty",
        "fences",
        "heard",
        "hello",
        "highest",
        "interest",
        "node",
        "sent",
        "sent_seal",
        "stale",
        "synced",
        "token",
    )

    def __init__(self, node: NodeId) -> None:
        self.node = node
        self.token: int | None = None
        self.begin()
        # Of the lanes that we hold of this peer: xor of their seals, and those whose
        # seal is out of date. They outlive a link, as the copies do.
        self.heard = 0
        self.stale: dict[int, None] = {}

    def begin(self) -> None:
        """Forget what belonged to the last link."""
        self.change: int | None = None
        self.hello = False
        self.behind = False
        self.synced = False
        self.blocked = False
        self.cids: dict[int, str] = {}
        self.interest: dict[str, int] = {}
        self.sent: dict[str, int | None] = {}
        self.dirty: dict[str, None] = {}
        self.fences: list[int] = []
        self.asked: dict[int, None] = {}
        self.sent_seal = 0
        self.highest = -1

    def add(self, clusters: list[Named]) -> str | None:
        """Note clusters that the peer has opened; return what is wrong with them."""
        for cid, name in clusters:
            if cid in self.cids or name in self.interest:
                return f"cluster {name!r} opened twice"
            if cid <= self.highest:
                return f"cluster number {cid} used again"
            self.highest = cid
            self.cids[cid] = name
            self.interest[name] = cid
        if len(self.cids) > MAX_CLUSTERS:
            return f"more than {MAX_CLUSTERS} clusters"
        return None

    def remove(self, cid: int) -> None:
        """Note that the peer has closed a cluster that it was in."""
        name = self.cids.pop(cid)
        del self.interest[name]
        self.sent.pop(name, None)
        self.dirty.pop(name, None)
