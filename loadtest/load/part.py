"""A part of a run that one generator plays over its own links: some customers, some agents, or both.

Kept: it reads no clock and no socket, so every generator plays the same; all parts together play each arrival and each
agent exactly once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from loadtest.load.agenda import Agenda
from loadtest.load.calls import Administrators, Call
from loadtest.load.centre import CHAT, VOICE, agents_of
from loadtest.load.customers import Arrival, Customers, arrivals_of
from loadtest.load.desk import Desk
from loadtest.load.plan import Plan
from loadtest.load.recorder import Recorder
from loadtest.load.spool import Spool
from loadtest.load.wire import Wire
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc
from trunkline.gateway.v1 import gateway_pb2, gateway_pb2_grpc

#: The roles of a part: customers by chat, customers by voice, agents, administrators.
ROLES: Final = (CHAT, VOICE, "desk", "admin")


@dataclass(frozen=True, slots=True)
class Line:
    """A link to be driven: its wire, whose token it shows, and the stub whose `Connect` opens it."""

    wire: Wire
    role: str
    stub: type[Any]


class Part:
    """One share of some roles."""

    def __init__(self, plan: Plan, roles: Collection[str], index: int, of: int, directory: Path) -> None:
        self.name = f"{'-'.join(roles) if len(roles) < len(ROLES) else 'all'}-{index}"
        self.plan = plan
        self.agenda = Agenda()
        self.recorder = Recorder()
        self.spool = Spool(directory, self.name)
        self.calls: deque[Call] = deque()
        self.lines: list[Line] = []
        self.customers: list[Customers] = []
        self.desk: Desk | None = None
        self.last_command_at = 0.0
        self._index, self._of = index, of
        self._administrators: Administrators | None = None
        for channel in (CHAT, VOICE):
            if channel in roles and (channel == CHAT or plan.scenario.customers.voice_share):
                self.customers.append(self._customers(channel))
        if "desk" in roles:
            self.desk = self._desk(agents_of(plan.scenario)[index::of])
        if "admin" in roles and index == 0:
            self._administrators = Administrators(plan.scenario, self.agenda, self.recorder, self.calls)

    @property
    def ready(self) -> bool:
        """Whether the run may begin."""
        return self.desk is None or self.desk.ready

    @property
    def finished(self) -> bool:
        """Whether its customers came and went."""
        return all(customers.finished for customers in self.customers)

    @property
    def unsettled(self) -> int:
        """Events whose outcome is not known yet."""
        return sum(len(line.wire) for line in self.lines)

    def begin(self, at: float) -> None:
        """The run begins at this instant."""
        scenario = self.plan.scenario
        self.recorder.begin(at, scenario.windows_s())
        for player in (*self.customers, self.desk, self._administrators):
            if player is not None:
                player.begin(at)
        self.agenda.add(at + scenario.lasts_s * 1000, self._drain)

    def tick(self, now: float) -> float:
        """Do what is due; when to come again at the latest."""
        due = self.agenda.run(now)
        if self.agenda.late_ms is not None:
            self.recorder.duration("generator_lag", now - self.agenda.late_ms, now)
        if due is not None and due <= now:
            return now
        return due if due is not None else now + 1000.0

    def returned(self, line: Line, now: float) -> None:
        """A link is open again after a break."""
        self.recorder.count("reconnected", now)
        if self.desk is not None and line.role == "desk":
            self.desk.returned(now)

    def leave(self, now: float) -> None:
        """Agents go home."""
        if self.desk is not None:
            self.desk.go_home(now)

    def result(self) -> dict[str, Any]:
        """All that it leaves behind beside the evidence."""
        return {
            "recorder": self.recorder.packed(),
            "customers": [row for customers in self.customers for row in customers.rows()],
            "desks": self.desk.rows() if self.desk is not None else [],
        }

    def progress(self) -> dict[str, Any]:
        """How far it is."""
        return {
            "ready": self.ready,
            "finished": self.finished,
            "here": self.desk.here if self.desk is not None else 0,
            "live": sum(customers.live for customers in self.customers),
            "unsettled": self.unsettled,
            "last_command_at": self.last_command_at,
            "counts": dict(self.recorder.counts),
            "said": self.recorder.said,
        }

    def _drain(self, meant_at: float) -> None:
        over_ms = self.plan.scenario.drain_s * 1000
        for customers in self.customers:
            customers.end_all(meant_at, over_ms)
        if self.desk is not None:
            self.desk.end_all(meant_at, over_ms)

    def _customers(self, channel: str) -> Customers:
        scenario = self.plan.scenario
        mine: Any = islice((one for one in arrivals_of(scenario) if _channel_of(one) == channel), self._index, None, self._of)
        wire = Wire(gateway_pb2.AdapterFrame, f"load-{self.plan.run}-{channel}-{self._index}", self.spool)
        customers = Customers(channel, wire, scenario, mine, self.plan.run, self.agenda, self.recorder, self.spool)
        self._add(wire, "gateway", gateway_pb2_grpc.GatewayServiceStub)
        return customers

    def _desk(self, agents: Sequence[str]) -> Desk:
        wire = Wire(desk_pb2.DeskFrame, f"load-{self.plan.run}-desk-{self._index}", self.spool)
        desk = Desk(wire, self.plan.scenario, agents, self.agenda, self.recorder, self.spool, self.calls)
        self._add(wire, "desk", desk_pb2_grpc.DeskServiceStub)
        return desk

    def _add(self, wire: Wire, role: str, stub: type[Any]) -> None:
        told = wire.on_commands

        def noting(commands: Sequence[Any], now: float) -> None:
            self.last_command_at = now
            told(commands, now)

        wire.on_commands = noting
        self.lines.append(Line(wire, role, stub))


def _channel_of(arrival: Arrival) -> str:
    return VOICE if arrival.by_voice else CHAT
