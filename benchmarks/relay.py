"""A TCP relay in another process: counts what passes, and may keep it a while."""

import asyncio
import threading
from collections.abc import Callable

from benchmarks.owners import PATIENCE

CHUNK_BYTES = 262_144


class Relay:
    """Listens on 127.0.0.1 and forwards to one address, on a thread of its own.

    Args:
        address: "host:port", where everything goes.
        delay: Seconds that each chunk is kept, in both directions.
    """

    def __init__(self, address: str, delay: float) -> None:
        host, _, port = address.rpartition(":")
        self._target = (host, int(port))
        self._delay = delay
        self._opened = threading.Event()
        self.passed_bytes = 0
        self.port = 0
        # Ends with the process, as its connections do.
        threading.Thread(
            target=lambda: asyncio.run(self._serve()), name="bench-relay", daemon=True
        ).start()
        if not self._opened.wait(PATIENCE):
            raise TimeoutError("the relay does not listen")

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._opened.set()
        await server.serve_forever()

    async def _relay(
        self, near: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        far, there = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pass(near, there), self._pass(far, back))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()

        def later(work: Callable[..., object], *args: bytes) -> None:
            if self._delay:
                loop.call_later(self._delay, work, *args)
            else:
                work(*args)

        def write(chunk: bytes) -> None:
            # An end that has gone takes no more; asyncio would complain each time.
            if not writer.is_closing():
                writer.write(chunk)

        try:
            while chunk := await reader.read(CHUNK_BYTES):
                self.passed_bytes += len(chunk)
                later(write, chunk)
        except ConnectionError:
            pass
        later(writer.close)
