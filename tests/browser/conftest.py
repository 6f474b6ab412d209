"""Chromium, and windows in it; every test here skips with a reason where there is none."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.product import Product

if TYPE_CHECKING:
    from playwright.async_api import Browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A fresh Chromium of the machine's own; Playwright only drives it."""
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed: install the dev group")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine: install the package `chromium`")
    async with playwright.async_playwright() as driver:
        chromium = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture
async def product(tmp_path: Path) -> AsyncIterator[Product]:
    """The whole product with the sample contact centre."""
    async with Product(tmp_path) as running:
        yield running
