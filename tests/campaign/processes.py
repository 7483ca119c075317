"""The processes of a campaign: one per node, killed and started again."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import msgspec

from tests.campaign.beliefs import Reading
from tests.campaign.state import Answer, Command, Orders, Seen
from transport.testing import HOST, Gate

ROOT = Path(__file__).parent.parent.parent
START_TIME = 30.0
"""Seconds to start an interpreter and a node on a busy machine."""

ANSWER_TIME = 20.0
STOP_TIME = 15.0
LONGEST_LINE = 1 << 24


class HungError(Exception):
    """A node does not answer; its stacks are in its file of errors."""


class Life:
    """One process, from its start to its end."""

    def __init__(self, name: str, number: int, process: Process, journal: Path) -> None:
        self.name = name
        self.number = number
        self.life = ""
        self.journal = Reading(journal)
        self.errors = journal.with_suffix(".err")
        self.frozen: list[tuple[float, float]] = []
        self._process = process
        self._frozen_at: float | None = None
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Answer)
        self._turn = asyncio.Lock()

    async def ask(
        self,
        do: str,
        *addresses: str,
        skew: float = 0.0,
        timeout: float = ANSWER_TIME,
    ) -> Answer:
        """Give a command and return the answer.

        Raises:
            HungError: There is none in time.
        """
        async with self._turn:
            command = Command(do, tuple(addresses), skew)
            assert self._process.stdin is not None
            if do:
                self._process.stdin.write(self._encoder.encode(command) + b"\n")
            answer = await self._answer(do or "start", timeout)
        self.life = answer.life
        return answer

    async def _answer(self, do: str, timeout: float) -> Answer:
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), timeout)
        except TimeoutError:
            self._process.send_signal(signal.SIGUSR1)
            words = f"{self.name}.{self.number} does not {do!r} in {timeout} s"
            raise HungError(words) from None
        if not line:
            raise HungError(f"{self.name}.{self.number} ended when told to {do!r}")
        return self._decoder.decode(line)

    async def look(self) -> Seen:
        """Return what the node sees."""
        seen = (await self.ask("look")).seen
        assert seen is not None
        return seen

    def kill(self) -> None:
        """End it with SIGKILL."""
        if self._process.returncode is None:
            self._process.kill()

    async def wait(self) -> int:
        """Wait for the end, and return the exit status."""
        return await asyncio.wait_for(self._process.wait(), STOP_TIME)

    def freeze(self) -> None:
        """Stop its time."""
        self._frozen_at = monotonic()
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let its time go on."""
        if self._frozen_at is not None:
            self._process.send_signal(signal.SIGCONT)
            self.frozen.append((self._frozen_at, monotonic()))
            self._frozen_at = None


class Host:
    """A place for one node: its gate, and its lives one after the other.

    Attributes:
        turn: Held by a fault that ends, begins or commands a life.
    """

    def __init__(
        self, gate: Gate, folder: Path, ports: Iterator[int], rate: float
    ) -> None:
        self.gate = gate
        self.name = gate.name
        self.lives: list[Life] = []
        self.absent = False
        self.turn = asyncio.Lock()
        self._folder = folder
        self._ports = ports
        self._rate = rate

    @property
    def now(self) -> Life:
        """The present life, or the last one."""
        return self.lives[-1]

    async def start(self, seed: int, skew: float, join: list[str]) -> None:
        """Begin another life, and let callers in when it is ready for them."""
        number = len(self.lives) + 1
        base = self._folder / f"{self.name}.{number}"
        port = next(self._ports)
        orders = Orders(
            name=self.name,
            listen=f"{HOST}:{port}",
            advertise=self.gate.address,
            journal=f"{base}.journal",
            seed=seed,
            skew=skew,
            rate=self._rate,
        )
        text = msgspec.json.encode(orders).decode()
        with Path(f"{base}.err").open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.campaign.node", text),
                cwd=ROOT,
                stdin=PIPE,
                stdout=PIPE,
                stderr=errors,
                limit=LONGEST_LINE,
                env={**os.environ, "PYTHONHASHSEED": str(seed % 4096)},
            )
        self.absent = False
        life = Life(self.name, number, process, Path(f"{base}.journal"))
        self.lives.append(life)
        await life.ask("", timeout=START_TIME)
        self.gate.open(port)
        await life.ask("join", *join)
