"""A page's socket: order, bounds, and what becomes of a page that does not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateways.web.framing import Problem
from gateways.web.pace import Pace
from gateways.web.page_socket import MAX_WAITING_FRAMES, PageSocket

Handler = Callable[[PageSocket], Awaitable[None]]
Connect = Callable[[Handler], Awaitable[aiohttp.ClientWebSocketResponse]]


@pytest_asyncio.fixture
async def connect() -> AsyncIterator[Connect]:
    """Serves one page with the test's own handler, and is that page."""
    running: list[TestServer] = []
    async with aiohttp.ClientSession() as session:

        async def serve(handler: Handler) -> aiohttp.ClientWebSocketResponse:
            async def accept(request: web.Request) -> web.StreamResponse:
                page = await PageSocket.accept(request, "test.v1")
                async with page:
                    await handler(page)
                return page.response

            app = web.Application()
            app.router.add_get("/", accept)
            server = TestServer(app)
            running.append(server)
            await server.start_server()
            return await session.ws_connect(server.make_url("/"), protocols=("test.v1",))

        yield serve
    for server in running:
        await server.close()


def frame(number: int, size: int = 0) -> Problem:
    return Problem(code=str(number), detail="x" * size)


async def test_frames_leave_in_order_and_before_the_close(connect: Connect) -> None:
    """What was pushed arrives in order, and closing waits for it."""

    async def handler(page: PageSocket) -> None:
        for number in range(100):
            page.push(frame(number))
        page.close(4000, "that was all")
        page.push(frame(100))

    page = await connect(handler)
    codes = [json.loads(message.data)["code"] async for message in page]
    assert codes == [str(number) for number in range(100)], "nothing is lost, swapped, or sent after the close"
    assert page.close_code == 4000


@pytest.mark.parametrize("size", [0, 100_000], ids=["many small", "few large"])
async def test_a_page_that_does_not_read_is_cut_off(connect: Connect, size: int) -> None:
    """Pushing never waits; a page too far behind loses its connection, and what waited for it is freed."""
    pushed, cut = asyncio.Event(), asyncio.Event()

    async def handler(page: PageSocket) -> None:
        await pushed.wait()
        for number in range(200_000 if not size else 2_000):
            page.push(frame(number, size))
            if page.is_closing:
                cut.set()
                break
            if number % (MAX_WAITING_FRAMES - 10) == 0:
                await asyncio.sleep(0)
        async for _ in page.texts():
            continue

    page = await connect(handler)
    connection = page._conn
    assert connection is not None
    assert connection.transport is not None
    connection.transport.pause_reading()
    pushed.set()
    async with asyncio.timeout(20):
        await cut.wait()
        connection.transport.resume_reading()
        async for _ in page:
            continue
    assert page.close_code != 1000, "the page must see that it was cut off, and come back"


async def test_a_flood_is_slowed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst passes at once; beyond it, each frame is read only when it is due."""
    slept: list[float] = []

    async def sleep(delay_s: float) -> None:
        slept.append(delay_s)

    monkeypatch.setattr("gateways.web.pace.asyncio.sleep", sleep)
    pace = Pace(per_s=0.001, burst=10)
    for _ in range(10):
        await pace.take()
    assert slept == [], "a burst is let through"
    await pace.take()
    await pace.take()
    assert [round(delay_s / 1000, 2) for delay_s in slept] == [1.0, 2.0], "each further one waits for its turn"
