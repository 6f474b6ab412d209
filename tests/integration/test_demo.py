"""The demo plays at a product of its own, and at one that runs already, and finds every promise kept."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.booted import product

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).resolve().parents[2]


async def demo(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the command: its status, its document, and what it said beside."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "loadtest.demo",
        "--json",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(output), errors.decode()


async def test_a_whole_run_with_its_own_product(tmp_path: Path) -> None:
    """20 customers and 5 agents: all end, with everything that people do in between, and nothing is violated."""
    status, document, said = await demo("--runtime", "process", "--customers", "20", "--agents", "5", "--pace", "0.5")
    assert (0, [], []) == (status, document["problems"], document["violations"]), said
    assert (20, 20, 5) == (document["customers"], document["ended"], document["agents"])
    assert 1 == document["abandoned"], "the one who hardly waits"
    assert 1 == document["rejected"] and 1 == document["rang_out"] and document["transfers"] >= 1
    assert document["messages_sent"] >= document["messages_delivered"] > 60
    assert 0 < document["waits"]["p50"] <= document["waits"]["p90"] <= document["waits"]["max"] < 60
    assert 0 < document["offer_ms"]["p50"] <= document["offer_ms"]["p99"]
    assert {"exact"} == set(document["checked"].values()), "every invariant was judged, logs and liveness included"
    verified = document["verified"]
    assert (20, document["messages_sent"]) == (verified["arrivals_acknowledged"], verified["messages_acknowledged"])
    assert 1 == said.count("starting a product for this run"), "it told that it had to start one"


async def test_a_users_questions_at_a_running_product(tmp_path: Path) -> None:
    """Questions of a user's own file are asked at the product that runs from the given directory, which stays up."""
    source = tmp_path / "mine.csv"
    source.write_text("text\nHow do I close my account?\n我的银行卡丢了。\n", encoding="utf-8")
    async with product(tmp_path / "run", runtime="process", centre="sample") as running:
        places = ["--run-dir", str(tmp_path / "run"), "--source", str(source)]
        status, document, said = await demo(*places, "--customers", "4", "--agents", "2", "--pace", "0.3", "--rate", "240")
        assert (0, 4, []) == (status, document["ended"], document["violations"]), said
        assert "playing at the product that runs from" in said
        status, document, _ = await demo(*places, "--customers", "1", "--agents", "61")
        assert 1 == status
        assert "has 60 agents called `demo-…`" in document["error"]["detail"], "it says how many there are"
        assert (await running.status())["hosts"], "the product goes on"
