"""One chaos run: a product, a load, faults drawn from a seed, and the verdict.

    start -> load flows -> [ strike -> flows again -> pause ] x N -> everybody goes home -> verify

Kept: the same seed draws the same kinds in the same order; a product of its own is ended however the run ends, and its
directory is kept when something was wrong.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateways.sdk import AdminClient, CallFailed, SdkError
from loadtest.chaos.faults import KINDS
from loadtest.chaos.partition import clear_left_behind, why_not
from loadtest.chaos.processes import Processes
from loadtest.chaos.scene import Kind, Scene
from loadtest.chaos.seen import Seen
from loadtest.chaos.small_disk import small_disk
from loadtest.chaos.stepped_clock import DIRECTORY, PLUGIN
from loadtest.chaos.traffic import Load, Traffic
from loadtest.demo.figures import percentile
from loadtest.failures import DemoFailed, ProductUnusable
from loadtest.product import Access, OwnProduct, find_running, free_port, verify

CENTRE: Final = Path(__file__).parents[1] / "bench" / "centre.yaml"
FLOWS_WITHIN_S: Final = 60.0
#: What a kind may cost at most at its 99th percentile (s); told, and no part of the verdict, which a busy machine must
#: not change.
OBJECTIVES: Final = {"host": 3.0, "store": 5.0}
SETTLED_WITHIN_S: Final = 40.0
SPARES: Final = 1
#: What one agent of the benchmark's centre leads at most.
SHOWN_AT_MOST: Final = 50


class RunFailed(DemoFailed):
    """The load could not be kept up, so nothing can be said."""


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for, checked."""

    faults: int = 20
    seconds: float | None = None
    load: Load = field(default_factory=Load)
    kinds: tuple[str, ...] = ()
    seed: int = 1
    pause_s: float = 2.0
    #: The product that runs from here; None to start one.
    attach_to: Path | None = None
    hosts: int = 1
    #: More plug-ins of the layout, for a product of its own.
    plugins: tuple[str, ...] = ()
    #: How long conversations may take to end once no fault comes any more.
    settled_within_s: float = SETTLED_WITHIN_S


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault of a run. Seconds from the start of the load; `silence_s` without any acknowledgement since it was made,
    `after_s` since it was over, `slowest_s` the longest that one event waited for its own."""

    kind: str
    what: str
    at_s: float
    lasted_s: float
    silence_s: float
    after_s: float
    slowest_s: float


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be broken; the last two are set for a product of the run's own."""

    access: Access
    own: OwnProduct | None = None
    #: Where its store's data lies on a disk that can be filled.
    disk: Path | None = None


async def run_chaos(options: Options, tell: Callable[[str], None]) -> dict[str, Any]:
    """Break things and judge.

    Returns:
        The run's JSON document.

    Raises:
        DemoFailed: there is no product to break, or no load on it.
    """
    async with _product(options, tell) as target:
        access, own = target.access, target.own
        clocks = clocks_of(own) if own is not None else None
        traffic = Traffic(access, options.load, _run_name(), options.seed)
        scene = Scene(access, Processes(access), traffic, random.Random(options.seed), target.disk, clocks)  # noqa: S311  # the same faults
        kinds, skipped = possible(scene, options.kinds)
        for name, reason in skipped.items():
            tell(f"{name} is left out: {reason}")
        try:
            await _start(traffic, tell)
            await asyncio.sleep(options.pause_s)
            struck, trouble = await _strike_all(scene, kinds, options, tell)
            tell("everybody goes home")
            await traffic.stop(options.settled_within_s)
            held = await _reservations_held(access, traffic.agents)
        finally:
            await traffic.close()
        problems = _problems(traffic.seen, trouble, held)
        logs = own.log_files() if own is not None else ()
        # Of a product that others use too, nobody can say that nothing is under way.
        settled = own is not None and not problems["stuck"] and not trouble
        report = await verify(access, traffic.seen.evidence(logs, settled=settled))
        document = _document(options, access, struck, skipped, traffic.seen, problems, report)
        if own is not None and not document["ok"]:
            own.keep = True
            tell(f"the product's logs are kept in {own.run_dir}")
    return document


def _problems(seen: Seen, trouble: list[str], held: list[str]) -> dict[str, list[str]]:
    """What must not be, as seen from outside, in words."""
    return {
        "lost": seen.lost(),
        "doubled": seen.twice(),
        "stuck": [*(f"{name} did not end" for name in seen.stuck()), *held],
        "refused": seen.refused,
        "trouble": trouble,
    }


def _document(
    options: Options,
    access: Access,
    struck: Sequence[Struck],
    skipped: dict[str, str],
    seen: Seen,
    problems: dict[str, list[str]],
    report: dict[str, Any],
) -> dict[str, Any]:
    violations, kinds = report["violations"], by_kind(struck)
    return {
        "ok": not violations and not any(problems.values()),
        "seed": options.seed,
        "events_per_s": options.load.events_per_s,
        "runtime": access.runtime,
        "kinds": kinds,
        "objectives": objectives(kinds),
        "faults": [_rounded(fault) for fault in struck],
        "skipped": skipped,
        **{name: found[:SHOWN_AT_MOST] for name, found in problems.items()},
        "counts": {name: len(found) for name, found in problems.items()} | {"violations": len(violations)},
        "stood_still_s": round(seen.pulse.stood_still_s, 1),
        "promises": seen.promises,
        "violations": violations[:SHOWN_AT_MOST],
        "checked": report.get("checked", {}),
        "verified": report.get("counts", {}),
    }


def possible(scene: Scene, wanted: Sequence[str]) -> tuple[list[Kind], dict[str, str]]:
    """The kinds that can be made, of those that are wanted (all if none is named), and why the others cannot.

    Raises:
        ProductUnusable: none can.
    """
    chosen = [kind for kind in KINDS if not wanted or kind.name in wanted]
    skipped = {kind.name: reason for kind in chosen if (reason := kind.why_not(scene))}
    kinds = [kind for kind in chosen if kind.name not in skipped]
    if not kinds:
        raise ProductUnusable(f"no fault can be made here: {'; '.join(f'{name}: {why}' for name, why in skipped.items())}")
    return kinds, skipped


def draw(kinds: Sequence[Kind], seed: int) -> Iterator[Kind]:
    """Kinds without end: first each once, in a random order, then by weight."""
    chance = random.Random(seed)  # noqa: S311  # the same seed is the same story
    yield from chance.sample(kinds, len(kinds))
    while True:
        yield chance.choices(kinds, [kind.weight for kind in kinds])[0]


def by_kind(struck: Sequence[Struck]) -> dict[str, dict[str, float]]:
    """For each kind: how often, how long nothing was acknowledged (s), and the longest wait of one event (s)."""
    found: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(kind.name for kind in KINDS):
        of_kind = [fault for fault in struck if fault.kind == name]
        if of_kind:
            silences = sorted(fault.silence_s for fault in of_kind)
            found[name] = {
                "count": len(of_kind),
                "lasted_s_mean": round(sum(fault.lasted_s for fault in of_kind) / len(of_kind), 3),
                "silence_s_p50": round(percentile(silences, 0.5), 3),
                "silence_s_p99": round(percentile(silences, 0.99), 3),
                "silence_s_max": round(silences[-1], 3),
                "after_s_max": round(max(fault.after_s for fault in of_kind), 3),
                "slowest_s_max": round(max(fault.slowest_s for fault in of_kind), 3),
            }
    return found


def objectives(kinds: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """What was declared for kinds that were made, and whether it was met."""
    return [
        {"kind": name, "silence_s_p99": (cost := kinds[name]["silence_s_p99"]), "at_most_s": most, "met": cost <= most}
        for name, most in OBJECTIVES.items()
        if name in kinds
    ]


async def _start(traffic: Traffic, tell: Callable[[str], None]) -> None:
    tell("customers and agents begin to talk")
    try:
        await traffic.start()
        await traffic.until_flowing(traffic.seen.pulse.now(), 100, FLOWS_WITHIN_S)
    except (SdkError, TimeoutError) as problem:
        reason = str(problem) or type(problem).__name__
        raise RunFailed(
            f"no load could be put on the product: {reason}; it must run the centre of {CENTRE.name} of the benchmark"
        ) from problem


async def _strike_all(
    scene: Scene, kinds: Sequence[Kind], options: Options, tell: Callable[[str], None]
) -> tuple[list[Struck], list[str]]:
    """Every fault, each once the load flows again after the one before; ends early when it does not."""
    began = scene.now()
    struck: list[Struck] = []
    events = max(20, int(options.load.events_per_s / 2))
    seen = scene.traffic.seen
    for number, kind in enumerate(draw(kinds, options.seed), 1):
        if number > options.faults or (options.seconds is not None and scene.now() - began > options.seconds):
            break
        if kind.on_whole:
            await scene.processes.until_whole(options.hosts + SPARES)
        fault = await kind.strike(scene)
        over_at = fault.struck_at + fault.lasted_s
        try:
            await scene.traffic.until_flowing(over_at, events, kind.flows_within_s)
        except (SdkError, TimeoutError) as problem:
            reason = f"{type(problem).__name__} {problem}".strip()
            return struck, [f"after {kind.name} ({fault.what}) the load did not flow in {kind.flows_within_s:g} s: {reason}"]
        await asyncio.sleep(scene.random.uniform(0.5, 1.5) * options.pause_s)
        now = scene.now()
        silence_s, after_s = seen.silence_s(fault.struck_at, now), seen.silence_s(over_at, now)
        slowest_s = seen.slowest_s(fault.struck_at, now)
        struck.append(Struck(kind.name, fault.what, fault.struck_at - began, fault.lasted_s, silence_s, after_s, slowest_s))
        lasted = f", which lasted {fault.lasted_s:.1f} s, {after_s:.2f} s after it" if fault.lasted_s else ""
        tell(f"{number:4}  {kind.name:<14}  silent for {silence_s:5.2f} s  {fault.what}{lasted}")
    return struck, []


async def _reservations_held(access: Access, agents: Sequence[str]) -> list[str]:
    """Agents who still hold a reservation although every conversation ended."""
    held = []
    async with AdminClient(access.targets, access.admin_token) as admin:
        for agent in agents:
            try:
                shown = await admin.show_actor(f"agent/{agent}")
            except CallFailed as problem:
                held.append(f"agent/{agent} cannot be asked: {problem}")
                continue
            keys = [key for key in shown.records if key.startswith("r/")]
            held += [f"agent/{agent} holds {key.removeprefix('r/')}" for key in keys]
    return held


@asynccontextmanager
async def _product(options: Options, tell: Callable[[str], None]) -> AsyncIterator[Target]:
    """What to break."""
    if not why_not():
        await clear_left_behind()
    if options.attach_to is not None:
        access = find_running(options.attach_to)
        if access is None:
            raise ProductUnusable(f"nothing runs from {options.attach_to}; leave --attach out to start a product")
        yield Target(access)
        return
    own = OwnProduct("ray", centre=CENTRE.read_text(encoding="utf-8"), settings=_settings(options))
    clocks = clocks_of(own)
    clocks.mkdir()
    own.added_environment[DIRECTORY] = str(clocks)
    tell("starting a product for this run")
    async with small_disk(own.run_dir / "store") as disk, own as access:
        try:
            yield Target(access, own, disk)
        except DemoFailed:
            own.keep = True  # For its logs.
            raise
    if not own.keep:
        # What was mounted in it could not be removed with the rest.
        shutil.rmtree(own.run_dir, ignore_errors=True)


def _settings(options: Options) -> dict[str, str]:
    """The layout of a product that can be broken in every way."""
    return {
        "hosts": f"{{count: {options.hosts}, spares: {SPARES}}}",
        # A socket cannot be cut; a store on another machine can.
        "store": f"{{url: embedded, port: {free_port()}, over_tcp: true}}",
        "plugins": f"[{', '.join((PLUGIN, *options.plugins))}]",
    }


def clocks_of(own: OwnProduct) -> Path:
    """Where a product's processes read how far their clocks are off."""
    return own.run_dir / "clocks"


def _rounded(fault: Struck) -> dict[str, object]:
    return {
        "kind": fault.kind, "what": fault.what, "at_s": round(fault.at_s, 3), "lasted_s": round(fault.lasted_s, 3),
        "silence_s": round(fault.silence_s, 3), "after_s": round(fault.after_s, 3), "slowest_s": round(fault.slowest_s, 3),
    }  # fmt: skip


def _run_name() -> str:
    """A name that no other run has."""
    return f"chaos-{int(time.time()):x}{os.getpid():x}{secrets.token_hex(2)}"
