"""The sample centre with just as many agents as a run needs, for a product whose every agent is a process.

Kept: nothing else of the sample is changed, so that the same run means the same either way.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import yaml

#: The sample's group of agents that a demo signs in.
GROUP: Final = "demo"
#: How long a literal session, and with it its process, outlives its conversation (s).
RETENTION_S: Final = 60


def sample_size() -> int:
    """How many agents the sample has for a demo."""
    return int(_sample()["agents"][GROUP]["count"])


def resized(agents: int, retention_s: int | None = None) -> str:
    """The sample's YAML with exactly this many agents, all of them for the demo."""
    centre = _sample()
    centre["agents"] = {GROUP: {**centre["agents"][GROUP], "count": agents}}
    # The other profiles would be warned about, as nobody has them any more.
    profile = centre["agents"][GROUP]["routing_profile"]
    centre["routing_profiles"] = {profile: centre["routing_profiles"][profile]}
    if retention_s is not None:
        centre["channels"]["webchat"]["retention_s"] = retention_s
    return yaml.safe_dump(centre, allow_unicode=True, sort_keys=False)


def _sample() -> dict[str, Any]:
    # Read as data: users copy this file too, and load comes through public interfaces only.
    centre: dict[str, Any] = yaml.safe_load(files("cluster.config").joinpath("sample_centre.yaml").read_text(encoding="utf-8"))
    return centre
