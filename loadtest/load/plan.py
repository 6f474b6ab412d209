"""What a generator process needs to know: one file, readable by its owner only, because it holds tokens.

The directory of the plan is also where the conductor and its parts meet: `control.json` says what to do now,
`progress-<part>.json` how far each is, `result-<part>.json` and the evidence are what each leaves behind.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from loadtest.load.scenario import Scenario

PLAN = "plan.json"
CONTROL = "control.json"


class Plan(BaseModel):
    """A run. `run` is in every conversation's name, so that no two runs meet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str
    scenario: Scenario
    targets: tuple[str, ...]
    tokens: dict[str, str] = Field(repr=False)


def write_plan(directory: Path, plan: Plan) -> Path:
    """Write the plan into a run's directory."""
    file = directory / PLAN
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:  # noqa: PTH123
        out.write(plan.model_dump_json())
    return file


def read_plan(file: Path) -> Plan:
    """Read it again."""
    return Plan.model_validate_json(file.read_bytes())


def write_json(file: Path, document: Any) -> None:
    """Write a file that others read, as a whole or not at all."""
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    fresh.replace(file)


def read_json(file: Path) -> Any:
    """Read such a file; None if it is not there."""
    try:
        return json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
