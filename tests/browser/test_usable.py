"""The pages are usable by everybody: axe finds nothing, small screens fit, the keyboard is enough."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from tests.browser.windows import Agent, Customer
from tests.product import Product

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def violations(page: Page) -> list[str]:
    """What axe has against the page, one line for each element."""
    # A colour that is still fading in has a contrast that it will not keep.
    await page.emulate_media(reduced_motion="reduce")
    await page.evaluate("Promise.allSettled(document.getAnimations().map((one) => one.finished))")
    found: dict[str, Any] = (await Axe().run(page)).response
    return [f"{one['id']}: {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("chinese", [False, True], ids=["en", "zh"])
async def test_axe_finds_nothing(browser: Browser, product: Product, chinese: bool) -> None:
    """Sign-in, desk and widget have no accessibility violation at any stage of a conversation."""
    customer = await Customer.visit(browser, product, chinese=chinese)
    assert await violations(customer.page) == [], "the page with the closed widget must be clean"
    await customer.button("Open chat", "打开聊天").click()
    assert await violations(customer.page) == [], "the form must be clean"
    agent = await Agent.sign_in(browser, product, "li-wei", chinese=chinese)
    assert await violations(agent.page) == [], "the empty desk must be clean"
    await agent.become_available()
    await customer.button("Start chat", "开始聊天").click()
    await customer.say("Hello 你好 https://example.com/a")
    visitor = agent.words("Visitor", "访客")
    await expect(agent.offer(visitor)).to_be_visible()
    assert await violations(agent.page) == [], "a ringing offer must be clean"
    await agent.accept(visitor)
    await agent.say("Hello 您好")
    await expect(customer.messages).to_have_count(2)
    for window, name in ((agent, "the desk"), (customer, "the widget")):
        assert await violations(window.page) == [], f"{name} must be clean in mid-conversation"
    await agent.button("Transfer", "转接").click()
    await expect(agent.page.get_by_role("dialog")).to_be_visible()
    assert await violations(agent.page) == [], "the transfer dialog must be clean"
    await agent.page.keyboard.press("Escape")
    await agent.end()
    await expect(agent.page.locator(".wrap-up")).to_be_visible()
    assert await violations(agent.page) == [], "the wrap-up must be clean"


async def test_sign_in_page_is_clean(browser: Browser, product: Product) -> None:
    """The sign-in has no accessibility violation, also while it says what was wrong."""
    page = await browser.new_page()
    await page.goto(product.desk_url)
    agent = Agent(page, chinese=False)
    assert await violations(page) == [], "the sign-in must be clean"
    await agent.give_password("alice", "wrong")
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await violations(page) == [], "the sign-in with its error must be clean"


async def test_small_screens(browser: Browser, product: Product) -> None:
    """On a telephone the widget fills the screen and nothing needs sideways scrolling; the desk still works."""
    customer = await Customer.visit(browser, product, width=375, height=700)
    await customer.start("Nora", "General questions")
    await customer.say("a" * 300)
    box = await customer.page.locator("section.panel").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 375, "height": 700}, "the panel must fill a small screen"
    assert await customer.page.evaluate("document.documentElement.scrollWidth") <= 375, "nothing may stick out"
    agent = await Agent.sign_in(browser, product, "alice", width=600, height=800)
    await agent.become_available()
    await agent.accept("Nora")
    assert await agent.page.evaluate("document.documentElement.scrollWidth") <= 600, "the desk may not stick out"


async def test_keyboard_is_enough(browser: Browser, product: Product) -> None:
    """A customer opens the chat, starts, writes, and closes it without a mouse, and the focus is where it should be."""
    customer = await Customer.visit(browser, product)
    launcher = customer.button("Open chat", "打开聊天")
    await launcher.focus()
    await customer.page.keyboard.press("Enter")
    await expect(customer.page.get_by_label("Your name (optional)")).to_be_focused()
    await customer.page.keyboard.press("Enter")
    await expect(customer.composer).to_be_focused()
    await customer.page.keyboard.type("by keyboard")
    await customer.page.keyboard.press("Enter")
    await expect(customer.messages).to_have_text(["by keyboard"])
    await customer.page.keyboard.press("Escape")
    await expect(customer.page.locator("section.panel")).to_be_hidden()
    await expect(launcher).to_be_focused()


async def test_language_switch(browser: Browser, product: Product) -> None:
    """Both pages can be read in the other language, at once and after a reload."""
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await customer.say("hello")
    await customer.page.get_by_role("button", name="切换到中文").click()
    await expect(customer.page.locator(".head h2")).to_have_text("在线客服")
    await customer.page.reload()
    await expect(customer.page.locator(".head h2")).to_have_text("在线客服")
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.page.get_by_role("button", name="切换到中文").click()
    await expect(agent.page.get_by_role("button", name="恢复空闲")).to_be_visible()
    await agent.page.reload()
    await expect(agent.page.get_by_role("button", name="恢复空闲")).to_be_visible()
