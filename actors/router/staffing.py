"""Who is there for each queue: counted as agents speak, told when the first comes or the last leaves.

Keeps: a change costs a look at the queues of its agent; nothing is said before every agent was heard, because a picture
that is half lost looks like a centre where nobody works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from actors.address import Address
from actors.messages.queue import Staffing
from actors.values import Attendance


class Attending:
    """How many agents of each queue are there."""

    def __init__(self) -> None:
        self._queues: dict[Address, tuple[Address, ...]] = {}
        self._attendance: dict[Address, Attendance] = {}
        self._signed_in: Counter[Address] = Counter()
        self._available: Counter[Address] = Counter()
        self._unheard: set[Address] = set()
        self._told: dict[Address, Staffing] = {}
        self._changed: set[Address] = set()

    def ask(self, queues: Iterable[Address], agents: Iterable[Address]) -> None:
        """These queues are to be told, and these agents are about to be heard."""
        self._changed.update(queues)
        self._unheard.update(agents)

    def serves(self, agent: Address, queues: tuple[Address, ...]) -> None:
        """The agent serves these queues now."""
        self._count(agent, -1)
        self._queues[agent] = queues
        self._count(agent, 1)

    def attends(self, agent: Address, attendance: Attendance) -> None:
        """The agent is there now, or not; they were heard."""
        self._unheard.discard(agent)
        if self._attendance.get(agent, Attendance.ABSENT) is not attendance:
            self._count(agent, -1)
            self._attendance[agent] = attendance
            self._count(agent, 1)

    def forget(self, agent: Address) -> None:
        """The agent is no longer one of this router's."""
        self._unheard.discard(agent)
        self._count(agent, -1)
        self._queues.pop(agent, None)
        self._attendance.pop(agent, None)

    @property
    def is_due(self) -> bool:
        """Whether some queue may have to be told something."""
        return bool(self._changed) and not self._unheard

    def news(self) -> list[tuple[Address, Staffing]]:
        """What has changed since the last time, by queue."""
        if not self.is_due:
            return []
        news = []
        for queue in sorted(self._changed):
            now = Staffing(self._signed_in[queue] > 0, self._available[queue] > 0)
            if self._told.get(queue) != now:
                self._told[queue] = now
                news.append((queue, now))
        self._changed.clear()
        return news

    def _count(self, agent: Address, change: int) -> None:
        attendance = self._attendance.get(agent, Attendance.ABSENT)
        if attendance is Attendance.ABSENT:
            return
        for queue in self._queues.get(agent, ()):
            self._signed_in[queue] += change
            self._available[queue] += change if attendance is Attendance.AVAILABLE else 0
            self._changed.add(queue)
