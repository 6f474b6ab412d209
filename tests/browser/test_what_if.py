"""A what-if's page in Chromium: it shows its plots, fetches nothing, and fits a telephone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from cluster.whatif.report import page
from cluster.whatif.study import Plan, run_study
from tests.unit.whatif.small import MONDAY, centre, conduct
from tests.unit.whatif.test_whatif_study import source

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_the_page_stands_alone(browser: Browser, tmp_path: Path) -> None:
    """Every plot is drawn with a size, nothing but the file is asked for, and nothing is wider than the window."""
    centres = (centre(name="one.yaml"), centre(agents=2, name="two.yaml"))
    outcome = run_study(Plan(centres, source(), conduct(), MONDAY, 3, 1, 0.95, 0.0, False))
    file = tmp_path / "what-if.html"
    file.write_text(page(outcome), encoding="utf-8")
    window = await browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    faults: list[str] = []
    window.on("request", lambda request: asked.append(request.url))
    window.on("console", lambda said: faults.append(said.text))
    await window.goto(file.as_uri())
    assert (asked, faults) == ([file.as_uri()], [])
    sizes = await window.evaluate(
        "[...document.querySelectorAll('svg[role=img]')].map(svg => svg.getBoundingClientRect().height)"
    )
    assert len(sizes) == 8 and min(sizes) > 80, "four differences and four courses"
    assert await window.evaluate("document.documentElement.scrollWidth") <= 390, "tables and plots scroll for themselves"
    assert "better" in await window.inner_text("body")
