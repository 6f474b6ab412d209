"""The command checks what it is given, and ends with the status that its findings ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from loadtest.demo import command
from loadtest.demo.centre import resized, sample_size
from loadtest.demo.figures import summary
from loadtest.demo.observed import Observed
from loadtest.failures import ProductUnusable
from loadtest.product import find_running

FOUND = {"invariant": "I1", "shard": "3", "number": 7, "subject": "session/webchat:1", "explanation": "was lost"}


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(command.app, arguments)
    return result.exit_code, result.stdout, result.stderr


def finding(monkeypatch: pytest.MonkeyPatch, problems: list[str], violations: list[dict[str, object]]) -> None:
    """Let the run itself end with these findings."""

    async def played(*_: object) -> dict[str, Any]:
        rest = {"problems": problems, "violations": violations, "verified": {"commits": 12}}
        return {**summary(Observed(), 5, 1.0), **rest}

    monkeypatch.setattr(command, "run_demo", played)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--minutes", "1", "--rate", "60"], "give --minutes or --rate, not both"),
        (["--runtime", "threads"], "--runtime is one of ray, process, not 'threads'"),
        (["--literal", "--runtime", "process"], "--literal needs Ray"),
        (["--customers", "0"], "customers"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], part: str) -> None:
    """Status 2, before anything is started."""
    status, _, errors = run(*arguments)
    assert (2, True) == (status, part in " ".join(errors.replace("│", " ").split())), "it says what is wrong"


def test_an_unusable_source_is_one_json_document() -> None:
    """With --json an error is one document too, and the status is 1."""
    status, output, _ = run("--source", "none.csv", "--json")
    assert 1 == status
    assert "INVALID_ARGUMENT" == json.loads(output)["error"]["code"], "the file cannot be used"


def test_a_clean_run_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """No finding: status 0, and the verdict in words."""
    finding(monkeypatch, [], [])
    status, output, _ = run()
    assert 0 == status
    assert "no violation in 12 commits, every promise kept" in output, "the last line says so"


@pytest.mark.parametrize(("problems", "violations"), [([], [FOUND]), (["webchat:1: did not end; it is waiting"], [])])
def test_findings_end_with_status_1(
    monkeypatch: pytest.MonkeyPatch, problems: list[str], violations: list[dict[str, object]]
) -> None:
    """A violation, or a conversation that did not end properly, fails the run; both are told."""
    finding(monkeypatch, problems, violations)
    status, output, _ = run("--json")
    document = json.loads(output)
    assert (1, problems, violations) == (status, document["problems"], document["violations"])
    status, output, _ = run()
    told = "I1 session/webchat:1: was lost" if violations else "did not end; it is waiting"
    assert (1, True) == (status, told in output), "for people as well"


def test_the_rate_follows_from_what_is_given() -> None:
    """Minutes spread the customers, a rate is taken as it is, agents decide otherwise, and processes take their time."""
    rate = command._rate_per_s
    assert 0.5 == rate(60, 10, 2.0, None, False)
    assert 2.0 == rate(60, 10, None, 120.0, False)
    assert 12.0 == rate(500, 50, None, None, False)
    assert 1 / 3 == rate(60, 30, None, None, True), "a process for each session"


def test_a_literal_centre_has_just_its_agents() -> None:
    """The sample is cut to the agents of the run and passes the configuration's own check."""
    from cluster.config.compile import compile_centre
    from cluster.config.load import load_centre

    loaded = load_centre(resized(3, 60))
    plan = compile_centre(loaded.centre, lambda _: "hash")
    assert ["demo-01", "demo-02", "demo-03"] == list(plan.agents)
    assert ["agents.demo.password"] == [problem.path for problem in loaded.warnings], "as the sample itself"
    assert sample_size() >= 50, "the sample has enough for `make demo`"


def test_what_runs_is_read_from_its_directory(tmp_path: Path) -> None:
    """A running product gives its first gateway without TLS and its tokens; one that ended counts for nothing."""
    import os

    tokens = tmp_path / "tokens.json"
    tokens.write_text(json.dumps({"gateway": ["g"], "desk": ["d"], "admin": ["a"]}))
    content: dict[str, object] = {
        "pid": os.getpid(),
        "runtime": "process",
        "gateways": {"safe": ["0.0.0.0:1"], "plain": ["0.0.0.0:2"]},
        "tls_gateways": ["safe"],
        "tokens_file": str(tokens),
    }
    (tmp_path / "run.json").write_text(json.dumps(content))
    access = find_running(tmp_path)
    assert access is not None
    assert (("127.0.0.1:2",), "g", "d") == (access.targets, access.gateway_token, access.desk_token)
    (tmp_path / "run.json").write_text(json.dumps({**content, "pid": 2**22 + 1}))
    assert find_running(tmp_path) is None, "its process is gone"
    (tmp_path / "run.json").write_text(json.dumps({**content, "tls_gateways": ["safe", "plain"]}))
    with pytest.raises(ProductUnusable, match="speaks TLS"):
        find_running(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(ProductUnusable, match="cannot be read"):
        find_running(tmp_path)


def test_the_command_plugs_in() -> None:
    """The package names the command where `trunkline` looks for commands of others."""
    import tomllib
    from importlib.metadata import EntryPoint

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    value = project["entry-points"]["trunkline.commands"]["demo"]
    assert command.app is EntryPoint("demo", value, "trunkline.commands").load(), "the typer app of this module"
