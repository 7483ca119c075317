"""Pyro5's name server as a reference: a process of its own on 127.0.0.1."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib import metadata

from benchmarks.owners import PATIENCE, keys_of
from benchmarks.processes import free_port, server
from benchmarks.references.bare import read_rate
from benchmarks.scenario import Case, Size

INSTALL = "pip install Pyro5"
URI = "PYRO:bench@127.0.0.1:1"


def version() -> str | None:
    """Return its version, if it is here."""
    try:
        return metadata.version("Pyro5")
    except metadata.PackageNotFoundError:
        return None


@contextmanager
def name_server(size: Size, keys: Sequence[str]) -> Iterator[list[Case]]:
    """Cases of looking names up, and of registering them; none without Pyro5."""
    if not size.references or version() is None:
        yield []
        return
    # Here, since it is not everywhere.
    from Pyro5.api import Proxy
    from Pyro5.errors import CommunicationError

    port = free_port()
    command = [sys.executable, "-m", "Pyro5.nameserver", "-x"]
    with ExitStack() as stack:
        address = ["-n", "127.0.0.1", "-p", str(port)]
        stack.enter_context(server([*command, *address]))
        names = stack.enter_context(Proxy(f"PYRO:Pyro.NameServer@127.0.0.1:{port}"))
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                names.ping()
            except CommunicationError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                break
        some = keys[: size.of(1_000, least=10)]
        for key in some:
            names.register(key, URI)
        fresh = keys_of("fresh", len(some))
        yield [
            read_rate("Pyro5 lookup", names.lookup, some),
            read_rate("Pyro5 register", partial(names.register, uri=URI), fresh),
        ]
