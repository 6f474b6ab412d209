"""Files that customers and agents attach, in both directions, and those that are refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.browser.windows import Agent, Customer
from tests.product import Product

pytestmark = pytest.mark.asyncio(loop_scope="session")


def png(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """A picture of one colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = (b"\0" + bytes(colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


PICTURE = FilePayload(name="receipt.png", mimeType="image/png", buffer=png(240, 120, (36, 87, 214)))
PAPER = FilePayload(name="合同.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7\n%%EOF\n")


async def test_files_go_both_ways(browser: Browser, product: Product, tmp_path: Path) -> None:
    """A customer's picture shows at the desk, an agent's document can be downloaded by the customer, both in the transcript."""
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await agent.accept("Nora")

    await customer.page.locator("input[type=file]").set_input_files([PICTURE])
    await expect(customer.page.locator(".chip:not(.busy)")).to_contain_text("receipt.png")
    await customer.say("my receipt")
    shown = agent.page.get_by_role("img", name="Picture receipt.png")
    await expect(shown).to_be_visible()
    assert await shown.evaluate("image => image.naturalWidth") == 240, "the desk must show the customer's picture itself"

    await agent.page.locator("input[type=file]").set_input_files([PAPER])
    await expect(agent.page.locator(".files")).to_contain_text("合同.pdf")
    await agent.button("Send", "发送").click()
    link = customer.page.get_by_role("link", name="Download 合同.pdf")
    await expect(link).to_be_visible()
    got = await customer.page.request.get(await link.get_attribute("href") or "")
    assert (got.status, await got.body()) == (200, PAPER["buffer"]), "the customer must get the agent's file unchanged"
    assert got.headers["content-disposition"].startswith("attachment"), "a document must be saved, not run"
    assert got.headers["x-content-type-options"] == "nosniff", "a browser must not guess another type"

    await customer.page.reload()
    await expect(customer.page.get_by_role("img", name="Picture receipt.png")).to_be_visible()


async def test_refused_files(browser: Browser, product: Product) -> None:
    """A file that is too large, of a forbidden kind or not what it says is refused in words, and the chat goes on."""
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    picker, complaint = customer.page.locator("input[type=file]"), customer.page.locator(".composer .complaint")
    refused = {
        "it is larger than 1 MB": FilePayload(
            name="big.png", mimeType="image/png", buffer=b"\x89PNG\r\n\x1a\n" + bytes(1_100_000)
        ),
        "cannot be attached": FilePayload(name="page.html", mimeType="text/html", buffer=b"<script>alert(1)</script>"),
        "does not hold what its type": FilePayload(name="fake.png", mimeType="image/png", buffer=b"<svg onload=alert(1)>"),
    }
    for words, file in refused.items():
        await picker.set_input_files([file])
        await expect(complaint).to_contain_text(words)
        await expect(complaint).to_contain_text(file["name"])
        await expect(customer.page.locator(".chip")).to_have_count(0)
    await customer.say("never mind")
    await expect(customer.marks("never mind")).to_have_attribute("data-level", "sent")
    assert customer.problems == [], "a refused file must not break the page"
