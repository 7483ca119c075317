"""OTP's `pg` as a reference: BEAM nodes on 127.0.0.1 that run `pg_bench.erl`."""

import functools
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.owners import PATIENCE
from benchmarks.processes import Process, free_port, server
from benchmarks.readings import Reading
from benchmarks.scenario import Case, Size

INSTALL = "apt-get install erlang-base"
SOURCE = Path(__file__).with_name("pg_bench.erl")
PROGRAMS = ("erl", "erlc", "epmd")

Units = Mapping[str, str]
Argument = str | int | bool | tuple[int, int]


class Beam:
    """A BEAM node that has been told to run `pg`, or one that is not here."""

    name = "none@127.0.0.1"

    def do(self, command: str, *args: Argument) -> list[float]:
        """Run a command of `pg_bench.erl`; nothing when there is no BEAM."""
        del command, args
        return []

    def case(
        self, names: Mapping[str, str], command: str, *args: Argument
    ) -> list[Case]:
        """Make a case, or none when there is no BEAM.

        Args:
            names: What the numbers of the answer are called, with their units.
            command: A command of `pg_bench.erl`.
            args: Of the command.
        """
        del names, command, args
        return []

    def begin(self, command: str, *args: Argument) -> None:
        """Give a command whose answer is taken later."""
        raise NotImplementedError

    def answer(self) -> list[float]:
        """Return the numbers that the command given last has found."""
        raise NotImplementedError

    def kill(self) -> None:
        """Send SIGKILL."""


class Node(Beam):
    """A running BEAM node."""

    def __init__(self, name: str, home: Path, port: int) -> None:
        self.name = f"{name}@127.0.0.1"
        command = [
            *("erl", "-noshell", "-pa", str(_compiled()), "-start_epmd", "false"),
            *("-name", self.name, "-kernel", "logger_level", "error"),
            # Only when told to, so that a late joiner is one.
            *("-kernel", "dist_auto_connect", "never"),
            *("-kernel", "inet_dist_use_interface", "{127,0,0,1}"),
            *("-s", "pg_bench", "main"),
        ]
        self._process = Process(command, _environment(home, port))
        self.answer()

    def do(self, command: str, *args: Argument) -> list[float]:
        """Run a command of `pg_bench.erl`."""
        self.begin(command, *args)
        return self.answer()

    def begin(self, command: str, *args: Argument) -> None:
        """Give a command whose answer is taken later."""
        self._process.tell(f"[{', '.join([command, *map(_term, args)])}].")

    def answer(self) -> list[float]:
        """Return the numbers that the command given last has found."""
        found = self._process.answer()
        assert isinstance(found, list)
        return [float(number) for number in found]

    def case(
        self, names: Mapping[str, str], command: str, *args: Argument
    ) -> list[Case]:
        """Make a case of a command."""
        return [partial(self._readings, names, command, args)]

    def _readings(
        self, names: Units, command: str, args: tuple[Argument, ...]
    ) -> Iterator[Reading]:
        found = self.do(command, *args)
        for (name, unit), number in zip(names.items(), found, strict=True):
            yield Reading(name, number / NS_IN.get(unit, 1), unit)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def close(self) -> None:
        """End it."""
        self._process.close()


NS_IN = {"us": 1e3, "ms": 1e6}
"""Times come in nanoseconds."""


def version() -> str | None:
    """Return the versions of OTP and of the application `pg` is part of, if here."""
    if not all(map(shutil.which, PROGRAMS)):
        return None
    return _version()


@functools.cache
def _version() -> str:
    ask = (
        "application:load(kernel), {ok, V} = application:get_key(kernel, vsn),"
        'io:format("OTP ~s, kernel ~s", [erlang:system_info(otp_release), V]), halt().'
    )
    found = subprocess.run(
        ["erl", "-noshell", "-eval", ask],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return found.stdout


@contextmanager
def beams(size: Size, count: int) -> Iterator[list[Beam]]:
    """So many nodes, not yet linked; none of them is one when OTP is not here."""
    if not size.references or version() is None:
        yield [Beam() for _ in range(count)]
        return
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        port = free_port()
        # One of our own: the machine's may listen beyond 127.0.0.1, and would stay.
        epmd = ["epmd", "-address", "127.0.0.1", "-port", str(port)]
        stack.enter_context(server(epmd, **_environment(home, port)))
        nodes = [Node(name, home, port) for name in "abcdefgh"[:count]]
        for node in nodes:
            stack.callback(node.close)
        yield list(nodes)


@contextmanager
def linked_beams(size: Size) -> Iterator[Beam]:
    """A node that is linked with another; gives the first and the other's name."""
    with beams(size, 2) as (one, other):
        one.do("connect", other.name)
        yield one


def killed_node(size: Size, name: str, count: int) -> list[Case]:
    """A case: a node with so many keys gets SIGKILL until its peer has none of them."""
    if not size.references or version() is None:
        return []

    def run() -> Iterator[Reading]:
        with beams(size, 2) as (one, other):
            one.do("connect", other.name)
            other.do("fill", "user", count, min(100, count))
            one.do("await_size", count)
            one.begin("await_size", 0)
            # The clock that the BEAM answers by.
            began = time.time_ns()
            other.kill()
            yield Reading(name, (one.answer()[0] - began) / 1e6, "ms")

    return [run]


OTHER = "b@127.0.0.1"
"""The name of the second node."""


def _environment(home: Path, port: int) -> dict[str, str]:
    return {
        "HOME": str(home),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(port),
        # No dump of a node that ends badly: what it says is enough.
        "ERL_CRASH_DUMP_SECONDS": "0",
    }


def _term(value: Argument) -> str:
    """Write an argument in Erlang."""
    match value:
        case bool():
            return str(value).lower()
        case tuple():
            return "{" + ",".join(map(str, value)) + "}"
        case str():
            return f'"{value}"'
        case int():
            return str(value)


@functools.cache
def _compiled() -> Path:
    """Compile once in a process; the folder goes when the process ends."""
    folder = _kept(tempfile.TemporaryDirectory())
    subprocess.run(
        ["erlc", "-o", str(folder), str(SOURCE)], check=True, timeout=PATIENCE
    )
    return folder


_folders: list[tempfile.TemporaryDirectory[str]] = []


def _kept(folder: tempfile.TemporaryDirectory[str]) -> Path:
    _folders.append(folder)
    return Path(folder.name)
