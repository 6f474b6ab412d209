"""`config check` and `config hash-password` need no gateway."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.cli.main import app
from cluster.config.layout_file import packaged_layout_file
from cluster.config.load import load_centre
from cluster.config.passwords import verify_password
from tests.unit.cli.world import CENTRE


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    file = tmp_path / "centre.yaml"
    file.write_text(CENTRE, encoding="utf-8")
    return file


def invoke(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)


def test_check_counts_what_is_there(centre: Path) -> None:
    """A valid file is summed up, with status 0."""
    result = invoke("config", "check", centre)
    assert (0, "fine: 2 queues, 1 agents, 1 routing profiles, 2 skills, 1 entry points\n") == (
        result.exit_code,
        result.stdout,
    ), "the summary"
    told = json.loads(invoke("config", "check", centre, "--json").stdout)
    assert (True, [], 2, 1) == (told["ok"], told["problems"], told["queues"], told["agents"]), "the same as JSON"


def test_check_tells_every_problem(centre: Path) -> None:
    """A broken file has status 1, its problems on standard error for people and in the document for programs."""
    broken = CENTRE.replace("offer_timeout_s: 20", "offer_timeout_s: 20s\n    prioritty: 3")
    centre.write_text(broken, encoding="utf-8")
    result = invoke("config", "check", centre)
    assert [
        f"error: {centre}:19:22: queues.cards.offer_timeout_s: must be a number, not `20s`; write 20 without quotes or unit",
        f"error: {centre}:20:5: queues.cards.prioritty: no such setting; did you mean `priority`?",
    ] == result.stderr.splitlines(), "each with its place and advice"
    assert (1, "") == (result.exit_code, result.stdout), "and nothing on standard output"
    told = json.loads(invoke("config", "check", centre, "--json").stdout)["error"]
    assert ("INVALID_ARGUMENT", [19, 20]) == (told["code"], [problem["line"] for problem in told["problems"]]), "as JSON"


def test_check_without_a_file_checks_the_layouts_centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty directory that is the sample, whose passwords are worth a warning but no failure."""
    monkeypatch.chdir(tmp_path)
    result = invoke("config", "check")
    assert result.exit_code == 0 and "fine: 4 queues, 70 agents" in result.stdout, result.output
    assert "warning: sample_centre.yaml" in result.stderr, "the passwords"


def test_check_knows_a_layout_file(tmp_path: Path) -> None:
    """A launcher file is checked as a layout."""
    told = json.loads(invoke("config", "check", packaged_layout_file(), "--json").stdout)
    assert (True, [], "ray") == (told["ok"], told["warnings"], told["layout"]["runtime"]), "the shipped one is fine"
    broken = tmp_path / "ray_config.yaml"
    broken.write_text("metadata:\n  trunkline:\n    shard: 1\n", encoding="utf-8")
    result = invoke("config", "check", broken)
    assert result.exit_code == 1 and f"{broken}:3:5: metadata.trunkline.shard: no such setting" in result.stderr, result.stderr


def test_check_a_missing_file() -> None:
    """A path that leads nowhere is an error of ours, not a traceback."""
    result = invoke("config", "check", "no/such.yaml")
    assert (1, "error: no/such.yaml: there is no such file; check the path\n") == (result.exit_code, result.stderr), (
        "said plainly"
    )


def test_hash_password() -> None:
    """What is printed can be pasted under an agent and verifies; the password itself is never printed."""
    result = invoke("config", "hash-password", "--stdin", stdin="correct horse\n")
    line = result.stdout.strip()
    hashed = line.removeprefix("password_hash: '").removesuffix("'")
    assert verify_password(hashed, "correct horse"), line
    assert "horse" not in result.output, "the password is not shown"
    old = next(part for part in CENTRE.splitlines() if "password_hash" in part)
    assert load_centre(CENTRE.replace(old.strip(), line)).centre.agents["alice"].password_hash == hashed, "it can be pasted"
    told = json.loads(invoke("config", "hash-password", "--stdin", "--json", stdin="x\n").stdout)
    assert verify_password(told["password_hash"], "x"), "as JSON"


def test_hash_password_asks_twice() -> None:
    """Without --stdin the password is asked for, twice."""
    result = invoke("config", "hash-password", stdin="secret\nsecret\n")
    assert result.exit_code == 0 and "password_hash: '$argon2id$" in result.stdout, result.output


def test_an_empty_password() -> None:
    """Nothing is hashed for nobody."""
    result = invoke("config", "hash-password", "--stdin", stdin="\n")
    assert result.exit_code == 1 and "the password is empty" in result.stderr, result.stderr
