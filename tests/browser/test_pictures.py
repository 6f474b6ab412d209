"""The documentation's pictures, taken from the running product.

`TRUNKLINE_SCREENSHOTS=docs/images pytest tests/browser/test_pictures.py` renews them; otherwise they are left alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.browser.windows import Agent, Customer, Window
from tests.product import Product

FOLDER = os.environ.get("TRUNKLINE_SCREENSHOTS")

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not FOLDER, reason="pictures are renewed only when asked: set TRUNKLINE_SCREENSHOTS to a folder"),
]


@dataclass(frozen=True)
class Script:
    """What is said in one language: by the first customer and the agent in turn, then by the others."""

    chinese: bool
    agent: str
    topic: str
    names: tuple[str, str, str]
    talk: tuple[str, str, str, str, str]
    second: str
    third: str
    file: str
    suffix: str


ENGLISH = Script(
    False,
    "carol",
    "Cards",
    ("Nora Whitfield", "Omar Haddad", "Grace Lin"),
    (
        "Hello, my card was declined in Lisbon this morning.",
        "Good morning Nora, I am sorry to hear that. Do you have the receipt at hand?",
        "Yes, here it is. It says “contact your bank”.",
        "Thank you. A security check had stopped the card: I have released it, and you can pay with it again.",
        "It works, thank you so much!",
    ),
    "When will my new card arrive?",
    "I think somebody else has used my card.",
    "receipt.png",
    "",
)
CHINESE = Script(
    True,
    "li-wei",
    "中文服务",
    ("陈静", "刘洋", "周婷"),
    (
        "你好，我的银行卡今天早上在里斯本被拒付了。",
        "陈女士您好，很抱歉给您带来不便。请问您手边有小票吗？",
        "有的，上面写着“请联系发卡行”。",
        "谢谢。这张卡触发了安全检查，我已为您解除限制，现在可以正常使用了。",
        "可以了，太感谢了！",
    ),
    "请问新卡什么时候能到？",
    "我怀疑我的卡被盗刷了。",
    "小票.png",
    "-zh",
)


async def take(window: Window, name: str) -> None:
    """Keep what the window shows."""
    assert FOLDER is not None
    folder = Path(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    await window.screenshot(folder / f"{name}.png")


async def receipt(browser: Browser, script: Script) -> FilePayload:
    """A photograph of a till receipt, as far as a browser can take one."""
    words = ("CAFÉ DO PORTO", "2 × Galão", "DECLINED") if not script.chinese else ("CAFÉ DO PORTO", "拿铁 × 2", "交易被拒")
    page = await browser.new_page(viewport={"width": 250, "height": 120})
    lines = "".join(
        f"<p>{word}</p>" for word in (words[0], f"{words[1]} &nbsp; 4,60", f"VISA •• 1893 &nbsp; <b>{words[2]}</b>")
    )
    style = "margin:0;padding:14px 18px;background:#fbf7ee;color:#333;font:15px/1.1 'DejaVu Sans Mono',monospace"
    await page.set_content(f'<body style="{style}">{lines}</body>')
    picture = await page.screenshot()
    await page.close()
    return FilePayload(name=script.file, mimeType="image/png", buffer=picture)


@pytest.mark.parametrize("script", [ENGLISH, CHINESE], ids=["en", "zh"])
async def test_pictures(browser: Browser, product: Product, script: Script) -> None:
    """A desk with two conversations and a ringing offer, the widget of one of them, a transfer and a wrap-up."""
    agent = await Agent.sign_in(browser, product, script.agent, chinese=script.chinese, width=1360, height=820)
    await agent.become_available()
    first, second, third = [
        await Customer.visit(browser, product, chinese=script.chinese, width=1180, height=800) for _ in script.names
    ]
    await first.start(script.names[0], script.topic)
    await agent.accept(script.names[0])
    await first.say(script.talk[0])
    await agent.say(script.talk[1])
    await first.page.locator("input[type=file]").set_input_files([await receipt(browser, script)])
    await expect(first.page.locator(".chip:not(.busy)")).to_be_visible()
    await first.say(script.talk[2])
    await agent.say(script.talk[3])
    await first.say(script.talk[4])
    await expect(agent.messages).to_have_count(5)

    if not script.chinese:
        # Carol serves two at once; the third rings at nobody until she has room.
        await product.change_centre("webchat: 2", "webchat: 3")
    await second.start(script.names[1], script.topic)
    await agent.accept(script.names[1])
    await agent.conversation(script.names[0]).click()
    await second.say(script.second)
    await expect(agent.conversation(script.names[1]).locator(".ant-badge")).to_be_visible()
    await third.start(script.names[2], script.topic)
    await third.say(script.third)
    await expect(agent.offer(script.names[2])).to_be_visible()
    await expect(agent.page.locator("[data-offered='1']")).to_be_visible()
    await take(agent, f"desk{script.suffix}")
    await take(first, f"webchat{script.suffix}")

    await agent.accept(script.names[2])
    await agent.conversation(script.names[0]).click()
    await agent.end()
    await expect(agent.page.locator(".wrap-up")).to_be_visible()
    await take(agent, f"desk-wrap-up{script.suffix}")
    await agent.conversation(script.names[2]).click()
    await agent.button("Transfer", "转接").click()
    await expect(agent.page.get_by_role("dialog")).to_be_visible()
    await take(agent, f"desk-transfer{script.suffix}")
    assert agent.problems == [], "the desk must not run into script errors"
