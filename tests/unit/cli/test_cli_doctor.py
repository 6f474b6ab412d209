"""The doctor grades what it finds and says what to do."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.cli import checks
from cluster.cli.checks import Finding
from cluster.cli.main import app
from cluster.cli.store_check import graded, store_findings
from cluster.store.durability import Durability


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def layout(path: Path, port: int, more: str = "") -> Path:
    file = path / "layout.yaml"
    gateway = f"gateways:\n    - {{name: g, listen: '127.0.0.1:{port}'}}"
    file.write_text(f"metadata:\n  trunkline:\n    runtime: process\n    {gateway}\n    {more}\n", encoding="utf-8")
    return file


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["doctor", *(str(argument) for argument in arguments)])


def test_doctor_on_this_machine(tmp_path: Path, port: int) -> None:
    """Where the tests run nothing may fail, and every finding has a state and a detail."""
    result = invoke("--layout", layout(tmp_path, port), "--json")
    told = json.loads(result.stdout)
    failed = [check for check in told["checks"] if check["state"] == "fail"]
    assert (0, True, []) == (result.exit_code, told["ok"], failed), result.stdout
    names = {check["name"] for check in told["checks"]}
    assert {"python", "packages", "protocol", "memory", "clock", "ray", "disk", "store", f"port {port}", "node"} <= names, names
    assert all(check["state"] in ("ok", "warn") and check["detail"] for check in told["checks"]), "each says what it found"


def test_a_port_in_use_fails(tmp_path: Path, port: int) -> None:
    """A taken port is a failure with status 1 that names who wants it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        result = invoke("--layout", layout(tmp_path, port))
    assert result.exit_code == 1, result.stdout
    assert f"g wants 127.0.0.1:{port}, which is in use" in result.stdout, "who wants it"
    assert "choose another port with `listen`" in result.stdout, "and what to do"


def test_a_broken_layout_fails(tmp_path: Path, port: int) -> None:
    """The first problem is shown with its line."""
    result = invoke("--layout", layout(tmp_path, port, "shard: 1"))
    assert result.exit_code == 1 and "layout.yaml:6:5: metadata.trunkline.shard: no such setting" in result.stdout, (
        result.stdout
    )


def test_a_store_that_does_not_answer_fails(tmp_path: Path, port: int) -> None:
    """A configured store is tried."""
    result = invoke("--layout", layout(tmp_path, port, f"store: {{url: 'redis://127.0.0.1:{port}'}}"), "--json")
    (store,) = [check for check in json.loads(result.stdout)["checks"] if check["name"] == "store"]
    assert (1, "fail") == (result.exit_code, store["state"]), store
    assert f"redis://127.0.0.1:{port} does not answer" in store["detail"], store


@pytest.mark.parametrize(
    ("append", "policy", "expected"),
    [
        ({"appendonly": "yes", "appendfsync": "always"}, "noeviction", "ok"),
        ({"appendonly": "yes", "appendfsync": "everysec"}, "noeviction", "warn"),
        ({"appendonly": "no", "appendfsync": "always"}, "noeviction", "fail"),
        ({"appendonly": "yes", "appendfsync": "always"}, "allkeys-lru", "fail"),
    ],
)
def test_durability(append: dict[str, str], policy: str, expected: str) -> None:
    """Only a store that writes before it answers and evicts nothing is right."""
    found = Durability(0.001, append["appendonly"], append["appendfsync"], policy)
    assert expected == graded(found).state, f"{append} with {policy}"
    assert "warn" == graded(Durability(0.001)).state, "settings that cannot be read are worth a look"


def test_store_url_wrong() -> None:
    """A URL that is none is a finding, not an exception."""
    assert ["fail"] == [finding.state for finding in store_findings("localhost")], "one finding"


def test_grades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scarce is a warning with advice, too little a failure, plenty is fine."""
    states = {}
    for free, expected in ((100, "fail"), (checks.GIB, "warn"), (10 * checks.GIB, "ok")):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr(shutil, "disk_usage", lambda path, usage=usage: usage)
        states[expected] = checks.disk(tmp_path / "not" / "there").state
    assert {"fail": "fail", "warn": "warn", "ok": "ok"} == states, "by what is free"


def test_a_check_that_breaks_is_a_warning() -> None:
    """A doctor that breaks down helps nobody."""

    def broken() -> Finding:
        raise OSError("no such thing")

    assert Finding("broken", "warn", "could not be checked: OSError: no such thing") == checks.guarded(broken), (
        "told, not raised"
    )
