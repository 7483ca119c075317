"""The weather of a campaign does to bytes what it says."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from transport.testing import Connection, Gate, Sky, Weather, free_ports

LIMIT = 5.0
Ends = tuple[socket.socket, socket.socket]
Story = Callable[[Ends, Connection, Weather], Awaitable[None]]


def tell(story: Story) -> None:
    """Let a story run between two sockets, `there` being the weather to the second."""

    async def told() -> None:
        (here, dialler), (listener, away) = pair(), pair()
        there, back = Weather(), Weather()
        connection = Connection(("a", "b"), (dialler, listener), there, back)
        running = asyncio.create_task(connection.run(b""))
        # Its flows begin with its first turn.
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(LIMIT):
                await story((here, away), connection, there)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for each in (here, away, dialler, listener):
                each.close()

    asyncio.run(told())


def pair() -> Ends:
    """Return the two ends of one TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        two, _ = server.accept()
    for end in (one, two):
        end.settimeout(0.0)
    return one, two


async def send(end: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(end, data)


async def receive(end: socket.socket, size: int = 65_536) -> bytes:
    return await asyncio.get_running_loop().sock_recv(end, size)


async def is_silent(end: socket.socket, seconds: float = 0.1) -> bool:
    try:
        await asyncio.wait_for(receive(end), seconds)
    except TimeoutError:
        return True
    return False


def test_fair_weather_lets_everything_pass() -> None:
    async def story(ends: Ends, _: Connection, __: Weather) -> None:
        here, away = ends
        await send(here, b"hello")
        assert await receive(away) == b"hello"
        await send(away, b"and back")
        assert await receive(here) == b"and back"

    tell(story)


def test_a_block_of_one_way_holds_bytes_and_loses_none() -> None:
    async def story(ends: Ends, _: Connection, there: Weather) -> None:
        here, away = ends
        there.open.clear()
        await send(here, b"held")
        assert await is_silent(away)
        await send(away, b"the other way is open")
        assert await receive(here) == b"the other way is open"

        there.clear()

        assert await receive(away) == b"held"

    tell(story)


def test_an_end_does_not_pass_a_block() -> None:
    async def story(ends: Ends, _: Connection, there: Weather) -> None:
        here, away = ends
        there.open.clear()
        here.close()
        assert await is_silent(away)

        there.clear()

        assert await receive(away) == b""

    tell(story)


def test_a_delay_keeps_bytes_for_its_time() -> None:
    async def story(ends: Ends, _: Connection, there: Weather) -> None:
        here, away = ends
        there.delay = 0.3
        began = time.monotonic()
        await send(here, b"late")

        assert await receive(away) == b"late"
        assert time.monotonic() - began >= 0.3

    tell(story)


def test_a_throttle_lets_so_many_bytes_pass_in_a_second() -> None:
    async def story(ends: Ends, _: Connection, there: Weather) -> None:
        here, away = ends
        there.rate = 1024
        began = time.monotonic()
        await send(here, bytes(512))
        read = b""
        while len(read) < 512:
            read += await receive(away)

        assert time.monotonic() - began >= 0.4

    tell(story)


def test_a_dribble_comes_byte_by_byte() -> None:
    async def story(ends: Ends, connection: Connection, there: Weather) -> None:
        here, away = ends
        there.dribble = True
        await send(here, bytes(range(100)))
        pieces = [await receive(away)]
        while sum(map(len, pieces)) < 100:
            pieces.append(await receive(away))

        assert b"".join(pieces) == bytes(range(100))
        assert len(pieces) > 20

    tell(story)


def test_a_half_close_ends_one_direction_alone() -> None:
    async def story(ends: Ends, connection: Connection, __: Weather) -> None:
        here, away = ends

        connection.half_close("a")

        assert await receive(away) == b""
        await send(away, b"still open")
        assert await receive(here) == b"still open"

    tell(story)


def test_a_reset_breaks_both_ends() -> None:
    async def story(ends: Ends, connection: Connection, __: Weather) -> None:
        here, away = ends

        connection.reset()

        for end in (here, away):
            with pytest.raises(ConnectionResetError):
                await receive(end)

    tell(story)


def test_an_end_that_breaks_breaks_the_other() -> None:
    async def story(ends: Ends, _: Connection, __: Weather) -> None:
        here, away = ends
        away.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        away.close()

        with pytest.raises(ConnectionResetError):
            await receive(here)

    tell(story)


def test_a_gate_hangs_up_on_whoever_has_just_come() -> None:
    async def close_at_once() -> bytes:
        gate = Gate("a", next(free_ports()), Sky())
        gate.open(None)
        with socket.create_connection(("127.0.0.1", gate.port)) as caller:
            caller.settimeout(LIMIT)
            assert gate._listener is not None
            gate._accept(gate._listener)

            await gate.close()

            return caller.recv(1)

    assert asyncio.run(close_at_once()) == b""


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n", b"AGRP", b"\x80"])
def test_a_gate_resets_strangers(words: bytes) -> None:
    async def call() -> None:
        gate = Gate("a", next(free_ports()), Sky())
        gate.open(None)
        reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
        writer.write(words)
        writer.write_eof()
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), LIMIT) == b""
        writer.close()
        await gate.close()

    asyncio.run(call())
