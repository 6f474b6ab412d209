"""The doctor's look at the store: can it be reached, how fast, and does it keep what it accepts."""

from __future__ import annotations

import asyncio

from cluster.cli.checks import Finding
from cluster.store.base import StoreUnavailable
from cluster.store.durability import Durability, read_durability
from cluster.store.url import StoreUrlInvalid, parse_url

#: appendfsync -> what a crash can lose.
LOSES = {"everysec": "a power loss can lose two seconds", "no": "a power loss can lose half a minute"}


def store_findings(url: str) -> list[Finding]:
    """Look at the store behind a URL."""
    try:
        found = asyncio.run(read_durability(url))
    except StoreUrlInvalid as error:
        return [Finding("store", "fail", str(error), "correct store.url in the layout")]
    except StoreUnavailable as error:
        return [Finding("store", "fail", str(error), "start it, or correct store.url in the layout")]
    answers = Finding("store", "ok", f"{parse_url(url)} answers in {found.round_trip_s * 1000:.1f} ms")
    return [answers, graded(found)]


def graded(found: Durability) -> Finding:
    """What these settings can lose, and what to set instead."""
    name = "store durability"
    if found.appendfsync is None:
        advice = "make sure that it writes an append-only file with appendfsync always, and evicts nothing"
        return Finding(name, "warn", "the server does not let its settings be read", advice)
    if found.eviction not in (None, "noeviction"):
        advice = "set maxmemory-policy noeviction: evicting deletes accepted conversations"
        return Finding(name, "fail", f"maxmemory-policy {found.eviction}", advice)
    if found.appendonly != "yes":
        return Finding(name, "fail", "appendonly no", "set appendonly yes: a restart would lose everything")
    if found.appendfsync != "always":
        detail = f"appendfsync {found.appendfsync}: {LOSES.get(found.appendfsync, 'what a crash loses is not known')}"
        return Finding(name, "warn", detail, "set appendfsync always to lose nothing")
    return Finding(name, "ok", "appendfsync always: what is accepted is on disk")
