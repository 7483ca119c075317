"""One life of a node in a process of its own: orders in argv, commands on stdin."""

import faulthandler
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from actors import ActorDeadError, AnyRef, Timeout, start_ready
from group import Group
from tests.campaign.beliefs import Line, Owner
from tests.campaign.folding import Reader, Watcher
from tests.campaign.people import CLERKS, Clerk, Driver
from tests.campaign.state import (
    GRACE,
    HANDSHAKE,
    HEARTBEAT,
    LEASE,
    SUB,
    Answer,
    Command,
    Orders,
    Row,
    Seen,
)
from tests.campaign.town import Town
from transport import Node, State

QUIET_TIME = 8.0
OPLOG = 16
"""So few that whoever was away is often sent a snapshot."""

MAX_EVENTS = 16
"""So few that a slow monitor lags."""

ORDERED = ("a crash that was ordered", "conflict")


class Faults(logging.Handler):
    """Counts errors in the log that nobody ordered."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        words = record.getMessage()
        if not any(ordered in words for ordered in ORDERED):
            self.found.append(words[:2000])


class Life:
    """What this process does on command."""

    def __init__(self, orders: Orders) -> None:
        self.skew = orders.skew
        self._faults = Faults()
        logging.getLogger().addHandler(self._faults)
        self.node = Node.start(
            orders.name,
            listen=orders.listen,
            advertise=orders.advertise,
            heartbeat=HEARTBEAT,
            lease=LEASE,
            grace=GRACE,
            handshake_timeout=HANDSHAKE,
        )
        self.group = Group.start(
            "campaign",
            node=self.node,
            shards=4,
            log=False,
            oplog=OPLOG,
            max_events=MAX_EVENTS,
        )
        self.town = Town(self.node, self.group, Path(orders.journal), orders.seed)
        # Before the first link, so that it misses nothing.
        self._watcher = start_ready(Watcher, self.group, self.owner_of)
        self._lazy = start_ready(Watcher, self.group, self.owner_of, self.town.quiet)
        self.group.connect(SUB)
        self._clerks = [Clerk.start(self.town, number) for number in range(CLERKS)]
        self._reader: Reader | None = None
        self._driver = Driver(self.town, orders.rate)

    def owner_of(self, ref: AnyRef) -> Owner:
        """Return whose rows a ref's are."""
        node, number = self.node.address_of(ref)
        return node.name, node.incarnation.hex(), number

    def obey(self, command: Command) -> Answer:
        """Carry out one command."""
        for address in command.addresses:
            self.node.join(address)
        orders: dict[str, Callable[[], object]] = {
            "join": lambda: None,
            "hush": self.town.quiet.set,
            "pause": self._pause,
            "resume": self._resume,
            "connect": self._connect,
            "disconnect": self._disconnect,
            "stop": self._stop,
            "clock": lambda: setattr(self, "skew", command.skew),
            "look": self._look,
        }
        found = orders[command.do]()
        return Answer(self._life, found if isinstance(found, Seen) else None)

    @property
    def _life(self) -> str:
        return self.node.incarnation.hex()

    def _pause(self) -> None:
        self.town.quiet.set()
        with self.town.lock:
            people = list(self.town.people.values())
        deadline = time.monotonic() + QUIET_TIME
        for ref in people:
            try:
                ref.ask("are you done?", timeout=max(0.0, deadline - time.monotonic()))
            except Timeout:
                self.town.calls.complain("somebody does not get done")
            except ActorDeadError:
                # It has ended instead.
                continue

    def _resume(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = Reader(self.group, self.owner_of)
        self.town.quiet.clear()

    def _connect(self) -> None:
        self.town.calls.call("connect", lambda: self.group.connect(SUB))

    def _disconnect(self) -> None:
        self.town.calls.call("disconnect", lambda: self.group.disconnect(SUB))
        self.town.note(Line(time.monotonic(), "left", cluster=SUB))

    def _stop(self) -> None:
        self._driver.stop()
        self._pause()
        if self._reader is not None:
            self._reader.close()
        self.group.stop()
        self.node.stop()

    def _look(self) -> Seen:
        clusters = [SUB] if self.group.connected(SUB) else []
        rows = [*self._rows(None), *self._rows(SUB)]
        folded, complaints, _ = self._watcher.proxy().look().get(timeout=5.0)
        lagging, others, lags = self._lazy.proxy().look().get(timeout=5.0)
        streamed, more = self._reader.look() if self._reader else (rows, [])
        faults, self._faults.found = self._faults.found, []
        with self.town.lock:
            refs = dict(self.town.people)
        return Seen(
            name=self.node.name,
            life=self._life,
            peers=self._peers(),
            nodes=self.group.nodes(),
            clusters={name: self.group.nodes(name) for name in clusters},
            rows=rows,
            folded=folded,
            lagging=lagging,
            lags=lags,
            # A stream is of the default cluster alone.
            streamed=streamed,
            complaints=[*complaints, *others, *more, *faults],
            alive=sorted(n for n, ref in refs.items() if ref.is_alive()),
            counters=dict(self.group.status().counters),
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=threading.active_count()
            - sum(ref.actor_class is not Clerk for ref in refs.values()),
            calls=self.town.calls.report(),
        )

    def _peers(self) -> dict[str, str]:
        peers = {}
        for peer in self.node.peers():
            life = self.node.linked_id(peer.name)
            if peer.state is State.UP and life is not None:
                peers[peer.name] = life.incarnation.hex()
        return peers

    def _rows(self, cluster: str | None) -> list[Row]:
        return [
            Row(
                record.kind,
                record.cluster or "",
                record.key,
                self.owner_of(record.ref),
                int(str(record.meta["v"])),
            )
            for record in self.group.entries(cluster=cluster)
        ]


def main() -> None:
    """Live until told to stop, or killed."""
    faulthandler.register(signal.SIGUSR1)
    orders = msgspec.json.decode(sys.argv[1], type=Orders)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    true_time = time.time
    time.time = lambda: true_time() + orders.skew
    life = Life(orders)
    time.time = lambda: true_time() + life.skew
    commands = msgspec.json.Decoder(Command)
    say(Answer(life.node.incarnation.hex()))
    for line in sys.stdin.buffer:
        command = commands.decode(line)
        say(life.obey(command))
        if command.do == "stop":
            return


def say(answer: Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
