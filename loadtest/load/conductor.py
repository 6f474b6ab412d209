"""Conducts a run: starts the generators, lets them begin together, watches, and collects what they leave.

Kept: whatever happens, every generator that was started is ended; a run ends, at the latest, when its patience does.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.failures import ProductUnusable
from loadtest.load.clock import now_ms
from loadtest.load.figures import Look
from loadtest.load.plan import CONTROL, PLAN, Plan, read_json, write_json
from loadtest.load.processes import Processes
from loadtest.load.promises import Judged, judge
from loadtest.load.recorder import Recorder
from loadtest.locust.users import users_of

STEP_S: Final = 0.2
LOOK_EVERY_S: Final = 1.0
#: How long agents may take to sign in: this, and so much for each.
READY_WITHIN_S, READY_EACH_S = 60.0, 0.1
BEGIN_AFTER_MS: Final = 500.0
#: Quiet is: nothing came for so long.
QUIET_MS: Final = 1_500.0
QUIET_WITHIN_S: Final = 30.0
STOPPED_WITHIN_S: Final = 30.0
ENDED_BADLY: Final = "a generator ended with status {status}: {said}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all parts together left."""

    recorder: Recorder
    judged: Judged
    looks: list[Look]


@dataclass(frozen=True, slots=True)
class Board:
    """How a run stands now."""

    state: str
    at_s: float
    here: int
    live: int
    unsettled: int
    counts: Counter[str]
    look: Look | None


class Conductor:
    """One run in a directory of its own, whose plan is written."""

    def __init__(self, plan: Plan, directory: Path, product_pid: int, show: Callable[[Board], None]) -> None:
        self._plan = plan
        self._directory = directory
        self._product_pid = product_pid
        self._show = show
        self._programs: list[asyncio.subprocess.Process] = []
        self._processes = Processes(product_pid, ())
        self._looks: list[Look] = []
        self._state = "signing in"
        self._began_at = 0.0

    async def conduct(self, commands: list[list[str]], parts: int, page: bool = False) -> Outcome:
        """Run these generator programs until all is played.

        Args:
            parts: How many parts they make together.
            page: Somebody starts the run by hand, so its begin is waited for without limit.

        Raises:
            ProductUnusable: the agents could not sign in, or a generator failed.
        """
        scenario = self._plan.scenario
        try:
            for number, command in enumerate(commands):
                self._programs.append(await self._start(command, number))
            self._processes = Processes(self._product_pid, [program.pid for program in self._programs])
            ready_s = READY_WITHIN_S + READY_EACH_S * scenario.agents.count
            if not await self._until(
                lambda told: len(told) >= parts and all(part["ready"] for part in told), None if page else ready_s
            ):
                raise ProductUnusable(
                    f"not everybody was signed in after {ready_s:g} s: {self._said() or 'no reason was told'}"
                )
            self._began_at = now_ms() + BEGIN_AFTER_MS
            self._say("begin", at=self._began_at)
            most_s = scenario.lasts_s + scenario.drain_s + scenario.patience_after_s
            await self._until(lambda told: all(part["state"] == "begin" and part["finished"] for part in told), most_s)
            self._say("leave")
            await self._until(self._quiet, QUIET_WITHIN_S)
            self._say("stop")
            with suppress(TimeoutError):  # Whoever does not end by itself is ended below, and missed if it left no result.
                await asyncio.wait_for(asyncio.gather(*(program.wait() for program in self._programs)), STOPPED_WITHIN_S)
        finally:
            await self._end()
        return self._collect(parts)

    async def _start(self, command: list[str], number: int) -> asyncio.subprocess.Process:
        with (self._directory / f"generator-{number}.log").open("wb") as log:
            # In a session of its own, so that Ctrl-C reaches the conductor, who ends it in good order.
            return await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment()
            )

    def _say(self, state: str, **more: Any) -> None:
        self._state = state
        write_json(self._directory / CONTROL, {"state": state, **more})

    async def _until(self, done: Callable[[list[dict[str, Any]]], bool], within_s: float | None) -> bool:
        """Watch until it is done; whether it was in time."""
        waited_s, next_look_s = 0.0, 0.0
        while within_s is None or waited_s < within_s:
            told = [read_json(file) for file in self._directory.glob("progress-*.json")]
            if done([part for part in told if part is not None]):
                return True
            if waited_s >= next_look_s:
                next_look_s += LOOK_EVERY_S
                self._look(told)
            self._check()
            await asyncio.sleep(STEP_S)
            waited_s += STEP_S
        return False

    def _quiet(self, told: list[dict[str, Any]]) -> bool:
        now = now_ms()
        return all(
            part["state"] == "leave" and not part["unsettled"] and now - part["last_command_at"] > QUIET_MS for part in told
        )

    def _look(self, told: list[dict[str, Any]]) -> None:
        counts: Counter[str] = Counter()
        for part in told:
            counts.update(part["counts"])
        live, unsettled = sum(part["live"] for part in told), sum(part["unsettled"] for part in told)
        at_s = (now_ms() - self._began_at) / 1000 if self._began_at else 0.0
        look = Look(at_s, live, unsettled, self._processes.look())
        if self._state == "begin" or not self._looks:
            self._looks.append(look)
        elif self._state == "signing in":
            self._looks[0] = look  # The last look before the begin is what growth is measured from.
        self._show(Board(self._state, at_s, sum(part["here"] for part in told), live, unsettled, counts, look))

    def _check(self) -> None:
        for number, program in enumerate(self._programs):
            if program.returncode is not None and self._state != "stop":
                said = (self._directory / f"generator-{number}.log").read_text(errors="replace")[-1500:]
                raise ProductUnusable(ENDED_BADLY.format(status=program.returncode, said=said.strip()))

    def _said(self) -> str:
        told = [read_json(file) for file in self._directory.glob("progress-*.json")]
        return "; ".join(sorted({what for part in told if part for what in part["said"]})[:5])

    async def _end(self) -> None:
        for program in self._programs:
            if program.returncode is None:
                program.terminate()
                try:
                    await asyncio.wait_for(program.wait(), STOPPED_WITHIN_S)
                except TimeoutError:
                    program.kill()
                    await program.wait()

    def _collect(self, parts: int) -> Outcome:
        results = [read_json(file) for file in sorted(self._directory.glob("result-*.json"))]
        if len(results) != parts:
            raise ProductUnusable(
                f"{len(results)} of {parts} parts left a result; the generators' logs are in {self._directory}"
            )
        recorder = Recorder()
        for result in results:
            recorder.merge(result["recorder"])
        judged = judge(
            (row for result in results for row in result["customers"]), (row for result in results for row in result["desks"])
        )
        return Outcome(recorder, judged, self._looks)


def lean_commands(plan: Plan, directory: Path) -> tuple[list[list[str]], int]:
    """The lean generator's programs, and how many parts they make."""
    workers = plan.scenario.workers
    file = str(directory / PLAN)
    return [[sys.executable, "-m", "loadtest.load.lean", file, str(index)] for index in range(workers)], workers


def locust_commands(plan: Plan, directory: Path, page: str) -> tuple[list[list[str]], int]:
    """Locust's programs: one, or a master and its workers; each role has one part for each worker."""
    workers = plan.scenario.workers
    base = [sys.executable, "-m", "loadtest.locust", str(directory / PLAN)]
    first = [*base, "--page", page] if page else base
    parts = users_of(plan)
    if workers == 1:
        return [first], parts
    return [[*first, "--master"], *([*base, "--worker"] for _ in range(workers))], parts


def environment() -> dict[str, str]:
    """Of generators: nothing but grpc's errors in their logs."""
    return {**os.environ, "GRPC_VERBOSITY": "ERROR"}
