"""A scene on the stage: a small contact centre with customers and agents to direct in a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from actors.actor import Refusal
from actors.address import Address, address
from actors.messages.agent import AcceptOffer, CompleteWrapUp, RejectOffer, SetPresence, SignIn, SignOut
from actors.messages.centre import AgentConfig, ApplyCentre, CentrePlan, CentreVersion, QueueConfig
from actors.messages.link import DeskConversation, DeskOffer, DeskReservation, DeskState, ShowNotice
from actors.messages.queue import QueueCounters, ReadQueue
from actors.messages.session import AgentEnds, AgentMessage, Arrive, CustomerLeft, CustomerMessage, TransferTo
from actors.values import Content, Customer, NoticeKind, PresenceState, Requirement, ReservationState, SkillLevel
from tests.unit.actors.stage import Stage

CENTRE = address("centre", "main")
WEB = "web-1"
OFFER_MS, WRAP_UP_MS, BACK_OFF_MS, GRACE_MS = 20_000, 30_000, 10_000, 15_000


def queue(name: str, **changes: Any) -> QueueConfig:
    """A queue's configuration, with this file's times."""
    times = {"offer_timeout_ms": OFFER_MS, "wrap_up_ms": WRAP_UP_MS, "reject_backoff_ms": BACK_OFF_MS, **changes}
    return QueueConfig(name, **times)


def agent(name: str, *queues: str, chats: int = 1, skills: Mapping[str, int] | None = None, **changes: Any) -> AgentConfig:
    """An agent's configuration: so many chats at once and no more of anything else."""
    settings = {"capacity": {"chat": chats}, "capacity_total": chats, "desk_grace_ms": GRACE_MS, **changes}
    levels = tuple(SkillLevel(skill, level) for skill, level in (skills or {}).items())
    return AgentConfig(name.title(), levels, tuple(address("queue", name) for name in queues or ("sales",)), **settings)


class Scene(Stage):
    """A stage with a configured centre; desks are links named `desk-<agent>`, customers come over `web-1`."""

    def __init__(
        self,
        agents: Mapping[str, AgentConfig] | None = None,
        queues: tuple[QueueConfig, ...] = (queue("sales"), queue("support")),
        choose: Callable[[int], int] | None = None,
    ) -> None:
        super().__init__(choose)
        self.configure(agents if agents is not None else {"ann": agent("ann"), "bob": agent("bob")}, queues)

    def configure(self, agents: Mapping[str, AgentConfig], queues: tuple[QueueConfig, ...]) -> CentreVersion:
        """Apply a configuration over whatever is in force."""
        plan = CentrePlan({config.name: config for config in queues}, dict(agents), "{}")
        return self.ask(CENTRE, ApplyCentre(-1, "tester", repr(plan), plan), CentreVersion)

    # Customers.

    def arrive(self, name: str, to: str = "sales", **changes: Any) -> Refusal | None:
        """A customer opens conversation `name`."""
        settings = {"channel": "chat", "link": WEB, "customer": Customer(name, name.title()), "queue": to, **changes}
        return self.tell(session(name), Arrive(name, **settings))

    def says(self, name: str, text: str, id: str = "") -> Refusal | None:
        """The customer writes."""
        return self.tell(session(name), CustomerMessage(id or f"{name}:{text}", Content(text)))

    def leaves(self, name: str) -> Refusal | None:
        """The customer goes."""
        return self.tell(session(name), CustomerLeft())

    def notices(self, name: str) -> list[NoticeKind]:
        """Every notice this customer was shown."""
        return [notice.kind for notice in self.seen(WEB, ShowNotice) if notice.conversation == name]

    # Agents.

    def available(self, *names: str) -> None:
        """These agents sign in and want work."""
        for name in names:
            assert self.tell(agent_at(name), SignIn(f"desk-{name}")) is None, "a configured agent may sign in"
            assert self.tell(agent_at(name), SetPresence(PresenceState.AVAILABLE)) is None, "and become available"

    def sign_out(self, name: str) -> Refusal | None:
        """The agent goes offline."""
        return self.tell(agent_at(name), SignOut())

    def desk(self, name: str) -> DeskState:
        """What the agent's newest desk shows now."""
        shown = (said for _, said in reversed(self.commands) if isinstance(said, DeskState) and said.agent == name)
        return next(shown, DeskState(name, "", PresenceState.OFFLINE, "", 0, (), 0))

    def offers(self, name: str) -> list[str]:
        """Conversations that were ever offered to the agent."""
        return [offer.reservation.interaction.rpartition("/")[0] for offer in self.seen(f"desk-{name}", DeskOffer)]

    def conversations(self, name: str) -> list[str]:
        """Conversations that the agent's desk was ever given."""
        given = self.seen(f"desk-{name}", DeskConversation)
        return [conversation.interaction.rpartition("/")[0] for conversation in given]

    def has(self, name: str, conversation: str) -> DeskReservation:
        """The agent's open reservation for a conversation."""
        held = [one for one in self.desk(name).reservations if one.interaction == interaction(conversation)]
        assert len(held) == 1, f"{name} must have {conversation} once, not {held}"
        return held[0]

    def states(self, name: str) -> dict[str, ReservationState]:
        """The agent's open reservations by conversation."""
        return {one.interaction.rpartition("/")[0]: one.state for one in self.desk(name).reservations}

    def accept(self, name: str, conversation: str) -> Refusal | None:
        """The agent takes the offer."""
        return self.tell(agent_at(name), AcceptOffer(self.has(name, conversation).reservation))

    def reject(self, name: str, conversation: str) -> Refusal | None:
        """The agent does not take the offer."""
        return self.tell(agent_at(name), RejectOffer(self.has(name, conversation).reservation))

    def replies(self, name: str, conversation: str, text: str, id: str = "") -> Refusal | None:
        """The agent writes."""
        message = AgentMessage(name, interaction(conversation), id or f"{name}:{text}", Content(text))
        return self.tell(session(conversation), message)

    def ends(self, name: str, conversation: str) -> Refusal | None:
        """The agent ends the conversation."""
        return self.tell(session(conversation), AgentEnds(name, interaction(conversation)))

    def completes(self, name: str, conversation: str, disposition: str = "solved") -> Refusal | None:
        """The agent wraps up."""
        return self.tell(agent_at(name), CompleteWrapUp(self.has(name, conversation).reservation, disposition))

    def transfer(self, name: str, conversation: str, to: str, to_agent: str = "", id: str = "t1") -> Refusal | None:
        """The agent hands the customer on."""
        return self.tell(session(conversation), TransferTo(name, interaction(conversation), id, to, to_agent))

    # Queues.

    def counters(self, name: str = "sales") -> QueueCounters:
        """The live figures of a queue."""
        return self.ask(address("queue", name), ReadQueue(), QueueCounters)


def needs(**levels: int) -> Requirement:
    """A requirement of skills."""
    return Requirement(tuple(SkillLevel(skill, level) for skill, level in levels.items()))


def session(name: str) -> Address:
    return address("session", name)


def agent_at(name: str) -> Address:
    return address("agent", name)


def interaction(name: str) -> str:
    return f"{name}/1"
