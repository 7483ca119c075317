"""Two sessions joined by hand, for tests of the link without a socket."""

from collections.abc import Iterable

from transport._core.control import Ready
from transport._core.handshake import Credentials
from transport._core.identity import NodeId
from transport._core.session import Asked, Event, Proven, Session

COOKIE = b"c" * 32
READY = Ready(
    codec=1,
    heartbeat_ms=1000,
    lease_ms=5000,
    prev_token=0,
    advertise="",
    wall_ms=1,
    hidden=False,
    pickle=True,
    version="0",
)


def node_id(name: str, life: int = 1) -> NodeId:
    return NodeId(name, life.to_bytes(16, "big"))


def credentials(
    name: str,
    *cookies: bytes,
    cluster_id: str = "default",
    life: int = 1,
    versions: tuple[int, int] = (1, 1),
) -> Credentials:
    return Credentials(
        node_id(name, life), cluster_id, cookies or (COOKIE,), versions=versions
    )


def insecure(name: str) -> Credentials:
    return Credentials(node_id(name), "default", ())


class Pair:
    """A dialler and an answerer; `run` carries bytes until both are silent."""

    def __init__(
        self,
        dialler: Credentials,
        answerer: Credentials,
        *,
        mine: Ready = READY,
        theirs: Ready = READY,
        chunk: int = 0,
    ) -> None:
        self.dialler = Session(dialler, mine, b"i" * 32, dialler=True)
        self.answerer = Session(answerer, theirs, b"r" * 32, dialler=False)
        self.seen_by_dialler: list[Event] = []
        self.seen_by_answerer: list[Event] = []
        self.carried: list[bytes] = []
        self._chunk = chunk

    def run(self) -> "Pair":
        while self.carry():
            pass
        return self

    def carry(self) -> bool:
        """Carry what is pending once each way; tell whether there was anything."""
        there, back = self.dialler.take(), self.answerer.take()
        self.carried += [there, back]
        for piece in self._pieces(there):
            self._answer(self.answerer.receive(piece))
        for piece in self._pieces(back):
            self._dialled(self.dialler.receive(piece))
        return bool(there or back)

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        size = self._chunk or max(len(data), 1)
        return [data[at : at + size] for at in range(0, len(data), size)]

    def _answer(self, events: list[Event]) -> None:
        self.seen_by_answerer += events
        if any(isinstance(event, Asked) for event in events):
            self.answerer.accept()

    def _dialled(self, events: list[Event]) -> None:
        self.seen_by_dialler += events
        if any(isinstance(event, Proven) for event in events):
            self.dialler.ready(7)
