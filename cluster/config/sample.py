"""The sample contact centre that is shipped with the product."""

from __future__ import annotations

from importlib.resources import files

from cluster.config.load import LoadedCentre, load_centre

#: What a layout writes instead of a path to mean this one.
SAMPLE = "sample"


def sample_text() -> str:
    """The sample's YAML."""
    return files("cluster.config").joinpath("sample_centre.yaml").read_text(encoding="utf-8")


def sample_centre() -> LoadedCentre:
    """The sample, checked."""
    return load_centre(sample_text(), "sample_centre.yaml")
