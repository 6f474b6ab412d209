"""`trunkline interactions`: who waits, and what a supervisor does about it: push, pull, requeue, prioritise.

Invariants kept: a command is carried out once, by an id of its own; with --leg it is refused when the interaction has
moved on since it was looked at.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.cli.output import Json, ago, note, pairs, print_json, table
from cluster.cli.where import CaFile, ClientCert, Gateway, GatewayAccess, RunDir, TokenFile, find_gateway, login

if TYPE_CHECKING:
    from cluster.cli.admin import AdminClient

app = typer.Typer(no_args_is_help=True, help="Show who waits; move customers to queues and agents.")

Id = Annotated[str, typer.Argument(help="The interaction, such as webchat:c7/1.")]
Leg = Annotated[int, typer.Option("--leg", help="Refuse unless it is on this leg; 0 for whichever it is on.", min=0)]
Author = Annotated[str | None, typer.Option(help="Who; your login name when left out.")]
AtEnd = Annotated[bool, typer.Option("--at-end", help="Behind all who wait there, rather than in the place of their wait.")]
FallbackS = Annotated[
    float | None, typer.Option(help="Ask others after this many seconds, 0 never; 60 when left out.", min=0, show_default=False)
]


@app.command("list")
def list_waiting(
    queue: Annotated[str, typer.Option(help="Only this queue.")] = "",
    limit: Annotated[int, typer.Option(help="At most this many of each queue.", min=1, max=1000)] = 100,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """List who waits, queue by queue in the order of service, and at whom they ring."""
    with _client(find_gateway(gateway, token_file, ca_file, client_cert, run_dir)) as client:
        answer = client.list_interactions(queue, limit)
    rows = [
        {
            "interaction": one.interaction, "queue": one.queue, "channel": one.channel, "leg": one.leg,
            "priority": one.priority, "enqueued_at": one.enqueued_at, "ringing_at": list(one.ringing_at),
        }
        for one in answer.interactions
    ]  # fmt: skip
    if as_json:
        print_json({"interactions": rows, "total": answer.total})
        return
    now_ms = int(time.time() * 1000)
    table(
        "", ["interaction", "queue", "channel", "leg ", "priority ", "waits ", "rings at"],
        [
            (one.interaction, one.queue, one.channel, one.leg, one.priority, ago(one.enqueued_at, now_ms),
             ", ".join(one.ringing_at))
            for one in answer.interactions
        ],
    )  # fmt: skip
    note(f"{answer.total} wait" + ("" if len(rows) == answer.total else f"; the first {len(rows)} are listed"))


@app.command()
def show(
    interaction: Id,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Show where an interaction stands, and on which leg."""
    with _client(find_gateway(gateway, token_file, ca_file, client_cert, run_dir)) as client:
        _tell(client.show_interaction(interaction), as_json)


@app.command()
def push(
    interaction: Id,
    agent: Annotated[str, typer.Option(help="The agent to offer it to, who serves the queue.")],
    queue: Annotated[str, typer.Option(help="The queue to wait in; the present one when left out.")] = "",
    fallback_s: FallbackS = None,
    leg: Leg = 0,
    author: Author = None,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Have a waiting customer offered to one agent, as soon as that agent has room."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    _move(access, as_json, author, interaction, queue=queue, agent=agent, fallback_s=fallback_s, leg=leg, standing="waiting")


@app.command()
def pull(
    interaction: Id,
    agent: Annotated[str, typer.Option(help="The agent to offer it to; whoever is free when left out.")] = "",
    queue: Annotated[str, typer.Option(help="The queue to wait in; the one they came from when left out.")] = "",
    fallback_s: FallbackS = None,
    leg: Leg = 0,
    author: Author = None,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Take a customer from the agent who serves them, for another agent or whoever is free."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    _move(access, as_json, author, interaction, queue=queue, agent=agent, fallback_s=fallback_s, leg=leg, standing="served")


@app.command()
def requeue(
    interaction: Id,
    queue: Annotated[str, typer.Option(help="The queue to wait in.")],
    at_end: AtEnd = False,
    leg: Leg = 0,
    author: Author = None,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Move a customer who waits or is served to a queue, where their wait so far counts unless --at-end is given."""
    access = find_gateway(gateway, token_file, ca_file, client_cert, run_dir)
    _move(access, as_json, author, interaction, queue=queue, at_end=at_end, leg=leg)


@app.command()
def priority(
    interaction: Id,
    priority: Annotated[int, typer.Argument(help="The new priority; a higher one is served first.", min=0, max=1000)],
    leg: Leg = 0,
    gateway: Gateway = None,
    token_file: TokenFile = None,
    ca_file: CaFile = None,
    client_cert: ClientCert = None,
    run_dir: RunDir = None,
    as_json: Json = False,
) -> None:
    """Let a customer go before, or after, others from here on."""
    with _client(find_gateway(gateway, token_file, ca_file, client_cert, run_dir)) as client:
        _tell(client.set_priority(interaction, priority, leg), as_json)


def _client(access: GatewayAccess) -> AdminClient:
    # Imported late: gRPC takes longer than the rest of a command that only shows its help.
    from cluster.cli.admin import AdminClient

    return AdminClient(access)


def _move(
    access: GatewayAccess,
    as_json: bool,
    author: str | None,
    interaction: str,
    *,
    queue: str = "",
    agent: str = "",
    fallback_s: float | None = None,
    at_end: bool = False,
    leg: int = 0,
    standing: str = "",
) -> None:
    fallback_ms = None if fallback_s is None else round(fallback_s * 1000)
    with _client(access) as client:
        moved = client.move_interaction(
            uuid.uuid4().hex, author or login(), interaction, queue, agent, fallback_ms, at_end, leg, standing
        )
    _tell(moved, as_json)


def _tell(one: Any, as_json: bool) -> None:
    from trunkline.admin.v1 import admin_pb2

    facts = {
        "interaction": one.interaction,
        "channel": one.channel,
        "standing": admin_pb2.Standing.Name(one.standing).removeprefix("STANDING_").lower(),
        "leg": one.leg,
        "queue": one.queue,
        "priority": one.priority,
        "enqueued_at": one.enqueued_at,
        "agent": one.agent,
        "reason": one.reason,
    }
    if as_json:
        print_json(facts)
    else:
        pairs({name: value for name, value in facts.items() if value or name == "priority"})
