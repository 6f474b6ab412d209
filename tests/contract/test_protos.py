"""The wire contracts: what is committed is what the .proto files say, and stays compatible with what was released."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.message import Message

from gateways.server.dialect import ChannelDialect, DeskDialect
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2

PROTOS = Path(__file__).resolve().parents[2] / "protos"
BUF = Path(sys.executable).parent / "buf"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


def test_generated_code_is_what_the_protos_say() -> None:
    """Committed code differs from a fresh generation only if somebody forgot `make protos`."""
    checked = run(sys.executable, PROTOS / "generate.py", "--check")
    assert (checked.stdout, checked.returncode) == ("no drift\n", 0)


def test_drift_is_found(tmp_path: Path) -> None:
    """A changed, a missing and a left-over file must each be named, or drift would go unseen."""
    copy = tmp_path / "protos"
    shutil.copytree(PROTOS, copy)
    (copy / "trunkline/link/v1/link_pb2.pyi").unlink()
    (copy / "trunkline/link/v1/old_pb2.py").write_text("")
    with (copy / "trunkline/desk/v1/desk_pb2.py").open("a") as file:
        file.write("# changed\n")
    checked = run(sys.executable, copy / "generate.py", "--check")
    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        "missing: trunkline/link/v1/link_pb2.pyi",
        "left over: trunkline/link/v1/old_pb2.py",
        "differs: trunkline/desk/v1/desk_pb2.py",
        "run `make protos` and commit the result",
    ]


def test_protos_are_clean() -> None:
    """Buf's standard rules hold and every field is commented, because adapter writers read nothing else."""
    linted = run(BUF, "lint", PROTOS)
    assert (linted.stdout, linted.returncode) == ("", 0)


def test_protos_are_compatible_with_the_baseline() -> None:
    """An adapter built against the last release must go on working."""
    broken = run(BUF, "breaking", PROTOS, "--against", PROTOS / "baseline.binpb")
    assert (broken.stdout, broken.returncode) == ("", 0)


def test_an_incompatible_change_is_found(tmp_path: Path) -> None:
    """Taking a field away must be noticed, or the check above would be worth nothing."""
    copy = tmp_path / "protos"
    shutil.copytree(PROTOS, copy)
    link = copy / "trunkline/link/v1/link.proto"
    link.write_text(link.read_text().replace("  uint64 resume_after = 4;\n", "  reserved 4;\n"))
    broken = run(BUF, "breaking", copy, "--against", PROTOS / "baseline.binpb")
    assert broken.returncode != 0
    assert 'field "4" with name "resume_after"' in broken.stdout


@pytest.mark.parametrize(
    ("promised", "event"),
    [(ChannelDialect.capabilities, gateway_pb2.Event()), (DeskDialect.capabilities, desk_pb2.Event())],
    ids=["channel", "desk"],
)
def test_capabilities_are_bodies(promised: Sequence[str], event: Message) -> None:
    """A gateway may only promise to route events that exist."""
    bodies = {field.name for field in event.DESCRIPTOR.oneofs_by_name["body"].fields}
    assert set(promised) - bodies == set()


def test_links_of_both_services_are_framed_alike() -> None:
    """One link machinery speaks both services, so their frames must agree in number and name of every shared field."""
    pairs = [
        (gateway_pb2.AdapterFrame.DESCRIPTOR, desk_pb2.DeskFrame.DESCRIPTOR),
        (gateway_pb2.GatewayFrame.DESCRIPTOR, desk_pb2.DeskGatewayFrame.DESCRIPTOR),
    ]
    for channel, desk in pairs:
        assert [(f.number, f.name) for f in channel.fields] == [(f.number, f.name) for f in desk.fields]
    for name in ("seq", "id", "created_at", "deadline_at"):
        fields = [event.DESCRIPTOR.fields_by_name[name].number for event in (gateway_pb2.Event, desk_pb2.Event)]
        assert fields[0] == fields[1], f"Event.{name} must have one number in both services"
