"""Unary calls that a part wants made, and the administrators who ask most of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from loadtest.load.agenda import Agenda
from loadtest.load.recorder import Recorder
from loadtest.load.scenario import Scenario
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc

#: How long any of them may take.
TIMEOUT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Call:
    """One call. The driver makes it and calls `done(answer or None, problem, now)`.

    Attributes:
        role: Whose token it needs: admin or desk.
    """

    stub: type[Any]
    method: str
    request: Any
    role: str
    done: Callable[[Any, str, float], None]


#: What administrators ask in turn.
ASKED: Final = (
    (admin_pb2_grpc.AdminServiceStub, "Status", admin_pb2.StatusRequest(), "admin"),
    (desk_pb2_grpc.DeskServiceStub, "ReadQueues", desk_pb2.ReadQueuesRequest(), "desk"),
    (admin_pb2_grpc.AdminServiceStub, "ConfigHistory", admin_pb2.ConfigHistoryRequest(), "admin"),
    (admin_pb2_grpc.AdminServiceStub, "ListActors", admin_pb2.ListActorsRequest(kind="agent", page_size=50), "admin"),
)


class Administrators:
    """People who look on while it goes on, at a steady beat whatever the answers take."""

    def __init__(self, scenario: Scenario, agenda: Agenda, recorder: Recorder, calls: deque[Call]) -> None:
        self._scenario = scenario
        self._agenda = agenda
        self._recorder = recorder
        self._calls = calls

    def begin(self, at: float) -> None:
        """The run begins at this instant."""
        administrators = self._scenario.administrators
        for number in range(administrators.count):
            offset_s = administrators.every_s * number / administrators.count
            self._agenda.add(at + offset_s * 1000, self._ask, number, at + self._scenario.lasts_s * 1000)

    def _ask(self, meant_at: float, turn: int, until: float) -> None:
        if meant_at >= until:
            return
        stub, method, request, role = ASKED[turn % len(ASKED)]
        self._calls.append(Call(stub, method, request, role, partial(self._answered, meant_at)))
        self._agenda.add(meant_at + self._scenario.administrators.every_s * 1000, self._ask, turn + 1, until)

    def _answered(self, meant_at: float, answer: Any, problem: str, now: float) -> None:
        self._recorder.duration("admin", meant_at, now)
        self._recorder.count("admin_asked", now)
        if answer is None:
            self._recorder.count("admin_failed", now)
            self._recorder.say(f"an administrator got no answer: {problem}")
