"""Random traffic for the real actors on one shard: what customers and agents do, told from a seed."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from actors.address import address
from actors.messages.agent import AcceptOffer, CompleteWrapUp, DeskLost, RejectOffer, SetPresence, SignIn, SignOut
from actors.messages.centre import AgentConfig, ApplyCentre, CentrePlan, QueueConfig
from actors.messages.session import AgentEnds, AgentMessage, Arrive, CustomerLeft, CustomerMessage, TransferTo
from actors.values import Content, Customer, InteractionState, PresenceState, Requirement, ReservationState, SkillLevel
from cluster.catalogue import load_catalogue
from cluster.invariants.entries import read_entry
from cluster.invariants.evidence import Arrived, Evidence, Wrote
from cluster.simulator.stage import Stage
from cluster.store.base import Commit

START = 1_700_000_000_000
QUEUES = tuple(address("queue", name) for name in ("sales", "support"))
NAMES = ("ann", "bob", "cat", "dan")


def plan(spare: int = 0) -> CentrePlan:
    """Four agents with different skills and capacities; `spare` changes capacity to make another version."""
    agents = {
        "ann": AgentConfig("Ann", (SkillLevel("french", 5),), QUEUES[:1], {"chat": 2 + spare}, 2 + spare, desk_grace_ms=5_000),
        "bob": AgentConfig("Bob", (), QUEUES, {"chat": 2, "mail": 1}, 2, desk_grace_ms=5_000),
        "cat": AgentConfig("Cat", (SkillLevel("french", 9),), QUEUES, {"chat": 1, "mail": 3}, 3, desk_grace_ms=5_000),
        "dan": AgentConfig("Dan", (), QUEUES, {"chat": 1, "mail": 1}, 1, auto_accept=True, desk_grace_ms=5_000),
    }
    queues = {
        "sales": QueueConfig("Sales", 8_000, 0, 4_000),
        "support": QueueConfig("Support", 8_000, 3_000, 2_000, requires=()),
    }
    return CentrePlan(queues, agents, "{}")


class Traffic:
    """One seed's story. `commits` is what was committed, `evidence` what was acknowledged."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = START
        self.commits: list[Commit] = []
        self.evidence = Evidence()
        self.stage = Stage(load_catalogue(), self._committed)
        self.customers: list[str] = []
        #: Reservation -> (agent, state, interaction), as the journal tells.
        self.open: dict[str, tuple[str, ReservationState, str]] = {}
        self.connected: dict[str, str] = {}
        self.version = 0
        self.stage.tell(address("centre", "main"), ApplyCentre(-1, "test", "v0", plan()))
        self.run()

    def _committed(self, commit: Commit) -> None:
        self.commits.append(commit)
        for _, event in read_entry(commit.journal)[0].events:
            match type(event).__name__:
                case "ReservationMoved":
                    self.open[event.reservation] = (event.agent.partition("/")[2], event.after, event.interaction)
                case "InteractionMoved" if event.after is InteractionState.CONNECTED:
                    self.connected[event.interaction] = event.agent
                case "InteractionMoved":
                    self.connected.pop(event.interaction, None)

    def run(self) -> None:
        self.stage.run(self.now)

    def play(self, steps: int) -> None:
        """Let so many things happen."""
        deeds: list[Callable[[], None]] = [
            self.arrive, self.arrive, self.arrive, self.sign_in, self.answer, self.answer, self.answer, self.talk, self.end,
            self.transfer, self.leave, self.presence, self.pass_time, self.pass_time, self.rare,
        ]  # fmt: skip
        for _ in range(steps):
            for _ in range(self.random.choice([1, 1, 2, 5])):
                self.random.choice(deeds)()
            self.now += self.random.choice([0, 1, 50, 400])
            self.run()

    def settle(self, everybody_leaves: bool = True) -> None:
        """Customers leave, unless they are to stay, and all timers fire."""
        for name in self.customers if everybody_leaves else ():
            self.stage.tell(address("session", name), CustomerLeft())
        self.run()
        while (due_at := self.stage.next_due_at()) is not None:
            self.now = max(self.now, due_at)
            self.run()

    def arrive(self) -> None:
        name = f"c{len(self.customers)}"
        self.customers.append(name)
        to = self.random.choice(
            ["sales", "support", "support", "nowhere"] if len(self.customers) % 9 == 0 else ["sales", "support"]
        )
        wish = Requirement((SkillLevel("french", self.random.choice([4, 7])),)) if self.random.random() < 0.2 else Requirement()
        arrive = Arrive(
            name, self.random.choice(["chat", "chat", "mail"]), "web", Customer(name), to, self.random.choice([0, 0, 3]), wish,
            self.random.random() < 0.95, retention_ms=20_000,
        )  # fmt: skip
        for _ in range(self.random.choice([1, 1, 2])):
            self.stage.tell(address("session", name), arrive)
        self.evidence.arrivals.append(Arrived(name, self.now))

    def sign_in(self) -> None:
        name = self.random.choice(NAMES)
        self.stage.tell(address("agent", name), SignIn(f"desk-{name}"))
        self.stage.tell(address("agent", name), SetPresence(PresenceState.AVAILABLE))

    def presence(self) -> None:
        state = self.random.choice([PresenceState.AVAILABLE, PresenceState.AVAILABLE, PresenceState.AWAY])
        self.stage.tell(address("agent", self.random.choice(NAMES)), SetPresence(state, "lunch"))

    def answer(self) -> None:
        for reservation, (agent, state, _) in list(self.open.items()):
            if state is ReservationState.PENDING and self.random.random() < 0.6:
                yes = self.random.random() < 0.7
                self.stage.tell(address("agent", agent), AcceptOffer(reservation) if yes else RejectOffer(reservation, "busy"))
            elif state is ReservationState.WRAPPING and self.random.random() < 0.5:
                self.stage.tell(address("agent", agent), CompleteWrapUp(reservation, "done"))

    def _served(self) -> tuple[str, str] | None:
        return self.random.choice(list(self.connected.items())) if self.connected else None

    def talk(self) -> None:
        if self.customers:
            name, number = self.random.choice(self.customers[-6:]), str(self.random.randrange(6))
            before = len(self.stage.refusals)
            self.stage.tell(address("session", name), CustomerMessage(number, Content("hello")))
            self.run()
            if len(self.stage.refusals) == before:
                self.evidence.messages.append(Wrote(name, number, self.now))
        if served := self._served():
            interaction, agent = served
            to = address("session", interaction.rpartition("/")[0])
            self.stage.tell(to, AgentMessage(agent, interaction, str(self.random.randrange(6)), Content("hi")))

    def end(self) -> None:
        if served := self._served():
            interaction, agent = served
            self.stage.tell(address("session", interaction.rpartition("/")[0]), AgentEnds(agent, interaction))

    def transfer(self) -> None:
        if served := self._served():
            interaction, agent = served
            queue, to_agent = self.random.choice([("sales", ""), ("support", ""), ("support", "cat"), ("nowhere", "")])
            transfer = TransferTo(agent, interaction, str(self.random.randrange(99)), queue, to_agent, 3_000)
            self.stage.tell(address("session", interaction.rpartition("/")[0]), transfer)

    def leave(self) -> None:
        if self.customers:
            self.stage.tell(address("session", self.random.choice(self.customers[-8:])), CustomerLeft())

    def pass_time(self) -> None:
        self.now += self.random.choice([100, 1_000, 3_000])

    def rare(self) -> None:
        name = self.random.choice(NAMES)
        match self.random.randrange(6):
            case 0 | 1:
                self.stage.tell(address("agent", name), DeskLost(f"desk-{name}"))
            case 2 | 3:
                self.stage.tell(address("agent", name), SignOut())
            case 4:
                self.version += 1
                new = ApplyCentre(-1, "test", f"v{self.version}", plan(self.version % 2))
                self.stage.tell(address("centre", "main"), new)
            case 5:
                self.now += 9_000
