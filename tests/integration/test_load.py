"""Both generators play the smoke scenario at a product of its own, and find every promise kept."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

ROOT = Path(__file__).resolve().parents[2]


async def load(*arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the command: its status, its document, and what it said beside."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "loadtest.load", "--json", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(output), errors.decode()


@pytest.mark.parametrize(("generator", "workers"), [("lean", 1), ("lean", 2), ("locust", 1), ("locust", 2)])
async def test_the_smoke_scenario(tmp_path: Path, generator: str, workers: int) -> None:
    """Whoever drives it, in however many processes: the same 36 customers come and go, nothing is violated."""
    status, document, said = await load(
        "smoke", "--generator", generator, "--workers", str(workers), "--runtime", "process", "--out", str(tmp_path)
    )
    assert 0 == status, (said, document)
    assert document["passed"] and [] == document["problems"] == document["violations"] and {} == document["said"]
    figures = document["figures"]
    assert [36, 36, 36] == [figures[name] for name in ("arrivals", "accepted", "ended")]
    # Who came last may leave before an agent took them; on a machine that stands still, more do.
    assert 36 == figures["served"] + figures["abandoned"] and figures["served"] > 0
    assert figures["messages_sent"] == figures["messages_delivered"] > 0
    assert 8 == figures["admin_asked"], "each 0.5 s for 4 s"
    assert 0 < figures["ack_ms_p50"] <= figures["ack_ms_p99"] <= figures["ack_ms_max"]
    assert 0 < figures["offer_ms_p50"] <= figures["offer_ms_p99"]
    assert {"exact"} == set(document["checked"].values()), "every invariant was judged, logs and liveness included"
    verified = document["verified"]
    assert (36, figures["messages_sent"]) == (verified["arrivals_acknowledged"], verified["messages_acknowledged"])
    assert document == json.loads((tmp_path / "load-smoke.json").read_text(encoding="utf-8"))
    assert "smoke: " in (tmp_path / "load-smoke.html").read_text(encoding="utf-8")


async def test_an_objective_that_is_missed_fails_the_run(tmp_path: Path) -> None:
    """Exit status 1, and the document says which figure was not what was asked for."""
    file = tmp_path / "strict.yaml"
    file.write_text(
        "title: too strict\nagents: {count: 1}\ncustomers: {hold_s: 0.2}\nphases: [{for_s: 1, per_s: 3}]\ndrain_s: 0.5\n"
        "objectives: {lost: 0, ack_ms_p99: 0.001, delivery_ms_p99: 5}\n"
    )
    status, document, _ = await load(str(file), "--runtime", "process", "--out", str(tmp_path))
    assert 1 == status and not document["passed"]
    assert [True, False, False] == [one["met"] for one in document["objectives"]]
    assert document["objectives"][2]["found"] is None, "no message was written, so none was measured"
