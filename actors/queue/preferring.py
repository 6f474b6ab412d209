"""Who is to serve a newcomer before anybody else: the customer's own agent, or whoever served them last.

    session              queue                 customer      agent
      | Enqueue ---------> | (at the door)        |            |
      |                    | AskLastAgent ------> |            |   unless the customer has an agent of their own
      |                    | <--------- LastAgent |            |
      |                    | MayBePreferred -----------------> |
      |                    | <--------------------- Preferable |   there, and able to
      |                    | enters: a ring in front, of this agent alone, for a time

Keeps: whoever is at the door enters at the latest after a declared time, whether anybody answered or not; nobody is both
at the door and in the queue; a wish that cannot be met costs no wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from actors.actor import Turn, on
from actors.address import address, name_of
from actors.events import Preferred
from actors.messages.agent import MayBePreferred
from actors.messages.centre import Prefer
from actors.messages.customer import AskLastAgent
from actors.messages.queue import Enqueue, LastAgent, Preferable
from actors.queue.holding import Holding
from actors.queue.records import DOOR_PREFIX, AtDoor, Wish
from actors.queue.relaxing import first_ring
from actors.values import Attendance, Customer, Preference

#: The timer of whoever is at the door.
DOOR = "door"


class Preferring(Holding):
    """The half of a queue that finds somebody in particular; `actors.queue.queue.Queue` adds the rest."""

    if TYPE_CHECKING:  # The other half.

        def _enter(self, message: Enqueue, turn: Turn, because: Preference | None = None) -> None: ...

    def _seek(self, message: Enqueue, turn: Turn) -> bool:
        """Whether the newcomer stays at the door until it is known whom to prefer."""
        setting = self.setting
        prefer = setting.config.prefer if setting is not None and not setting.retired else None
        if prefer is None or message.requirement.agent or message.asks or message.leg != 1 + len(message.moved_from):
            return False
        wishes = wishes_of(prefer, message.customer)
        place = self.place(message.interaction)
        if not wishes or (place is not None and place.leg >= message.leg):
            return False
        turn.set_timer(f"{DOOR}/{message.interaction}", turn.now + prefer.answer_ms)
        self._pursue(AtDoor(message, wishes), turn)
        return True

    def _door(self, interaction: str, leg: int = 0) -> AtDoor | None:
        """Who stands at the door, on this leg (0: on any)."""
        door = cast("AtDoor | None", self.records.get(DOOR_PREFIX + interaction))
        return door if door is None or leg in (0, door.enqueue.leg) else None

    def _leave_door(self, door: AtDoor, turn: Turn) -> None:
        turn.drop(DOOR_PREFIX + door.enqueue.interaction)
        turn.cancel_timer(f"{DOOR}/{door.enqueue.interaction}")

    @on(LastAgent)
    def last_agent(self, message: LastAgent, turn: Turn) -> None:
        """The customer knows who it was, or that it was nobody."""
        door = self._door(message.interaction, message.leg)
        if door is None or door.wishes[0] != Wish(Preference.LAST):
            return
        found = (Wish(Preference.LAST, name_of(message.agent)),) if message.agent else ()
        self._pursue(replace(door, wishes=(*found, *door.wishes[1:])), turn)

    @on(Preferable)
    def preferable(self, message: Preferable, turn: Turn) -> None:
        """The agent says whether they are there and able to."""
        door, setting = self._door(message.interaction, message.leg), self.setting
        if door is None or setting is None or door.wishes[0].agent != name_of(message.agent):
            return
        prefer, wish = setting.config.prefer, door.wishes[0]
        if prefer is None:
            return self._open_door(door, turn)
        is_there = message.attendance is not Attendance.ABSENT or not prefer.only_if_signed_in
        until = turn.now + prefer.for_ms if message.serves and is_there else 0
        missing = None if until or not message.serves else message.attendance
        enqueue = door.enqueue
        preferred = Preferred(turn.address, enqueue.interaction, enqueue.leg, wish.because, message.agent, until, missing)
        turn.emit(preferred)
        if not until:
            return self._pursue(replace(door, wishes=door.wishes[1:]), turn)
        self._leave_door(door, turn)
        asked = replace(enqueue.requirement, agent=wish.agent)
        self._enter(replace(enqueue, requirement=asked, fallback_at=until), turn, wish.because)

    def door_timed_out(self, interaction: str, turn: Turn) -> None:
        """Whoever should know did not answer in time: enter without."""
        door = self._door(interaction)
        if door is not None:
            enqueue, wish = door.enqueue, door.wishes[0]
            turn.emit(Preferred(turn.address, enqueue.interaction, enqueue.leg, wish.because))
            self._open_door(door, turn)

    def _open_door(self, door: AtDoor, turn: Turn) -> None:
        self._leave_door(door, turn)
        self._enter(door.enqueue, turn)

    def _pursue(self, door: AtDoor, turn: Turn) -> None:
        """Ask about the first wish that is left; enter when there is none."""
        setting = self.setting
        prefer = setting.config.prefer if setting is not None else None
        if not door.wishes or setting is None or prefer is None:
            return self._open_door(door, turn)
        enqueue, wish = door.enqueue, door.wishes[0]
        turn.put(DOOR_PREFIX + enqueue.interaction, door)
        if wish.agent:
            requirement = first_ring(enqueue.requirement, setting.config)
            asks = MayBePreferred(turn.address, enqueue.interaction, enqueue.leg, enqueue.channel, requirement)
            turn.send(address("agent", wish.agent), asks)
        else:
            since = turn.now - prefer.last_within_ms
            turn.send(
                address("customer", enqueue.customer.id),
                AskLastAgent(turn.address, enqueue.interaction, enqueue.leg, since),
            )


def wishes_of(prefer: Prefer, customer: Customer) -> tuple[Wish, ...]:
    """Who might be preferred for this customer, the first first."""
    own = customer.attributes.get(prefer.dedicated, "").strip() if prefer.dedicated else ""
    wishes = [Wish(Preference.DEDICATED, own)] if own else []
    if prefer.last_within_ms and customer.id:
        wishes.append(Wish(Preference.LAST))
    return tuple(wishes)
