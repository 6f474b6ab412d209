"""A standby takes an address over as soon as its owner lets go, and not before."""

from __future__ import annotations

import asyncio

from cluster.edge.standby import serve_when_free
from cluster.errors import StartupFailed
from tests.ports import free_port


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hold the connection, say nothing, as a server does before a client speaks."""
    await reader.read()
    writer.close()


async def listen(port: int) -> asyncio.Server:
    """Bind as a gateway does: refused while somebody else has the port."""
    try:
        return await asyncio.start_server(accept, "127.0.0.1", port)
    except OSError as problem:
        raise StartupFailed(str(problem)) from problem


async def test_a_free_address_is_taken_at_once() -> None:
    """With nobody there, the standby serves."""
    port = free_port()
    async with asyncio.timeout(5):
        server = await serve_when_free(f"127.0.0.1:{port}", lambda: listen(port))
    assert server.is_serving()
    server.close()


async def test_a_standby_waits_for_its_owners_end() -> None:
    """While the owner listens the standby does not even try to bind; when the connection ends, it serves."""
    port, held = free_port(), asyncio.get_running_loop().create_future()
    tries: list[int] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.set_result(writer)

    owner = await asyncio.start_server(hold, "127.0.0.1", port)

    async def serve() -> asyncio.Server:
        tries.append(port)
        return await listen(port)

    standby = asyncio.create_task(serve_when_free(f"0.0.0.0:{port}", serve))
    async with asyncio.timeout(5):
        connection = await held
        assert tries == [], "the owner lives"
        owner.close()
        connection.close()
        server = await standby
    assert server.is_serving()
    server.close()


async def test_an_address_that_is_taken_in_between_is_waited_for_again() -> None:
    """Of two standbys one is faster; the other one goes on waiting and takes the address after it."""
    port = free_port()
    refusals = [StartupFailed("the port is in use")]

    async def serve() -> asyncio.Server:
        if refusals:
            raise refusals.pop()
        return await listen(port)

    async with asyncio.timeout(5):
        server = await serve_when_free(f"127.0.0.1:{port}", serve)
    assert refusals == [] and server.is_serving()
    server.close()
