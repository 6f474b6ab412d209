"""Windows as people use them: a customer's with the widget, an agent's with the desk.

Everything is found as a person finds it, by role and wording, so these helpers also hold the pages to being usable
without a mouse and with a screen reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Locator, Page, expect

from tests.product import PASSWORD, Product

#: A machine that tests share with others may be slow; nothing here waits this long when all is well.
PATIENCE_MS = 45_000
expect.set_options(timeout=PATIENCE_MS)


class Window:
    """One window with storage of its own; `problems` collects what its page complained about."""

    def __init__(self, page: Page, chinese: bool) -> None:
        self.page = page
        self.chinese = chinese
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def words(self, english: str, chinese: str) -> str:
        """The wording in this window's language."""
        return chinese if self.chinese else english

    def button(self, english: str, chinese: str) -> Locator:
        """The button of this name."""
        return self.page.get_by_role("button", name=self.words(english, chinese), exact=True)

    async def screenshot(self, path: Path) -> None:
        """A picture of what the window shows, once nothing moves."""
        await self.page.screenshot(path=path, animations="disabled", caret="hide")


async def _open(browser: Browser, url: str, chinese: bool, **viewport: int) -> Page:
    context = await browser.new_context(
        locale="zh-CN" if chinese else "en-GB",
        timezone_id="Asia/Shanghai" if chinese else "Europe/London",
        viewport={"width": viewport.get("width", 1280), "height": viewport.get("height", 800)},
    )
    page = await context.new_page()
    await page.goto(url)
    return page


class Customer(Window):
    """A customer on the demonstration page."""

    @classmethod
    async def visit(cls, browser: Browser, product: Product, chinese: bool = False, **viewport: int) -> Customer:
        """Open the page."""
        return cls(await _open(browser, product.webchat_url, chinese, **viewport), chinese)

    async def start(self, name: str, topic: str) -> None:
        """Open the widget and begin a conversation."""
        await self.button("Open chat", "打开聊天").click()
        await self.page.get_by_label(self.words("Your name (optional)", "您的称呼（选填）")).fill(name)
        await self.page.get_by_label(self.words("What is it about?", "咨询内容")).select_option(label=topic)
        await self.button("Start chat", "开始聊天").click()
        await expect(self.composer).to_be_visible()

    @property
    def composer(self) -> Locator:
        """Where the customer writes."""
        return self.page.get_by_role("textbox", name=self.words("Write a message…", "请输入消息…"))

    @property
    def messages(self) -> Locator:
        """What was said, by both, and committed."""
        return self.page.locator(".line[data-number] .bubble p.text")

    @property
    def unsent(self) -> Locator:
        """What is written and not committed."""
        return self.page.locator(".line.pending")

    @property
    def status(self) -> Locator:
        """The line below the title."""
        return self.page.locator(".head .status")

    async def say(self, text: str) -> None:
        """Write a message and send it with Enter."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    def marks(self, text: str) -> Locator:
        """The marks of a message of one's own."""
        return self.page.locator(".line.mine", has_text=text).locator(".mark")


class Agent(Window):
    """An agent at the desk."""

    @classmethod
    async def sign_in(cls, browser: Browser, product: Product, agent: str, chinese: bool = False, **viewport: int) -> Agent:
        """Open the desk and sign in."""
        window = cls(await _open(browser, product.desk_url, chinese, **viewport), chinese)
        await window.give_password(agent, PASSWORD)
        await expect(window.presence).to_be_visible()
        return window

    async def give_password(self, agent: str, password: str) -> None:
        """Fill in the sign-in and send it."""
        await self.page.get_by_label(self.words("Agent id", "工号")).fill(agent)
        await self.page.get_by_label(self.words("Password", "密码")).first.fill(password)
        await self.button("Sign in", "登录").click()

    @property
    def presence(self) -> Locator:
        """The presence menu's button."""
        return self.page.locator("button[data-presence]")

    @property
    def composer(self) -> Locator:
        """Where the agent writes."""
        return self.page.locator("form.composer textarea")

    @property
    def messages(self) -> Locator:
        """What was said in the chosen conversation."""
        return self.page.locator(".line[data-number] .bubble p")

    @property
    def conversations(self) -> Locator:
        """The conversations in the list."""
        return self.page.locator("button.conversation")

    def conversation(self, name: str) -> Locator:
        """One conversation in the list."""
        return self.conversations.filter(has_text=name)

    def offer(self, name: str) -> Locator:
        """An offer that rings."""
        return self.page.locator("article.offer", has_text=name)

    async def become_available(self) -> None:
        """Want work."""
        await self.button("I am available", "恢复空闲").click()
        await expect(self.presence).to_have_attribute("data-presence", "available")

    async def accept(self, name: str) -> None:
        """Take the offer of this customer."""
        await self.offer(name).get_by_role("button", name=self.words("Accept", "接受"), exact=True).click()
        await expect(self.conversation(name)).to_be_visible()
        await expect(self.composer).to_be_visible()

    async def say(self, text: str) -> None:
        """Write a message and send it with Enter."""
        await self.composer.fill(text)
        await self.composer.press("Enter")

    async def end(self) -> None:
        """End the chosen conversation."""
        await self.button("End", "结束").click()
        await self.button("End conversation", "结束会话").click()

    async def wrap_up(self, disposition: str, note: str) -> None:
        """Choose how it ended and finish."""
        await self.page.get_by_label(self.words("Outcome", "处理结果")).click()
        await self.page.locator(".ant-select-item-option", has_text=disposition).click()
        await self.page.get_by_label(self.words("Note", "备注")).fill(note)
        await self.button("Complete", "完成").click()

    def marks(self, text: str) -> Locator:
        """The marks of a message of one's own."""
        return self.page.locator(".line.mine", has_text=text).locator(".mark")


async def texts(locator: Locator) -> list[str]:
    """What each of these says."""
    return [text.strip() for text in await locator.all_inner_texts()]


async def expect_texts(locator: Locator, *wanted: str) -> None:
    """These texts and no others, in this order, once the page got there."""
    await expect(locator).to_have_text(list[Any](wanted))
