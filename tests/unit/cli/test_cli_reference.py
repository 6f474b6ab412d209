"""The reference pages and guides say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from cluster.cli.reference import cli_page, configuration_page
from cluster.config.layout_file import Layout, packaged_layout_file
from cluster.config.load import load_centre

DOCS = Path(__file__).parents[3] / "docs"
HOW_TO = DOCS / "how-to"


@pytest.mark.parametrize(("name", "page"), [("configuration.md", configuration_page), ("cli.md", cli_page)])
def test_reference_pages_are_current(name: str, page: object) -> None:
    """A page that differs is written anew with `python -m cluster.cli.reference docs/reference`."""
    assert callable(page)
    assert page() == (DOCS / "reference" / name).read_text(encoding="utf-8"), f"docs/reference/{name} must be current"


def blocks(name: str) -> list[str]:
    """The YAML examples of a guide."""
    return re.findall(r"```yaml\n(.*?)```", (HOW_TO / name).read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_example_centre_is_valid() -> None:
    """The contact centre of the guide can be copied: no errors, no warnings, and the summary that the guide shows."""
    (text,) = blocks("configure-the-centre.md")
    loaded = load_centre(text)
    assert [] == loaded.warnings, "an example must not need excuses"
    assert (2, 1, 3) == (len(loaded.centre.queues), len(loaded.centre.agents), len(loaded.centre.skills)), "as the guide says"


def test_the_example_layouts_are_valid(tmp_path: Path) -> None:
    """Each layout of the guide is one that Trunkline reads."""
    for number, text in enumerate(blocks("deploy-with-ray.md")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(text, encoding="utf-8")
        assert Layout.load(file, env={}).settings.cluster == "trunkline", f"example {number} must be read"


def test_the_bootstrap_file_is_a_layout(tmp_path: Path) -> None:
    """`ray up` puts its prepared file on the head node as JSON, which `up --layout` reads there."""
    from ray.autoscaler._private.util import prepare_config

    prepared = prepare_config(yaml.safe_load(packaged_layout_file().read_text(encoding="utf-8")))
    file = tmp_path / "ray_bootstrap_config.yaml"
    file.write_text(json.dumps(prepared), encoding="utf-8")
    expected = Layout.load(packaged_layout_file(), env={}).settings
    assert expected == Layout.load(file, env={}).settings, "the same layout on the head node"
