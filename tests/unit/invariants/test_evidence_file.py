"""An evidence file becomes exactly the evidence that it describes, or is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster.errors import ConfigInvalid
from cluster.invariants.evidence import Arrived, Commanded, Evidence, Wrote
from cluster.invariants.evidence_file import read_evidence


def written(directory: Path, content: object) -> Path:
    file = directory / "evidence.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_every_row_is_read(tmp_path: Path) -> None:
    """Rows become the tuples of the evidence; log files are read, and count from the file's directory."""
    (tmp_path / "up.log").write_text("ready", encoding="utf-8")
    content = {
        "arrivals": [["webchat:1", 1000]],
        "messages": [["webchat:1", "q", 1001, "customer"], ["webchat:1", "a", 1002, "agent"]],
        "commands": [["webchat-1", "life", "17", 5, 1003]],
        "customer_texts": ["你好，我的卡丢了"],
        "log_files": ["up.log"],
        "settled": True,
    }
    expected = Evidence(
        arrivals=[Arrived("webchat:1", 1000)],
        messages=[Wrote("webchat:1", "q", 1001, "customer"), Wrote("webchat:1", "a", 1002, "agent")],
        commands=[Commanded("webchat-1", "life", "17", 5, 1003)],
        customer_texts=["你好，我的卡丢了"],
        logs=["ready"],
        settled=True,
    )
    assert expected == read_evidence(written(tmp_path, content)), "nothing is added and nothing dropped"


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    """Every field may be left out."""
    assert Evidence() == read_evidence(written(tmp_path, {})), "no evidence at all"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"arrivals": [["webchat:1", "soon"]]}, "Expected `int`, got `str` - at `$.arrivals[0][1]`"),
        ({"arrival": []}, "unknown field `arrival`"),
        ({"log_files": ["none.log"]}, "none.log cannot be read (No such file or directory)"),
    ],
)
def test_what_is_not_evidence_is_refused(tmp_path: Path, content: object, part: str) -> None:
    """Nothing is judged by half a file."""
    with pytest.raises(ConfigInvalid) as failed:
        read_evidence(written(tmp_path, content))
    assert part in failed.value.detail, "the place is in it"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(ConfigInvalid) as failed:
        read_evidence(tmp_path / "none.json")
    assert f"{tmp_path}/none.json cannot be read" in failed.value.detail, "the path is in it"
