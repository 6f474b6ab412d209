"""What the centre does with versions, and whom it tells."""

from __future__ import annotations

from actors.actor import Message, Turn
from actors.address import Address, address
from actors.centre import KEPT_REVISIONS, Centre
from actors.events import CentreApplied
from actors.messages.agent import ConfigureAgent, RetireAgent
from actors.messages.centre import (
    AgentConfig,
    ApplyCentre,
    CentreHistory,
    CentrePlan,
    CentreVersion,
    QueueConfig,
    ReadCentre,
    ReadCentreHistory,
)
from actors.messages.queue import ConfigureQueue, RetireQueue
from actors.messages.router import ROUTER, ConfigureRouter
from actors.values import ReservationState
from tests.unit.actors.scene import CENTRE, Scene, agent, queue

SALES, HELP = address("queue", "sales"), address("queue", "help")
ANN, BOB = address("agent", "ann"), address("agent", "bob")


class Solo:
    """The centre alone."""

    def __init__(self) -> None:
        self.actor = Centre(CENTRE)
        self.turn = Turn(0, CENTRE, {})

    def hear(self, message: Message) -> list[tuple[Address, Message]]:
        """What it sends after hearing this."""
        self.turn = Turn(5, CENTRE, self.actor.records)
        self.actor.receive(message, self.turn)
        return [(one.to, one.message) for one in self.turn.sent]

    def apply(self, source: str, plan: CentrePlan, expected: int = -1) -> list[tuple[Address, Message]]:
        """What it sends after this was applied."""
        return self.hear(ApplyCentre(expected, "tester", source, plan, f"comment on {source}"))


def plan(*agents: str, queues: tuple[str, ...] = ("sales", "help"), serve: tuple[Address, ...] = (SALES, HELP)) -> CentrePlan:
    return CentrePlan(
        {name: QueueConfig(name) for name in queues}, {name: AgentConfig(name, queues=serve) for name in agents}, "{}"
    )


def test_the_first_version_tells_everybody() -> None:
    """Every queue, agent and the router hear of the first version."""
    solo = Solo()
    sent = solo.apply("one", plan("ann", "bob"), expected=0)
    assert sent == [
        (SALES, ConfigureQueue(1, QueueConfig("sales"))),
        (HELP, ConfigureQueue(1, QueueConfig("help"))),
        (ROUTER, ConfigureRouter(1, (HELP, SALES), (ANN, BOB))),
        (ANN, ConfigureAgent(1, AgentConfig("ann", queues=(SALES, HELP)))),
        (BOB, ConfigureAgent(1, AgentConfig("bob", queues=(SALES, HELP)))),
    ]
    assert solo.turn.answer == CentreVersion(1), "and its author the version"
    assert solo.turn.events == [CentreApplied(1, "tester")], "and the journal"


def test_only_changes_are_told() -> None:
    """Who is not changed hears nothing; who is taken out is retired."""
    solo = Solo()
    solo.apply("one", plan("ann", "bob"))
    sent = solo.apply("two", plan("ann"))
    assert sent == [(ROUTER, ConfigureRouter(2, (HELP, SALES), (ANN,))), (BOB, RetireAgent(2))]


def test_a_wrong_version_is_refused() -> None:
    """Who changed what somebody else had changed is told the current version."""
    solo = Solo()
    solo.apply("one", plan("ann"))
    assert solo.apply("two", plan("bob"), expected=0) == [] and solo.turn.refusal is not None
    assert (solo.turn.refusal.code, "version is 1" in solo.turn.refusal.detail) == ("ABORTED", True)


def test_the_same_content_again_is_the_same_version() -> None:
    """A repeat, also one whose first answer was lost, gets the version it made."""
    solo = Solo()
    solo.apply("one", plan("ann"), expected=0)
    assert solo.apply("one", plan("ann"), expected=0) == [] and solo.turn.answer == CentreVersion(1)
    assert solo.turn.events == [], "and nothing happened"


def test_reading() -> None:
    """A reader gets what it does not have, and the history newest first, as far as it is kept."""
    solo = Solo()
    solo.hear(ReadCentre())
    assert solo.turn.answer == CentreVersion(0), "nothing yet"
    for number in range(1, KEPT_REVISIONS + 3):
        solo.apply(str(number), plan("ann"))
    newest = KEPT_REVISIONS + 2
    solo.hear(ReadCentre(known_version=1))
    assert solo.turn.answer == CentreVersion(newest, "{}", str(newest)), "all of it"
    solo.hear(ReadCentre(known_version=newest))
    assert solo.turn.answer == CentreVersion(newest), "the number only"
    solo.hear(ReadCentreHistory())
    assert isinstance(solo.turn.answer, CentreHistory)
    assert [one.version for one in solo.turn.answer.revisions] == list(range(newest, 2, -1)), "newest first"


def test_a_retired_queue_keeps_its_agents() -> None:
    """Agents go on serving a queue that was taken out, over any number of versions, until it is put back."""
    solo = Solo()

    def served() -> list[Address]:
        return list(solo.actor.state.agents["ann"].queues)

    solo.apply("one", plan("ann"))
    sent = solo.apply("two", plan("ann", "bob", queues=("sales",), serve=(SALES,)))
    assert (HELP, RetireQueue(2)) in sent, "retired"
    solo.apply("three", plan("ann", queues=("sales", "more"), serve=(SALES,)))
    assert served() == [SALES, HELP], "ann still serves it"
    solo.apply("four", plan("ann", queues=("sales", "help"), serve=(SALES,)))
    assert served() == [SALES], "put back, the configuration counts again"


def test_who_waits_in_a_retired_queue_is_served() -> None:
    """Retiring a queue turns newcomers away and serves those who wait, even after the router was lost."""
    scene = Scene({"ann": agent("ann", "sales")})
    scene.arrive("cy")
    scene.configure({"ann": agent("ann", "support")}, (queue("support"),))
    scene.arrive("dee")
    scene.reload(ROUTER)
    scene.available("ann")
    assert scene.states("ann") == {"cy": ReservationState.PENDING}, "who waited is served, who came later is not"
