"""Bringing the product up and down: what goes wrong says what to do, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest

from cluster.boot.run_file import read_run_file
from cluster.boot.up import up
from cluster.cli.board import Page
from cluster.config.layout_file import Layout
from cluster.errors import StartupFailed
from cluster.telemetry import metrics
from tests.booted import ROOT, product
from tests.ports import free_port

pytestmark = pytest.mark.integration


def layout(run_dir: Path, **settings: str) -> Layout:
    """A one-process product in a directory of its own, with free ports and no programs."""
    overrides = {
        "runtime": "process",
        "run_dir": json.dumps(str(run_dir)),
        "programs": "[]",
        "gateways": json.dumps([{"name": "gateway-1", "listen": f"127.0.0.1:{free_port()}"}]),
        "metrics": "{listen: ''}",
        **settings,
    }
    return Layout.load(ROOT / "ray_config.yaml", overrides=overrides, env={})


async def fails(settings: Layout) -> str:
    """What bringing this up says when it cannot."""
    with pytest.raises(StartupFailed) as failed:
        await up(settings, lambda _: None, stopping=asyncio.Event())
    return failed.value.detail


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """The error names the part of the product, the address and the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        detail = await fails(layout(tmp_path, gateways=json.dumps([{"name": "gateway-1", "listen": address}])))
    assert f"gateway-1 cannot listen on {address}" in detail, detail
    assert "choose another port" in detail, detail


async def test_an_unreachable_store_is_named(tmp_path: Path) -> None:
    """A store of the user's own that does not answer ends the start, with its address and the setting."""
    port = free_port()
    detail = await fails(layout(tmp_path, store=json.dumps({"url": f"redis://127.0.0.1:{port}/0"})))
    assert str(port) in detail, detail
    assert "store.url" in detail, detail


async def test_one_directory_runs_one_product(tmp_path: Path) -> None:
    """A second product in the same directory is refused; the first goes on."""
    async with product(tmp_path, runtime="process") as first:
        detail = await fails(layout(tmp_path))
        assert "in use" in detail or "runs from" in detail, detail
        assert await first.pid_of("store"), "the first one must still run"


async def test_nothing_is_left(tmp_path: Path) -> None:
    """After the end no store runs, no run file says so, and what was configured is there the next time."""
    async with product(tmp_path, runtime="process") as first:
        pid = await first.pid_of("store")
        assert first.running.centre_version == 1, "the first configuration must be applied"
        assert read_run_file(tmp_path) is not None, "the run file must say what runs"
    assert read_run_file(tmp_path) is None, "the run file must be gone"
    assert not Path(f"/proc/{pid}").exists(), "the store must have ended"
    async with product(tmp_path, runtime="process") as second:
        assert second.running.centre_version == 1, "what was configured must have survived"


async def test_metrics_are_served_where_the_layout_says(tmp_path: Path) -> None:
    """The run file names the page, and the page tells of every process of the run."""
    address = f"127.0.0.1:{free_port()}"
    async with product(tmp_path, runtime="process", metrics=json.dumps({"listen": address})):
        run = read_run_file(tmp_path)
        assert run is not None and run.metrics_url == f"http://{address}/metrics"
        async with aiohttp.ClientSession() as session, session.get(run.metrics_url) as answer:
            page = Page.parse(await answer.text(), 0)
    told = {(labels["kind"], labels["name"]) for labels, value in page.of(metrics.UP.name) if value}
    assert told >= {("host", "host-1"), ("supervisor", "supervisor"), ("gateway", "gateway-1")}


async def test_a_taken_metrics_port_stops_nobody(tmp_path: Path) -> None:
    """Customers come first: without its port the page is left out, the run goes on, and the run file says so."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = json.dumps({"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        async with product(tmp_path, runtime="process", metrics=listen) as running:
            run = read_run_file(tmp_path)
            assert run is not None and run.metrics_url == ""
            assert running.running.centre_version == 1, "it serves"
