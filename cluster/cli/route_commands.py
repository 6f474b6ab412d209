"""`trunkline route`: who would get an interaction now, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.output import Json, print_json, say, table
from cluster.cli.where import CaFile, ClientCert, Gateway, RunDir, TokenFile, find_gateway

if TYPE_CHECKING:
    from trunkline.admin.v1 import admin_pb2

app = typer.Typer(no_args_is_help=True, help="Ask the router what it would do.")


@app.callback()
def route() -> None:
    """Ask the router what it would do."""


@app.command("explain")
def explain(
    interaction: Annotated[str, typer.Option("--interaction", help="One that waits, such as webchat:5f2c/1.")] = "",
    queue: Annotated[str, typer.Option("--queue", help="The queue of one that might come.")] = "",
    channel: Annotated[str, typer.Option("--channel", help="The channel of one that might come.")] = "",
    skill: Annotated[list[str] | None, typer.Option("--skill", metavar="NAME=LEVEL", help="A skill it asks for.")] = None,
    where: Annotated[str, typer.Option("--where", help="An expression that must be true of the agent.")] = "",
    priority: Annotated[int, typer.Option("--priority", help="Its priority.", min=0, max=1000)] = 0,
    waited_s: Annotated[float, typer.Option("--waited", metavar="SECONDS", help="How long it would have waited.", min=0)] = 0,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Say who would get an interaction now, who would come next, and why the others would not."""
    skills = dict(map(_skill, skill or []))
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    from cluster.cli.admin import AdminClient

    with AdminClient(access) as admin:
        found = admin.explain_route(interaction, queue, channel, skills, where, priority, round(waited_s * 1000))
    if as_json:
        from google.protobuf import json_format

        shown = json_format.MessageToDict(found, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
        print_json(shown)
        return
    _tell(found)


def _skill(text: str) -> tuple[str, int]:
    name, _, level = text.partition("=")
    if not name or not (level or "1").isdigit():
        raise typer.BadParameter(f"{text!r} is no skill; write it like cards=3")
    return name, int(level or 1)


def _tell(found: admin_pb2.ExplainRouteResponse) -> None:
    rings = [f"ring {number} asks for {ring}" for number, ring in enumerate(found.rings, 1)]
    say("; ".join(rings) if len(rings) > 1 else f"asks for {found.rings[0]}", style="bold")
    say(f"chosen by {found.choice}; {found.ahead} of its queue go first")
    free = [candidate for candidate in found.candidates if candidate.reason == "free"]
    if not free:
        say("nobody could be asked now", style="yellow")
    rows = [(candidate.agent, str(candidate.ring or ""), candidate.words) for candidate in found.candidates]
    table("", ["agent", "ring", "why"], rows)
    say(", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(found.counts.items())), style="dim")
