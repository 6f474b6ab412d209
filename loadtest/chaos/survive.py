"""`trunkline survive`: kills what holds live contacts, and counts how many of them are there afterwards.

    contacts stand -> kill -9 -> (start again) -> everybody writes -> who stands where? -> each contact is led to its end

A contact is recovered if it stands where it stood (the same agent, the same ringing offer, the same place in the queue),
if what it wrote before is still there, and if it then goes on to its end as if nothing had happened.

Exit status: 0 every contact was recovered and the journals are clean; 1 otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console

from loadtest.chaos.contacts import Contacts, NotInTime, Standing, centre
from loadtest.chaos.processes import Processes, family_of, send_signal
from loadtest.chaos.seen import Seen
from loadtest.chaos.traffic import conversation_of
from loadtest.failures import DemoFailed
from loadtest.interruptible import interruptible
from loadtest.product import Access, OwnProduct, is_running, verify

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
GONE_WITHIN_S: Final = 30.0
SHOWN: Final = 10


class Victim(StrEnum):
    """What is killed."""

    HOST = "host"
    PRODUCT = "product"


@app.command("survive")
def survive(
    kill: Annotated[
        Victim, typer.Option(help="`host`: the one that runs most; `product`: every process, Ray's and Valkey included.")
    ] = Victim.HOST,
    contacts: Annotated[int, typer.Option(help="How many contacts are live.", min=6, max=600)] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")] = False,
) -> None:
    """Kill -9 what holds live contacts, and count how many are recovered."""
    live = Console(stderr=as_json, markup=False, highlight=False, soft_wrap=True)
    try:
        document = asyncio.run(interruptible(run(kill, contacts, lambda text: live.print(text, style="dim"))))
    except DemoFailed as failed:
        _failed(live, failed.code, failed.detail, as_json)
    except asyncio.CancelledError:
        _failed(live, "CANCELLED", "interrupted before the verdict", as_json)
    if as_json:
        _print_json(document)
    else:
        for problem in [*document["problems"], *map(str, document["violations"])][:SHOWN]:
            live.print(problem, style="red")
        live.print(
            f"{document['recovered']} of {document['contacts']} contacts recovered after kill -9 of the {kill.value}; "
            f"served again after {document['served_again_s']:.1f} s; {len(document['violations'])} violations",
            style="bold green" if document["ok"] else "bold red",
        )
    if not document["ok"]:
        raise typer.Exit(1)


async def run(kill: Victim, count: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Do it with a product of its own.

    Returns:
        The JSON document; `served_again_s` is when the last contact's message was acknowledged, from the kill on.

    Raises:
        DemoFailed: the contacts could not be brought to where they were to stand.
    """
    own = OwnProduct("ray", centre=centre(count), settings={"hosts": "{count: 1, spares: 1}"})
    tell("starting a product for this run")
    async with own as access:
        room = Contacts(access, count, f"survive-{int(time.time()):x}{secrets.token_hex(2)}")
        try:
            await room.gather()
            before = await room.standing()
            tell(f"{len(room.talking)} talk, {len(room.offered)} are offered, {len(room.waiting)} wait; kill -9")
            struck_at = room.seen.pulse.now()
            await _strike(kill, own, access)
            began_at = room.seen.pulse.now()
            waited = await room.talk(room.everybody)
            after = await room.standing()
            problems = changes(room.everybody, before, after)
            await _lead_to_the_end(room, before, problems)
        finally:
            await room.close()
        report = await verify(access, room.seen.evidence(own.log_files(), settled=True))
        document = _document(kill, room.everybody, problems, room.seen, report["violations"])
        document["served_again_s"] = round(began_at - struck_at + max(waited.values()), 3)
        own.keep = not document["ok"]
    if own.keep:
        tell(f"the product's logs are kept in {own.run_dir}")
    return document


def changes(everybody: list[str], before: Standing, after: Standing) -> dict[str, str]:
    """Who stands elsewhere than before, with words for it."""
    return {
        conversation: f"{conversation} stood at {before.of(conversation)} and stands at {after.of(conversation)}"
        for conversation in everybody
        if before.of(conversation) != after.of(conversation) or not before.of(conversation)
    }


async def _strike(kill: Victim, own: OwnProduct, access: Access) -> None:
    """Kill, and start again what nobody else starts again."""
    if kill is Victim.HOST:
        send_signal(await Processes(access).find("host"), signal.SIGKILL)
        return
    pids = family_of(access.pid)
    for pid in pids:
        send_signal(pid, signal.SIGKILL)
    async with asyncio.timeout(GONE_WITHIN_S):
        while any(is_running(pid) and not _is_dead(pid) for pid in pids):
            await asyncio.sleep(0.05)
    await own.start_again()


def _is_dead(pid: int) -> bool:
    """Whether only its entry is left, which its parent has not read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def _lead_to_the_end(room: Contacts, before: Standing, problems: dict[str, str]) -> None:
    """Accept what rings, then free one agent after the other: who waits must come in the order of their places."""
    expected = [interaction for interaction, _, _ in before.places if conversation_of(interaction) in room.waiting]
    try:
        for agent, desk in room.desks.items():
            for reservation in list(desk.offers):
                await room.accept(agent, reservation)
        await room.until(lambda: all(room.agent_of(name) for name in room.offered), "what rang is accepted")
        first = len(room.offered_in_order)
        for number, interaction in enumerate(expected):
            await _next(room, room.agents[number % len(room.agents)], interaction)
        came = room.offered_in_order[first:]
        for interaction, other in zip(expected, came, strict=True):
            if interaction != other:
                problems.setdefault(conversation_of(interaction), f"{other} was offered in the place of {interaction}")
        await room.talk([name for name in room.everybody if room.agent_of(name)])
        for agent, desk in room.desks.items():
            if desk.talking:
                await room.end(agent)
        await room.until(lambda: not room.seen.stuck(), "every conversation has ended")
    except (NotInTime, ValueError) as problem:
        detail = problem.detail if isinstance(problem, NotInTime) else "an agent who became free was not offered one contact"
        for conversation in room.seen.stuck():
            problems.setdefault(conversation, f"{conversation} did not go on: {detail}")


async def _next(room: Contacts, agent: str, interaction: str) -> None:
    """Free an agent, who is then offered whoever is next, and takes them."""
    offered = len(room.offered_in_order)
    await room.end(agent)
    await room.until(lambda: len(room.offered_in_order) > offered, f"{interaction} is offered")
    [(reservation, _)] = room.desks[agent].offers.items()
    await room.accept(agent, reservation)
    await room.until(lambda: bool(room.desks[agent].talking), f"{agent} leads {interaction}")


def _document(
    kill: Victim, everybody: list[str], problems: dict[str, str], seen: Seen, violations: list[Any]
) -> dict[str, Any]:
    found = [*problems.values(), *seen.lost(), *seen.twice(), *seen.refused]
    return {
        "ok": not found and not violations,
        "killed": kill.value,
        "contacts": len(everybody),
        "recovered": len(everybody) - len(problems),
        "problems": found,
        "violations": violations[:SHOWN],
        "promises": seen.promises,
    }


def _failed(console: Console, code: str, detail: str, as_json: bool) -> NoReturn:
    if as_json:
        _print_json({"error": {"code": code, "detail": detail, "retryable": False, "outcome": "unknown"}})
    else:
        console.print(f"error: {detail}", style="red")
    raise typer.Exit(1)


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2) + os.linesep)
