"""Locust's users: each drives one part of the plan in `TRUNKLINE_LOAD_PLAN`, and tells Locust of every duration.

A user asks the master which share of its role it plays, so that each share is played once, wherever its worker runs.
When the conductor says stop, users end and Locust quits.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar, Final

import gevent
import gevent.event
import gevent.pool
import grpc
import grpc.experimental.gevent
from locust import User, events
from locust.runners import WorkerRunner

from loadtest.load.centre import CHAT, VOICE
from loadtest.load.clock import now_ms
from loadtest.load.part import Part
from loadtest.load.plan import CONTROL, read_json, read_plan
from loadtest.load.station import Station
from loadtest.locust.gevent_link import CHANNEL, GeventLink, make_call
from loadtest.locust.users import users_by_role

grpc.experimental.gevent.init_gevent()

PLAN_FILE: Final = Path(os.environ["TRUNKLINE_LOAD_PLAN"])
PLAN: Final = read_plan(PLAN_FILE)
USERS: Final = users_by_role(PLAN)
CALLS_AT_ONCE: Final = 8
LONGEST_MS, SHORTEST_MS = 20.0, 1.0
SHARE_WITHIN_S: Final = 30.0

_given: Counter[str] = Counter()
_answers: dict[str, gevent.event.AsyncResult] = {}


class Player(User):
    """Common to all roles."""

    abstract = True
    role: ClassVar[str]

    def on_start(self) -> None:
        """Take a share and open its links."""
        index = _share_of(self.environment.runner, self.role)
        self._part = Part(PLAN, (self.role,), index, USERS[self.role], PLAN_FILE.parent)
        self._part.recorder.listener = self._told
        self._station = Station(self._part, PLAN_FILE.parent)
        self._channel = grpc.insecure_channel(PLAN.targets[0], options=CHANNEL)
        self._calling = gevent.pool.Pool(CALLS_AT_ONCE)
        self._links = [gevent.spawn(GeventLink(self._part, line).run) for line in self._part.lines]
        gevent.spawn(self._play)

    def wait_time(self) -> float:
        """Locust's own loop has nothing to do: what is due is done by `_play` (s)."""
        return 1.0

    def on_stop(self) -> None:
        """Leave the results, however the run was ended."""
        gevent.killall(self._links)
        self._channel.close()
        self._station.close()

    def _told(self, name: str, ms: float) -> None:
        self.environment.events.request.fire(
            request_type=self.role, name=name, response_time=ms, response_length=0, exception=None, context={}
        )

    def _play(self) -> None:
        part = self._part
        while not self._station.stopped:
            now = now_ms()
            due = part.tick(now)
            self._station.look(now)
            while part.calls and self._calling.free_count():
                self._calling.spawn(make_call, part, self._channel, part.calls.popleft())
            gevent.sleep(min(LONGEST_MS, max(SHORTEST_MS, due - now_ms())) / 1000)


def _idle(_: Any) -> None:
    """Locust wants a task; conversations are not Locust's tasks, because they must not wait for each other."""


class ChatAdapter(Player):
    """Customers who chat."""

    role, fixed_count, tasks = CHAT, USERS[CHAT], [_idle]


class DeskAdapter(Player):
    """Agents."""

    role, fixed_count, tasks = "desk", USERS["desk"], [_idle]


class Administrator(Player):
    """Administrators."""

    role, fixed_count, tasks = "admin", USERS["admin"], [_idle]


if VOICE in USERS:

    class VoiceAdapter(Player):
        """Customers who call."""

        role, fixed_count, tasks = VOICE, USERS[VOICE], [_idle]


def _share_of(runner: Any, role: str) -> int:
    """The next share of a role, which the master counts."""
    if not isinstance(runner, WorkerRunner):
        return _next_share(role)
    number = f"{os.getpid()}-{role}-{len(_answers)}"
    answer = _answers[number] = gevent.event.AsyncResult()
    runner.send_message("share", {"role": role, "number": number})
    return int(answer.get(timeout=SHARE_WITHIN_S))


def _next_share(role: str) -> int:
    share = _given[role]
    _given[role] += 1
    return share


@events.init.add_listener  # type: ignore[untyped-decorator]  # Locust ships no types
def _on_init(environment: Any, **_: Any) -> None:
    runner = environment.runner

    def asked(environment: Any, msg: Any, **_: Any) -> None:
        share = _next_share(msg.data["role"])
        environment.runner.send_message("shared", {**msg.data, "share": share}, client_id=msg.node_id)

    def answered(msg: Any, **_: Any) -> None:
        _answers[msg.data["number"]].set(msg.data["share"])

    if isinstance(runner, WorkerRunner):
        runner.register_message("shared", answered)
        return
    runner.register_message("share", asked)
    gevent.spawn(_quit_when_told, runner)


def _quit_when_told(runner: Any) -> None:
    while (read_json(PLAN_FILE.parent / CONTROL) or {}).get("state") != "stop":
        gevent.sleep(0.2)
    # First the users, who leave their results in on_stop.
    runner.quit()
    if runner.environment.web_ui is not None:
        runner.environment.web_ui.stop()  # Locust's page would wait for the next run.
