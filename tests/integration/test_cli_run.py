"""The command line against a real run: up in the background, everything that can be asked of it, down."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CENTRE = ROOT / "tests" / "unit" / "config" / "golden" / "base.yaml"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def trunkline(place: Path, *arguments: object, status: int = 0) -> Any:
    """Run one command in this directory as a user would; its JSON document."""
    command = [sys.executable, "-m", "cluster.cli.main", *(str(argument) for argument in arguments), "--json"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRUNKLINE_")}
    env["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'protos'}"
    ended = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True, timeout=110, check=False)
    assert ended.returncode == status, f"{arguments} must end with {status}: {ended.stdout}{ended.stderr}"
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory from which a one-process cluster with an embedded store runs."""
    path = tmp_path_factory.mktemp("run")
    gateway = f"gateways: [{{name: gateway-1, listen: '127.0.0.1:{free_port()}'}}]"
    metrics = f"metrics: {{listen: '127.0.0.1:{free_port()}'}}"
    layout = (
        f"metadata:\n  trunkline:\n    runtime: process\n    hosts: {{count: 1, spares: 0}}\n    {gateway}\n    {metrics}\n"
    )
    (path / "ray_config.yaml").write_text(layout, encoding="utf-8")
    up = trunkline(path, "up", "--detach")
    try:
        assert up["runtime"] == "process" and up["pid"] != os.getpid(), "it runs in a process of its own"
        yield path
    finally:
        ended = trunkline(path, "down")
        assert ended["pid"] == up["pid"], "what was started is what ended"
        # What was accepted is still there, and right, once nothing runs.
        verified = trunkline(path, "verify", "--store", "embedded", "--replay")
        assert verified["ok"] and verified["replay"]["same"], "the files of the ended run must verify, and decide again"
        assert trunkline(path, "status", status=1)["error"]["code"] == "FAILED_PRECONDITION", "nothing runs any more"


def test_top_shows_the_run_that_is_here(place: Path) -> None:
    """The live figures of the run are found through its run file."""
    told = trunkline(place, "top", "--interval", "0.1")
    assert told["hosts"]["host-1"]["shards"] == 16 and not told["silent"], "every process answers"


def test_status_and_doctor(place: Path) -> None:
    """Status reaches the gateway with the run's own token, and the doctor finds its store durable."""
    status = trunkline(place, "status")
    assert (1, 16) == (status["centre_version"], status["cluster"]["hosts"]["host-1"]["shards"]), "the sample on one host"
    checks = {check["name"]: check for check in trunkline(place, "doctor")["checks"]}
    assert ("ok", "ok") == (checks["store"]["state"], checks["store durability"]["state"]), "the embedded store"


def test_a_second_run_is_refused(place: Path) -> None:
    """Another `up` from the same directory changes nothing."""
    assert "`trunkline down` ends it" in trunkline(place, "up", "--detach", status=1)["error"]["detail"], "said plainly"


def test_configuration_is_applied_live(place: Path) -> None:
    """A new version changes agents and queues at once; a repeat of it is no new version; a broken one changes nothing."""
    assert trunkline(place, "config", "apply", CENTRE, "-m", "smaller")["version"] == 2, "the next version"
    assert trunkline(place, "config", "apply", CENTRE)["version"] == 2, "the same text again"
    stale = trunkline(place, "config", "apply", ROOT / "cluster/config/sample_centre.yaml", "--expected-version", 1, status=1)
    assert stale["error"]["code"] == "ABORTED", "somebody was first"
    assert trunkline(place, "config", "show")["yaml"] == CENTRE.read_text(encoding="utf-8"), "as it was written"
    assert [2, 1] == [revision["version"] for revision in trunkline(place, "config", "history")["revisions"]], "both are kept"
    config = trunkline(place, "actors", "show", "agent/alice")["records"]["cfg"]["config"]
    assert {"cards": 5, "english": 10} == {one["skill"]: one["level"] for one in config["skills"]}, "her new skills"
    assert "queue/payments" in config["queues"], "whoever waits in a queue that was taken out still finds her"
    verified = trunkline(place, "verify", "--replay")
    assert verified["ok"] and verified["replay"]["events"], "and nothing broke; what the versions changed is decided again"
