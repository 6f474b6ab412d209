"""An agent asks a colleague: what each of the three windows shows, until the colleague has the customer.

`TRUNKLINE_SCREENSHOTS=docs/images` renews the documentation's picture of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.windows import Agent, Customer, expect_texts
from tests.product import Product

FOLDER = os.environ.get("TRUNKLINE_SCREENSHOTS")

pytestmark = pytest.mark.asyncio(loop_scope="session")


def asides(agent: Agent) -> Locator:
    """What agents said to each other, as this desk shows it."""
    return agent.page.locator(".line[data-aside] .bubble p")


def bar(agent: Agent) -> Locator:
    """The bar that says who is consulted."""
    return agent.page.locator(".consult")


async def ask(agent: Agent, colleague: str) -> None:
    """Ask one colleague about the chosen conversation."""
    await agent.button("Ask a colleague", "咨询同事").click()
    dialog = agent.page.get_by_role("dialog")
    await dialog.get_by_text(agent.words("One colleague", "指定同事"), exact=True).click()
    await dialog.get_by_label(agent.words("Agent", "坐席"), exact=True).fill(colleague)
    await agent.page.locator(".ant-select-item-option", has_text=colleague).click()
    await dialog.get_by_role("button", name=agent.words("Ask", "咨询"), exact=True).click()
    await expect(dialog).to_have_count(0)


async def test_what_is_for_a_colleague_is_never_a_draft_for_the_customer(browser: Browser, product: Product) -> None:
    """When the colleague leaves under Alice's hands, her half sentence is not in the box that writes to Nora."""
    alice = await Agent.sign_in(browser, product, "alice")
    await alice.become_available()
    nora = await Customer.visit(browser, product)
    await nora.start("Nora", "General questions")
    await alice.accept("Nora")
    bob = await Agent.sign_in(browser, product, "bob")
    await bob.become_available()
    for _ in range(2):
        await ask(alice, "Bob Baker")
        await bob.accept("Nora")
        await alice.page.get_by_text("Colleague only", exact=True).click()
        await alice.composer.fill("between us, she is")
        await bob.button("Leave", "离开").click()
        await expect(alice.composer).to_have_attribute("placeholder", re.compile("^Write to Nora…"))
        await expect(alice.composer).to_have_value("")
        await expect(alice.composer).not_to_be_focused()
        await expect(alice.page.get_by_text("Bob Baker has left.").last).to_be_visible()
    await expect_texts(nora.messages)


async def test_a_colleague_helps_and_takes_over(browser: Browser, product: Product) -> None:
    """Bob is asked, writes where Nora does not see it, talks with her, and has her once Alice leaves her to him."""
    alice = await Agent.sign_in(browser, product, "alice")
    await alice.become_available()
    nora = await Customer.visit(browser, product)
    await nora.start("Nora", "General questions")
    await alice.accept("Nora")
    await nora.say("Can I pay my mortgage back early?")
    bob = await Agent.sign_in(browser, product, "bob")
    await bob.become_available()

    await ask(alice, "Bob Baker")
    await expect(bar(alice)).to_contain_text("Asking Bob Baker for help")
    await expect(bob.offer("Nora")).to_contain_text("Alice Archer asks for help")
    await bob.accept("Nora")
    await expect(bar(bob)).to_contain_text("Alice Archer asks for your help with Nora")
    await expect_texts(bob.messages, "Can I pay my mortgage back early?")
    await expect(bob.button("End", "结束")).to_have_count(0)
    await bob.say("Only after five years, then without a fee.")
    await alice.page.get_by_text("Colleague only", exact=True).click()
    await alice.say("She has had it for six. Could you tell her yourself?")
    between = ("Only after five years, then without a fee.", "She has had it for six. Could you tell her yourself?")
    for agent in (alice, bob):
        await expect_texts(asides(agent), *between)
    if FOLDER:
        await alice.screenshot(Path(FOLDER) / "desk-consult.png")
    await expect_texts(nora.messages, "Can I pay my mortgage back early?")
    await alice.page.reload()
    await expect_texts(asides(alice), *between)
    await expect(bar(alice)).to_contain_text("Bob Baker is helping you")

    await alice.button("Let both talk", "三方会话").click()
    await expect(bar(bob)).to_contain_text("You talk with Nora, together with Alice Archer")
    await expect(bob.composer).to_have_attribute("placeholder", "Write to Alice Archer only…")
    await expect(nora.page.locator(".remark").last).to_have_text("Bob Baker has joined the conversation")
    await bob.page.locator(".readers").get_by_text("Nora", exact=True).click()
    await bob.say("Good morning Nora, you can, and it costs nothing.")
    await expect_texts(nora.messages, "Can I pay my mortgage back early?", "Good morning Nora, you can, and it costs nothing.")
    await alice.button("Leave it to Bob Baker", "交给 Bob Baker").click()
    await expect(nora.status).to_have_text("You are talking to Bob Baker")
    await expect(alice.page.locator(".wrap-up")).to_be_visible()
    await expect(bar(bob)).to_have_count(0)
    await nora.say("Wonderful, thank you!")
    await expect(bob.messages.last).to_have_text("Wonderful, thank you!")
    await bob.end()
    await expect(bob.page.locator(".wrap-up")).to_be_visible()
    for window in (alice, bob, nora):
        assert window.problems == [], "no page may run into script errors"
