"""Whole conversations between people in browser windows, and what happens to them when a page or an adapter is gone."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, WebSocketRoute, expect

from tests.browser.windows import Agent, Customer, expect_texts
from tests.product import Product

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_two_languages_at_once(browser: Browser, product: Product) -> None:
    """A Chinese and an English conversation run side by side, each in its language, with typing and read marks."""
    alice = await Agent.sign_in(browser, product, "alice")
    li_wei = await Agent.sign_in(browser, product, "li-wei", chinese=True)
    nora = await Customer.visit(browser, product)
    chen = await Customer.visit(browser, product, chinese=True)

    await nora.start("Nora", "Cards")
    await nora.say("Hello, my card was declined in Lisbon.")
    await chen.start("陈静", "中文服务")
    await chen.say("你好，我的银行卡在里斯本被拒付了。")
    await expect(nora.marks("declined")).to_have_attribute("data-level", "sent")

    await alice.become_available()
    await alice.accept("Nora")
    await li_wei.become_available()
    await li_wei.accept("陈静")
    await expect(nora.status).to_have_text("You are talking to Alice Archer")
    await expect(chen.status).to_have_text("李伟 正在为您服务")
    await expect(nora.marks("declined")).to_have_attribute("data-level", "read")

    await alice.composer.press_sequentially("Good morning")
    await expect(nora.page.locator(".line.typing")).to_be_visible()
    await alice.say("Good morning Nora, I am looking at your card now.")
    await expect(nora.page.locator(".line.typing")).to_have_count(0)
    await li_wei.say("您好，我马上为您查询。")
    await nora.composer.press_sequentially("Thank")
    await expect(alice.page.locator(".typing")).to_have_text("Nora is typing…")
    await nora.say("Thank you!")
    await chen.say("谢谢，麻烦您了。")

    english = ["Hello, my card was declined in Lisbon.", "Good morning Nora, I am looking at your card now.", "Thank you!"]
    chinese = ["你好，我的银行卡在里斯本被拒付了。", "您好，我马上为您查询。", "谢谢，麻烦您了。"]
    for window, wanted in ((alice, english), (nora, english), (li_wei, chinese), (chen, chinese)):
        await expect_texts(window.messages, *wanted)
    await expect(alice.marks("looking")).to_have_attribute("data-level", "read")
    await expect(li_wei.marks("查询")).to_have_attribute("data-level", "read")

    for window, name in ((alice, "desk"), (nora, "webchat"), (li_wei, "desk-zh"), (chen, "webchat-zh")):
        assert window.problems == [], f"{name} must not run into script errors"


async def test_agents_see_why_they_were_asked(browser: Browser, product: Product) -> None:
    """Offer and conversation tell on demand, in the agent's language, why they came to this agent."""
    li_wei = await Agent.sign_in(browser, product, "li-wei", chinese=True)
    await li_wei.become_available()
    chen = await Customer.visit(browser, product, chinese=True)
    await chen.start("陈静", "中文服务")
    offer = li_wei.offer("陈静")
    await offer.get_by_text("为什么分配给我？").click()
    await expect(offer.locator(".why li")).to_have_text(["需要：中文 3。", "没有其他可接待的空闲坐席。"])
    await li_wei.accept("陈静")
    panel = li_wei.page.locator("aside.right")
    await panel.get_by_text("为什么分配给我？").click()
    await expect(panel.locator(".why li")).to_have_count(2)
    await li_wei.page.get_by_role("button", name="Switch to English").click()
    await expect(panel.locator(".why li")).to_have_text(["It needs Chinese 3.", "Nobody else who could take it was free."])
    assert li_wei.problems == []


async def test_reloads_lose_nothing(browser: Browser, product: Product) -> None:
    """Agent and customer reload in mid-conversation: transcript, marks, draft and what came meanwhile are there."""
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await agent.accept("Nora")
    await customer.say("one")
    await agent.say("two")
    await expect_texts(customer.messages, "one", "two")
    await agent.composer.fill("half a thought")

    await agent.page.goto("about:blank")
    await customer.say("three, while the agent is away")
    await agent.page.go_back()
    await expect_texts(agent.messages, "one", "two", "three, while the agent is away")
    await expect(agent.composer).to_have_value("half a thought")
    await expect(agent.presence).to_have_attribute("data-presence", "available")

    await customer.page.goto("about:blank")
    await agent.say("four, while the customer is away")
    await customer.page.go_back()
    await expect_texts(customer.messages, "one", "two", "three, while the agent is away", "four, while the customer is away")
    await expect(customer.status).to_have_text("You are talking to Alice Archer")
    await expect(agent.marks("four")).to_have_attribute("data-level", "read")
    await expect(customer.marks("three")).to_have_attribute("data-level", "read")


async def test_adapters_restart(browser: Browser, product: Product) -> None:
    """The web chat and the desk restart: both sides go on, and what was written meanwhile arrives once."""
    agent = await Agent.sign_in(browser, product, "bob")
    await agent.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await agent.accept("Nora")
    await customer.say("before")
    await expect_texts(agent.messages, "before")

    await product.stop_webchat()
    await expect(customer.page.locator(".banner")).to_contain_text("Connection lost")
    await customer.say("written while the web chat was down")
    await expect(customer.unsent).to_have_count(1)
    await agent.say("answered while the web chat was down")
    await product.start_webchat()
    both = ("before", "answered while the web chat was down", "written while the web chat was down")
    await expect_texts(customer.messages, *both)
    await expect_texts(agent.messages, *both)
    await expect(customer.unsent).to_have_count(0)

    await product.stop_desk()
    await expect(agent.page.get_by_text("The connection is lost.")).to_be_visible()
    await agent.say("written while the desk was down")
    await customer.say("asked while the desk was down")
    await product.start_desk()
    await expect(agent.messages).to_have_count(5)
    everything = (*both, "asked while the desk was down", "written while the desk was down")
    await expect_texts(agent.messages, *everything)
    await expect_texts(customer.messages, *everything)


async def test_gateway_and_host_die(browser: Browser, product: Product) -> None:
    """The gateway dies and comes back, and a host dies: pages stay, and everything written arrives once, in order."""
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await agent.accept("Nora")
    await customer.say("before")
    await expect_texts(agent.messages, "before")

    await product.kill_gateway()
    await expect(agent.page.get_by_text("does not reach the contact centre")).to_be_visible()
    await customer.say("asked without a gateway")
    await expect(customer.unsent).to_have_count(1)
    await product.start_gateway()
    await expect(agent.page.get_by_text("does not reach the contact centre")).to_have_count(0)
    await expect_texts(agent.messages, "before", "asked without a gateway")
    await agent.say("answered")
    await expect_texts(customer.messages, "before", "asked without a gateway", "answered")

    await product.kill_host()
    await customer.say("asked while a host was dying")
    everything = ("before", "asked without a gateway", "answered", "asked while a host was dying")
    await expect_texts(agent.messages, *everything)
    await expect_texts(customer.messages, *everything)
    await expect(agent.presence).to_have_attribute("data-presence", "available")


async def test_unsent_survives_a_reload(browser: Browser, product: Product) -> None:
    """What a customer wrote without a connection outlives the page, and is sent once when there is one."""
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "Payments and transfers")
    await agent.accept("Nora")
    cut = True

    async def wire(socket: WebSocketRoute) -> None:
        """Between page and server, a wire that may be cut: then what the page says reaches nobody."""
        if not cut:
            socket.connect_to_server()

    await customer.page.route_web_socket("**/ws", wire)
    await customer.page.reload()
    await customer.say("said into the void")
    await expect(customer.unsent).to_have_count(1)
    cut = False
    await customer.page.reload()
    await expect_texts(customer.messages, "said into the void")
    await expect_texts(agent.messages, "said into the void")
    await expect(customer.unsent).to_have_count(0)


async def test_transfer_and_wrap_up(browser: Browser, product: Product) -> None:
    """A customer goes to another queue and then to one agent, who sees what was said; each agent wraps up."""
    alice = await Agent.sign_in(browser, product, "alice")
    await alice.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await alice.accept("Nora")
    await customer.say("Somebody used my card!")
    await expect_texts(alice.messages, "Somebody used my card!")

    carol = await Agent.sign_in(browser, product, "carol")
    await carol.become_available()
    await alice.button("Transfer", "转接").click()
    await alice.page.get_by_label("Queue", exact=True).click()
    await alice.page.locator(".ant-select-item-option", has_text="Cards").click()
    await alice.page.get_by_role("dialog").get_by_role("button", name="Transfer", exact=True).click()
    await expect(customer.page.locator(".remark", has_text="passing you on")).to_be_visible()
    await carol.accept("Nora")
    await expect_texts(carol.messages, "Somebody used my card!")
    await expect(customer.status).to_have_text("You are talking to Carol Chandler")

    await expect(alice.page.get_by_role("region", name="Wrap up")).to_be_visible()
    await alice.page.reload()
    await expect_texts(alice.messages, "Somebody used my card!")
    await alice.wrap_up("Passed to another team", "Card fraud")
    await expect(alice.conversations).to_have_count(0)

    daniel = await Agent.sign_in(browser, product, "daniel")
    await daniel.become_available()
    await carol.say("I have frozen it.")
    await carol.button("Transfer", "转接").click()
    await carol.page.get_by_text("To an agent").click()
    await carol.page.get_by_label("Agent", exact=True).fill("daniel")
    await carol.page.locator(".ant-select-item-option", has_text="Daniel Draper").click()
    await carol.page.get_by_role("dialog").get_by_role("button", name="Transfer", exact=True).click()
    await daniel.accept("Nora")
    await expect_texts(daniel.messages, "Somebody used my card!", "I have frozen it.")
    await daniel.end()
    await expect(customer.status).to_have_text("This conversation has ended")
    await daniel.wrap_up("Resolved", "")
    await expect(daniel.conversations).to_have_count(0)
    assert [alice.problems, carol.problems, daniel.problems, customer.problems] == [[]] * 4, "no page may run into errors"


async def test_customer_ends_and_begins_again(browser: Browser, product: Product) -> None:
    """A customer leaves, the agent sees it at once, and a new conversation begins with nothing of the old one."""
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await agent.accept("Nora")
    await customer.say("That is all, thanks.")
    await customer.button("End conversation", "结束会话").click()
    await customer.button("End it", "结束").click()
    await expect(customer.status).to_have_text("This conversation has ended")
    await agent.wrap_up("Resolved", "")
    await customer.button("Start a new conversation", "发起新会话").click()
    await customer.page.get_by_label("Your name (optional)").fill("Nora again")
    await customer.button("Start chat", "开始聊天").click()
    await agent.accept("Nora again")
    await expect(customer.messages).to_have_count(0)
    await expect(agent.messages).to_have_count(0)


async def test_unread_and_minimised(browser: Browser, product: Product) -> None:
    """A minimised widget counts what is unread and does not call it read; the desk counts for each conversation."""
    agent = await Agent.sign_in(browser, product, "alice")
    await agent.become_available()
    first = await Customer.visit(browser, product)
    await first.start("Nora", "General questions")
    await agent.accept("Nora")
    second = await Customer.visit(browser, product)
    await second.start("Omar", "General questions")
    await agent.accept("Omar")

    await first.say("hello?")
    await first.say("anybody there?")
    await expect(agent.conversation("Nora")).to_contain_text("2 unread")
    await agent.conversation("Nora").click()
    await expect(agent.conversation("Nora")).not_to_contain_text("unread")

    await first.page.keyboard.press("Escape")
    await agent.say("I am here.")
    await expect(first.button("Open chat, 1 unread", "")).to_be_visible()
    await expect(agent.marks("I am here.")).to_have_attribute("data-level", "delivered")
    await first.button("Open chat, 1 unread", "").click()
    await expect(agent.marks("I am here.")).to_have_attribute("data-level", "read")


async def test_decline_and_queue_counters(browser: Browser, product: Product) -> None:
    """A declined offer goes to somebody else, and the queue's counters follow live."""
    alice = await Agent.sign_in(browser, product, "alice")
    bob = await Agent.sign_in(browser, product, "bob")
    queue = bob.page.locator('[data-queue="general"]')
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await expect(queue).to_have_attribute("data-waiting", "1")
    await alice.become_available()
    await expect(alice.offer("Nora")).to_be_visible()
    await expect(queue).to_have_attribute("data-offered", "1")
    await bob.become_available()
    await alice.offer("Nora").get_by_role("button", name="Decline").click()
    await alice.page.get_by_role("menuitem", name="Not my field").click()
    await expect(alice.offer("Nora")).to_have_count(0)
    await bob.accept("Nora")
    await expect(queue).to_have_attribute("data-waiting", "0")


async def test_busy_and_given_back(browser: Browser, product: Product) -> None:
    """Who is busy is passed over for now; who gives a customer back frees them for somebody else."""
    alice = await Agent.sign_in(browser, product, "alice")
    li_wei = await Agent.sign_in(browser, product, "li-wei", chinese=True)
    await alice.become_available()
    customer = await Customer.visit(browser, product)
    await customer.start("Nora", "General questions")
    await alice.offer("Nora").get_by_role("button", name="Busy", exact=True).click()
    await expect(alice.offer("Nora")).to_have_count(0)
    await li_wei.become_available()
    await li_wei.accept("Nora")
    await customer.say("hello")
    await expect(li_wei.messages).to_have_count(1)
    await li_wei.button("Give back", "退回队列").click()
    await li_wei.page.get_by_role("menuitem", name="保留原有位置").click()
    await alice.accept("Nora")
    await expect_texts(alice.messages, "hello")
    await expect(customer.status).to_have_text("You are talking to Alice Archer")
    assert alice.problems == li_wei.problems == []


@pytest.mark.parametrize("chinese", [False, True], ids=["en", "zh"])
async def test_sign_in(browser: Browser, product: Product, chinese: bool) -> None:
    """A wrong password is refused in words; signing in elsewhere signs the first page out; signing out ends it."""
    first = await Agent.sign_in(browser, product, "emma", chinese=chinese)
    second = await Agent.sign_in(browser, product, "emma", chinese=chinese)
    elsewhere = first.words("You signed in at another desk", "您已在其他工作台登录")
    await expect(first.page.get_by_text(elsewhere)).to_be_visible()
    await first.give_password("emma", "not the password")
    await expect(first.page.get_by_role("alert")).to_contain_text("the agent or the password is wrong")
    await expect(second.presence).to_be_visible()
    await second.page.get_by_role("button", name="Emma Fletcher").click()
    await second.page.get_by_role("menuitem", name=second.words("Sign out", "退出登录")).click()
    await expect(second.button("Sign in", "登录")).to_be_visible()
    await second.page.reload()
    await expect(second.button("Sign in", "登录")).to_be_visible()
