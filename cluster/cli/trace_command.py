"""`trunkline trace`: the story of one interaction, from the journals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.output import Json, print_json, say
from cluster.cli.where import Archive, Cluster, RunDir, Store, find_history
from cluster.errors import TrunklineError

if TYPE_CHECKING:
    from cluster.cli.story import Story, Told
    from cluster.store import Store as OpenStore


class NoSuchInteraction(TrunklineError):
    """The journals know nothing of it."""

    code = "NOT_FOUND"


def trace(
    interaction: Annotated[str, typer.Argument(help="Its id, such as webchat:5f2c/1; or a conversation's for all of its.")],
    text: Annotated[bool, typer.Option("--text", help="Also show what people wrote.")] = False,
    otlp: Annotated[
        Path | None, typer.Option("--otlp", metavar="FILE", help="Write it as an OpenTelemetry trace (OTLP, JSON) instead.")
    ] = None,
    otlp_endpoint: Annotated[
        str | None,
        typer.Option("--otlp-endpoint", metavar="URL", help="Send that trace to a collector, such as http://127.0.0.1:4318."),
    ] = None,
    otlp_header: Annotated[
        list[str] | None,
        typer.Option("--otlp-header", metavar="NAME=VALUE", help="A header for the collector; may be given several times."),
    ] = None,
    store: Store = None,
    cluster: Cluster = None,
    run_dir: RunDir = None,
    archive: Archive = None,
    as_json: Json = False,
) -> None:
    """Tell the story of one interaction: who waited, who was asked, who served, and when."""
    access = find_history(store, cluster, run_dir, archive)
    from actors.address import Placement
    from cluster.cli.journal_search import JournalSearch
    from cluster.cli.store_access import with_store
    from cluster.cli.story import tell

    run = access.run
    placement = Placement(run.shards, run.pinned_kinds) if run is not None else None
    plugins = tuple(run.plugins) if run is not None else ()

    events: dict[str, list[Told]] = {}

    async def read(opened: OpenStore) -> list[Story]:
        search = JournalSearch(opened, placement, plugins)
        number = interaction.rpartition("/")[2]
        ids = [interaction] if "/" in interaction and number.isdigit() else await search.interactions_of(interaction)
        stories = []
        for one in ids:
            found = await search.find(one)
            if found.events:
                events[one] = found.events
                stories.append(tell(one, found.events, found.texts if text else None))
        return stories

    stories = with_store(access, read)
    if not stories:
        raise NoSuchInteraction(f"the journals know no interaction {interaction!r}; is this the right store and id?")
    if otlp is not None or otlp_endpoint is not None:
        _export(events, access.cluster, otlp, otlp_endpoint, otlp_header or [], as_json)
        return
    if as_json:
        print_json({"interactions": [_as_json(story) for story in stories]})
        return
    for story in stories:
        _tell(story)


def _export(
    events: dict[str, list[Told]],
    cluster: str,
    file: Path | None,
    endpoint: str | None,
    headers: list[str],
    as_json: bool,
) -> None:
    from importlib.metadata import version

    from cluster.cli.otlp import request_of, spans_of, trace_id_of
    from cluster.cli.otlp_export import post, write

    request = request_of(events, version("trunkline"), cluster)
    done: dict[str, object] = {"traces": {one: trace_id_of(one) for one in events}}
    done["spans"] = sum(len(spans_of(one, told)) for one, told in events.items())
    if file is not None:
        write(file, request)
        done["file"] = str(file)
    if endpoint is not None:
        done["endpoint"] = post(endpoint, headers, request)
    if as_json:
        print_json(done)
        return
    for one in events:
        say(f"{one}  trace {trace_id_of(one)}", style="bold")
    say(f"{done['spans']} spans are in {' and at '.join(str(done[key]) for key in ('file', 'endpoint') if key in done)}")


def _as_json(story: Story) -> dict[str, object]:
    return {
        "interaction": story.interaction,
        "channel": story.channel,
        "state": story.state,
        "reason": story.reason,
        "started_at": story.started_at,
        "connected_after_ms": story.connected_at - story.started_at if story.connected_at else None,
        "ended_after_ms": story.ended_at - story.started_at if story.ended_at else None,
        "events": [line.as_json(story.started_at) for line in story.lines],
    }


def _tell(story: Story) -> None:
    from datetime import datetime

    begun = datetime.fromtimestamp(story.started_at / 1000).astimezone().isoformat(" ", "seconds")
    say(f"{story.interaction}  {story.channel}  {begun}", style="bold")
    width = max(len(line.by) for line in story.lines)
    for line in story.lines:
        say(f"{(line.at - story.started_at) / 1000:>+10.3f} s  {line.by:<{width}}  {line.what}")
    if story.connected_at:
        say(f"an agent came after {(story.connected_at - story.started_at) / 1000:.3f} s", style="dim")
    lasted = f"it lasted {(story.ended_at - story.started_at) / 1000:.3f} s" if story.ended_at else "it is still going on"
    say(lasted, style="dim")
