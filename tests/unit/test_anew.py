"""A product whose Ray died begins again in its own process, with a few tries, and only once its ports are free."""

from __future__ import annotations

import asyncio
import os

import pytest

from cluster.boot import anew
from tests.ports import free_port


async def test_ports_are_waited_for() -> None:
    """Processes that are ending may hold their ports a moment longer; the next start must not trip over them."""
    port = free_port()
    owner = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", port)
    waiting = asyncio.create_task(anew.until_ports_free([("gateway-1", f"127.0.0.1:{port}")]))
    await asyncio.wait({waiting}, timeout=3 * anew.POLL_S)
    assert not waiting.done(), "somebody listens there still"
    owner.close()
    await asyncio.wait_for(waiting, 5)


def test_a_start_after_rays_death_has_a_few_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process begins again with its own arguments and counts its tries; success gives it all of them back."""
    begun: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _, arguments: begun.append(arguments))
    monkeypatch.setattr("sys.orig_argv", ["python", "-m", "cluster.cli.main", "up"])
    monkeypatch.setenv(anew.AGAIN, "0")
    monkeypatch.delenv(anew.AGAIN)
    assert not anew.was_started_anew() and not anew.may_try_again(), "a first start that fails just fails"
    for _ in range(anew.TRIES - 1):
        anew.start_anew()
        assert anew.may_try_again()
    anew.start_anew()
    assert not anew.may_try_again()
    assert begun[-1][1:] == ["-m", "cluster.cli.main", "up"]
    anew.is_up_again()
    assert anew.was_started_anew() and not anew.may_try_again()
