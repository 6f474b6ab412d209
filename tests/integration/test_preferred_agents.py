"""Who comes back to the running product rings at the agent who served them last."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from cluster.config.sample import sample_text
from gateways.sdk import AdminClient, CallFailed
from tests.integration.test_page_sockets import sign_in, visit
from tests.product import ADMIN_TOKEN, Product

GENERAL = "  general:\n    name: {en: General questions, zh: 综合咨询}\n"
PREFERS = f"{GENERAL}    prefer: {{last_within_s: 3600, for_s: 20}}\n    wrap_up_s: 0\n"


async def remembered(product: Product, customer: str) -> None:
    """Wait until the customer's actor knows who served them."""
    async with AdminClient(product.target, ADMIN_TOKEN) as admin, asyncio.timeout(20):
        while True:
            try:
                await admin.show_actor(f"customer/{customer}")
            except CallFailed as failed:
                assert failed.code == "NOT_FOUND", failed
                await asyncio.sleep(0.01)
            else:
                return


@pytest.mark.asyncio
async def test_the_last_agent_rings_first(tmp_path: Path) -> None:
    """Alice served Nora; Bob has been free for longer, and gets her only when Alice is not there any more."""
    sample = sample_text()
    assert GENERAL in sample
    async with Product(tmp_path, sample.replace(GENERAL, PREFERS)) as product, aiohttp.ClientSession() as http:
        alice, bob = await sign_in(http, product, "alice"), await sign_in(http, product, "bob")
        first = await visit(http, product, "1" * 32, name="Nora")
        await alice.send("presence", ref="a", presence="available")
        offer = (await alice.next("offer"))["reservation"]
        await alice.send("accept", ref="3", reservation=offer["reservation"])
        await alice.next("conversation")
        await bob.send("presence", ref="b", presence="available")
        await bob.next("accepted")
        await first.send("leave")
        assert (await alice.next("offer_ended"))["outcome"] == "completed"
        await remembered(product, offer["customer"]["id"])

        second = await visit(http, product, "2" * 32, name="Nora")
        again = (await alice.next("offer"))["reservation"]
        await alice.send("explain", ref="why", reservation=again["reservation"])
        why = await alice.next("explained")
        assert (why["because"], why["needs"]["agent"], why["runner_up"]) == ("last", "alice", "")
        await second.send("leave")
        assert (await alice.next("offer_ended"))["outcome"] == "cancelled"

        await alice.send("sign_out", ref="out")
        await alice.next("signed_out")
        await visit(http, product, "3" * 32, name="Nora")
        third = (await bob.next("offer"))["reservation"]
        assert third["customer"]["id"] == offer["customer"]["id"], "nobody waits for who is not there"
