"""A peer that has proven itself, runs the group "app", and says what a test wants."""

from collections.abc import Callable
from typing import TypeVar

from group import Group
from group._core import messages as wire
from tests.transport.strangers import SECRET, Impostor
from transport import Node
from transport._core import control
from transport._core.frames import Frame, Kind
from transport._core.session import Event, Told

GID = 1
PATIENCE = 5.0
"""Seconds; what is waited for takes milliseconds."""

M = TypeVar("M")


class Forger(Impostor):
    """An `Impostor` with a channel to a group of one shard."""

    def __init__(self, node: Node, *, name: str = "forger") -> None:
        super().__init__(node, name=name, cookie=SECRET)
        self.sock.settimeout(PATIENCE)
        self.heard: list[object] = []
        self.told: list[object] = []
        self._offer = 0

    def meet(self, g: Group) -> "Forger":
        """Link, and open the channel; the group says its catalogue and hellos."""
        self.open()
        for event in self.events:
            self._hear(event)
        rank = g._instance.config.rank_id
        params: list[tuple[str, str | int]] = [
            ("hash", "msgpack-blake2b-8"),
            ("rank", rank),
            ("shards", g._instance.config.shards),
        ]
        self.say(control.Open(GID, "app", "group", tuple(params)))
        self.await_message(wire.Hello)
        return self

    def join(self, g: Group) -> "Forger":
        """Meet, and begin a session, with nothing said of any row yet."""
        self.meet(g)
        self.tell(wire.Catalogue(1, [(0, "")]), wire.Hello(0, 0, []))
        return self

    def say(self, *messages: control.Control) -> None:
        """Send control messages."""
        frame = self.session.frame
        self.send(b"".join(frame(Kind.CONTROL, control.encode(m)) for m in messages))

    def tell(self, *messages: wire.Message) -> None:
        """Send messages of the group's protocol."""
        self.tell_raw(*(wire.encode(message) for message in messages))

    def tell_raw(self, *bodies: bytes) -> None:
        """Send frames of the group's channel."""
        gid = GID.to_bytes(4, "big")
        frame = self.session.frame
        self.send(b"".join(frame(Kind.CHANNEL, gid + body) for body in bodies))

    def await_message(self, kind: type[M]) -> M:
        """Read until the group says something of a kind; return it, once."""
        return self._await(lambda: self.heard, kind)

    def await_control(self, kind: type[M]) -> M:
        """Read until the node says something of a kind about the link."""
        return self._await(lambda: self.told, kind)

    def _await(self, said: Callable[[], list[object]], kind: type[M]) -> M:
        while True:
            for message in list(said()):
                if isinstance(message, kind):
                    said().remove(message)
                    return message
            self.read()

    def read(self) -> None:
        """Hear what comes."""
        data = self.sock.recv(65536)
        assert data, "the node closed the connection"
        for event in self.session.receive(data):
            self._hear(event)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Told):
            self.told.append(event.message)
            if isinstance(event.message, control.Open):
                self._offer = event.message.gid
                self.say(control.Accept(self._offer))
        elif isinstance(event, Frame) and event.kind is Kind.CHANNEL:
            self.heard.append(wire.decode(event.body[4:]))
