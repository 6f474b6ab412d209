"""The Kubernetes manifests fit the schemas of their kinds, each other, and Trunkline's own layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cluster.config.layout_file import Layout

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "kubernetes"
#: Extracted from the projects' own; strict, so that a misspelt name is found.
SCHEMAS = json.loads(Path(__file__).with_name("kubernetes_schemas.json").read_text())


def manifests() -> list[dict[str, Any]]:
    """Every object of every file."""
    return [item for file in sorted(FOLDER.glob("*.yaml")) for item in yaml.safe_load_all(file.read_text())]


def named(kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by name."""
    return {item["metadata"]["name"]: item for item in manifests() if item["kind"] == kind}


def problems(item: dict[str, Any]) -> list[str]:
    """What the schema of the object's kind says against it."""
    schema = {"$ref": f"#/definitions/{item['kind']}", "definitions": SCHEMAS["definitions"]}
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft7Validator(schema).iter_errors(item)]


@pytest.mark.parametrize("item", manifests(), ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_a_manifest_fits_its_schema(item: dict[str, Any]) -> None:
    """Every field is known, and of the right type."""
    assert problems(item) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda item: item["spec"].update(enableInTreeAutoscalling=True),
        lambda item: item["spec"]["workerGroupSpecs"][0].update(minReplicas="two"),
        lambda item: item["spec"]["workerGroupSpecs"][0]["template"]["spec"].update(containerz=[]),
        lambda item: item["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0].pop("name"),
    ],
)
def test_a_mistake_is_found(spoil: Any) -> None:
    """The schemas are strict enough to see a misspelt field, a wrong type and a missing name."""
    (item,) = named("RayCluster").values()
    spoil(item)
    assert problems(item)


def test_the_manifests_fit_together() -> None:
    """Services select pods that exist, on ports that they open; claims, maps and secrets are those that are there."""
    (cluster,) = named("RayCluster").values()
    groups = {group["groupName"]: group["template"]["spec"] for group in cluster["spec"]["workerGroupSpecs"]}
    for name in ("trunkline-gateway", "trunkline-pages"):
        service = named("Service")[name]["spec"]
        assert service["selector"]["ray.io/cluster"] == cluster["metadata"]["name"]
        (container,) = groups[service["selector"]["ray.io/group"]]["containers"]
        opened = {port["containerPort"] for port in container["ports"]}
        assert {port["port"] for port in service["ports"]} <= opened, f"{name} leads to ports that are open"
    volumes = {volume["name"]: volume for volume in groups["edge"]["volumes"]}
    assert volumes["run"]["persistentVolumeClaim"]["claimName"] in named("PersistentVolumeClaim")
    assert volumes["layout"]["configMap"]["name"] in named("ConfigMap")
    readme = (FOLDER / "README.md").read_text()
    for secret in ("trunkline-store", volumes["tls"]["secret"]["secretName"]):
        assert f" {secret} " in readme, "the reader is told how to make each secret"


def test_the_layout_in_the_manifests_is_one(tmp_path: Path) -> None:
    """Trunkline takes it, and what it listens on is what the edge pod opens."""
    file = tmp_path / "ray_config.yaml"
    file.write_text(named("ConfigMap")["trunkline-layout"]["data"]["ray_config.yaml"])
    layout = Layout.load(file, {}, env={"TRUNKLINE_STORE__URL": "redis://:secret@trunkline-store:6379/0"})
    assert (layout.warnings, layout.settings.ray.address) == ([], "auto")
    (cluster,) = named("RayCluster").values()
    edge = next(group for group in cluster["spec"]["workerGroupSpecs"] if group["groupName"] == "edge")
    (container,) = edge["template"]["spec"]["containers"]
    outside = {int(address.rpartition(":")[2]) for _, _, address in layout.settings.listeners() if address.startswith("0.")}
    assert outside == {port["containerPort"] for port in container["ports"]}
