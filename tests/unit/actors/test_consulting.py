"""Agents ask colleagues: who hears what, who has the customer, and who is free again, whatever anybody does meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from actors.actor import Message, Refusal
from actors.address import Address, address
from actors.events import InteractionMoved, MessageAdded
from actors.messages.agent import AcceptOffer
from actors.messages.link import (
    ConsultView,
    DeskAsides,
    DeskConsult,
    DeskConversation,
    DeskEntries,
    DeskOffer,
    ShowEntries,
    ShowNotice,
)
from actors.messages.session import (
    AgentAside,
    AgentEnds,
    AgentMessage,
    AgentSaw,
    Assigned,
    CompleteConsult,
    Consult,
    CustomerResumed,
    EndConsult,
    InteractionView,
    ReadInteraction,
    Redirect,
    ShowConversation,
    StartConference,
)
from actors.values import Author, ConsultStage, Content, EndReason, InteractionState, NoticeKind, ReservationState
from tests.unit.actors.scene import WEB, Scene, agent, agent_at, interaction, needs, queue, session

PENDING, ACCEPTED, WRAPPING = ReservationState.PENDING, ReservationState.ACCEPTED, ReservationState.WRAPPING
CONSULT = "xia/2"


def served(kind: type[Scene] = Scene, **customer: object) -> Scene:
    """Ann, of sales, serves xia; bob, of support, and cat, of both, have nothing to do."""
    agents = {
        "ann": agent("ann", "sales", chats=2, skills={"french": 5}),
        "bob": agent("bob", "support", skills={"french": 5}),
        "cat": agent("cat", "support", "sales", chats=2),
    }
    scene = kind(agents, (queue("sales"), queue("support")))
    scene.available("ann")
    scene.arrive("xia", **customer)  # type: ignore[arg-type]  # by name
    scene.accept("ann", "xia")
    scene.says("xia", "my card is lost")
    scene.available("bob", "cat")
    return scene


def consulted() -> Scene:
    """Ann has asked support, and bob is there."""
    scene = served()
    assert ask(scene) is None
    assert accept(scene, "bob") is None
    return scene


def tell(scene: Scene, message: Message) -> Refusal | None:
    return scene.tell(session("xia"), message)


def ask(scene: Scene, to: str = "support", to_agent: str = "", id: str = "k1", by: str = "ann", **more: int) -> Refusal | None:
    return tell(scene, Consult(by, interaction("xia"), id, to, to_agent, **more))


def accept(scene: Scene, name: str) -> Refusal | None:
    return scene.tell(agent_at(name), AcceptOffer(scene.desk(name).reservations[-1].reservation))


def conference(scene: Scene, by: str = "ann", consult: str = CONSULT) -> Refusal | None:
    return tell(scene, StartConference(by, interaction("xia"), consult))


def complete(scene: Scene, by: str = "ann", consult: str = CONSULT) -> Refusal | None:
    return tell(scene, CompleteConsult(by, interaction("xia"), consult))


def end(scene: Scene, by: str = "ann", consult: str = CONSULT) -> Refusal | None:
    return tell(scene, EndConsult(by, interaction("xia"), consult))


def aside(scene: Scene, by: str, text: str, id: str = "") -> Refusal | None:
    return tell(scene, AgentAside(by, interaction("xia"), id or f"{by}:{text}", Content(text)))


def shown(scene: Scene, name: str) -> ConsultView:
    """What the agent's desk was told last of the consult."""
    return scene.seen(f"desk-{name}", DeskConsult)[-1].consult


def held(scene: Scene, name: str) -> dict[str, ReservationState]:
    return {one.interaction: one.state for one in scene.desk(name).reservations}


def standing(scene: Scene) -> InteractionView:
    return scene.ask(session("xia"), ReadInteraction(), InteractionView)


def entries(scene: Scene, name: str) -> list[str]:
    """What the agent's desk was given of the transcript."""
    link = f"desk-{name}"
    given = [one.entries for one in scene.seen(link, DeskConversation)] + [one.entries for one in scene.seen(link, DeskEntries)]
    texts = {entry.number: entry.content.text for entries in given for entry in entries}
    return [texts[number] for number in sorted(texts)]


def asides(scene: Scene, name: str) -> list[str]:
    """What the agent's desk was given of what agents said to each other."""
    link = f"desk-{name}"
    given = [one.asides for one in scene.seen(link, DeskConversation)] + [one.asides for one in scene.seen(link, DeskAsides)]
    texts = {one.entry.number: one.entry.content.text for lines in given for one in lines}
    return [texts[number] for number in sorted(texts)]


def test_a_colleague_is_found_and_sees_everything() -> None:
    """The colleague is offered the consult like a customer, and is shown the conversation and what ann says to them."""
    scene = served()
    ask(scene)
    asking = shown(scene, "ann")
    assert (asking.stage, asking.queue, asking.agent) == (ConsultStage.ASKING, "support", "")
    assert aside(scene, "ann", "is she insured?") is None, "what ann says meanwhile waits for whoever comes"
    offer = scene.seen("desk-bob", DeskOffer)[-1].reservation
    assert (offer.interaction, offer.asks, offer.customer.name) == (CONSULT, "Ann", "Xia"), "bob reads who asks, and about whom"
    accept(scene, "bob")
    there = shown(scene, "ann")
    assert (there.stage, there.agent, there.agent_name) == (ConsultStage.CONSULTING, "bob", "Bob")
    assert shown(scene, "bob") == there
    scene.says("xia", "hello?")
    aside(scene, "bob", "she is")
    assert entries(scene, "bob") == entries(scene, "ann") == ["my card is lost", "hello?"]
    assert asides(scene, "bob") == asides(scene, "ann") == ["is she insured?", "she is"]
    assert held(scene, "ann") == {"xia/1": ACCEPTED}, "the customer stays with ann"
    assert held(scene, "bob") == {CONSULT: ACCEPTED}, "and bob's room is taken"


def test_the_customer_is_told_nothing_of_a_consult() -> None:
    """Neither lines between agents nor notices reach the customer, and their numbers have no gaps."""
    scene = consulted()
    before = scene.notices("xia")
    aside(scene, "ann", "a difficult one")
    aside(scene, "bob", "I see")
    scene.replies("ann", "xia", "one moment")
    tell(scene, CustomerResumed(WEB, 0))
    end(scene)
    given = [entry for command in scene.seen(WEB, ShowEntries) for entry in command.entries]
    assert {entry.author for entry in given} == {Author.CUSTOMER, Author.AGENT}
    assert {entry.number for entry in given} == {1, 2}
    assert scene.notices("xia") == [*before, NoticeKind.CONNECTED], "only what every return is told"
    written = [(added.author, added.number) for added in scene.journal(MessageAdded)]
    assert written == [("customer", 1), ("colleague", 1), ("colleague", 2), ("agent", 2)]


def test_a_colleague_does_not_speak_for_ann() -> None:
    """As long as it is no conference bob writes to ann only, and neither ends, transfers nor reads for her."""
    scene = consulted()
    refusals = [
        scene.replies("bob", "xia", "hi"), scene.ends("bob", "xia"), scene.transfer("bob", "xia", "sales"),
        conference(scene, "bob"), complete(scene, "bob"), ask(scene, id="k2", by="bob"),
    ]  # fmt: skip
    assert [refusal.code for refusal in refusals if refusal is not None] == ["PERMISSION_DENIED"] * 6
    assert tell(scene, AgentSaw("bob", CONSULT, 1, 1)) is None
    assert tell(scene, CustomerResumed(WEB, 0)) is None
    assert [one for one in scene.commands if type(one[1]).__name__ == "ShowSaw"] == [], "what bob reads is not xia's matter"


def test_completing_hands_over_in_one_step() -> None:
    """Bob has the customer under the reservation that he accepted; ann wraps up; at every moment somebody serves."""
    scene = consulted()
    reservation = scene.desk("bob").reservations[-1].reservation
    assert complete(scene) is None
    moved = [one for one in scene.journal(InteractionMoved) if one.interaction == interaction("xia")][-1]
    connected = InteractionState.CONNECTED
    assert (moved.before, moved.after, moved.agent, moved.reservation) == (connected, connected, "bob", reservation)
    over = [one for one in scene.journal(InteractionMoved) if one.interaction == CONSULT][-1]
    assert (over.reason, over.consults) == (EndReason.TAKEN_OVER, interaction("xia"))
    assert (held(scene, "ann"), held(scene, "bob")) == ({"xia/1": WRAPPING}, {CONSULT: ACCEPTED})
    assert scene.seen(WEB, ShowNotice)[-1].agent_name == "Bob"
    assert tell(scene, complete_again()) is not None, "ann does not serve any more"
    assert tell(scene, AgentMessage("bob", CONSULT, "b1", Content("I take it from here"))) is None
    assert entries(scene, "bob")[-1] == "I take it from here"
    scene.says("xia", "thank you")
    assert entries(scene, "bob")[-1] == "thank you" != entries(scene, "ann")[-1]
    assert tell(scene, AgentEnds("bob", CONSULT)) is None
    assert held(scene, "bob") == {CONSULT: WRAPPING}
    assert standing(scene).state is InteractionState.ENDED


def complete_again() -> CompleteConsult:
    return CompleteConsult("ann", interaction("xia"), CONSULT)


def test_who_took_over_is_served_like_anybody() -> None:
    """Once bob has the customer he transfers them, is followed to another desk, and asks colleagues himself."""
    scene = consulted()
    complete(scene)
    scene.sign_out("ann")
    assert ask(scene, to="sales", id="k2", by="bob") is None
    assert held(scene, "cat") == {"xia/3": PENDING}
    accept(scene, "cat")
    assert shown(scene, "cat").asked_by == "bob"
    assert tell(scene, ShowConversation("bob", CONSULT, "desk-new")) is None
    assert scene.seen("desk-new", DeskConversation)[-1].interaction == CONSULT
    scene.sign_out("bob")
    assert standing(scene).agent == "cat"


def test_in_a_conference_all_talk() -> None:
    """The customer hears that bob joins and leaves, and reads both; asides stay between the agents."""
    scene = consulted()
    assert conference(scene) is None
    assert conference(scene) is None, "once is enough"
    assert shown(scene, "bob").stage is ConsultStage.CONFERENCE
    tell(scene, AgentMessage("bob", CONSULT, "b1", Content("hello, bob here")))
    aside(scene, "bob", "she is upset")
    last = scene.seen(WEB, ShowEntries)[-1].entries[-1]
    assert (last.author, last.author_name, last.content.text) == (Author.AGENT, "Bob", "hello, bob here")
    assert entries(scene, "ann")[-1] == "hello, bob here"
    assert end(scene, "bob") is None, "bob leaves"
    assert scene.notices("xia")[-2:] == [NoticeKind.JOINED, NoticeKind.LEFT]
    assert [one.agent_name for one in scene.seen(WEB, ShowNotice)][-2:] == ["Bob", "Bob"]
    assert shown(scene, "ann").reason is EndReason.COLLEAGUE
    assert held(scene, "bob") == {CONSULT: WRAPPING}, "who talked with a customer may note something"
    assert standing(scene).agent == "ann"


def test_ann_leaves_the_conference() -> None:
    """Then bob has the customer, who hears that ann left."""
    scene = consulted()
    conference(scene)
    assert complete(scene) is None
    assert scene.notices("xia")[-2:] == [NoticeKind.LEFT, NoticeKind.CONNECTED]
    assert [one.agent_name for one in scene.seen(WEB, ShowNotice)][-2:] == ["Ann", "Bob"]
    assert held(scene, "bob") == {CONSULT: ACCEPTED}


@pytest.mark.parametrize("by", ["ann", "bob"])
def test_ending_a_consult_frees_the_colleague(by: str) -> None:
    """Whoever ends it, bob is free at once, the customer stays with ann, and ann may ask again."""
    scene = consulted()
    assert end(scene, by) is None
    assert end(scene, by) is None, "again changes nothing"
    assert (held(scene, "ann"), held(scene, "bob")) == ({"xia/1": ACCEPTED}, {})
    view = shown(scene, "ann")
    assert (view.stage, view.reason) == (ConsultStage.ENDED, EndReason.AGENT if by == "ann" else EndReason.COLLEAGUE)
    refusal = aside(scene, "ann", "thanks")
    assert refusal is not None and refusal.code == "FAILED_PRECONDITION", "nobody is there to read it"
    assert ask(scene, id="k2") is None
    assert "xia/3" in {**held(scene, "bob"), **held(scene, "cat")}


def test_nobody_takes_it() -> None:
    """Declined by all, or left to ring, it ends by itself after the time that ann gave it, and ann hears so."""
    scene = served()
    scene.sign_out("bob"), scene.sign_out("cat")
    ask(scene, give_up_ms=7_000)
    scene.advance(6_999)
    assert shown(scene, "ann").stage is ConsultStage.ASKING
    scene.advance(1)
    assert (shown(scene, "ann").stage, shown(scene, "ann").reason) == (ConsultStage.ENDED, EndReason.UNANSWERED)
    assert scene.counters("support").withdrawn == 1
    assert standing(scene).agent == "ann"


def test_cancelled_while_it_rings() -> None:
    """Ann needs nobody any more: it stops ringing at bob's."""
    scene = served()
    ask(scene, to_agent="bob")
    assert held(scene, "bob") == {CONSULT: PENDING}
    end(scene)
    assert held(scene, "bob") == {}
    scene.advance(600_000)
    assert [one.reason for one in scene.journal(InteractionMoved) if one.interaction == CONSULT][-1] is EndReason.AGENT


class LateWord(Scene):
    """A scene in which the queue's word that a consult was granted is on its way until it is let through."""

    def __init__(self, *arguments: Any) -> None:
        self.late: list[tuple[Address, Message]] = []
        super().__init__(*arguments)

    def _turn(self, to: Address, message: Message | None) -> Refusal | None:
        if isinstance(message, Assigned) and message.interaction == CONSULT:
            self.late.append((to, message))
            return None
        return super()._turn(to, message)

    def let_through(self) -> None:
        for to, message in self.late:
            super()._turn(to, message)
        self.run()


@pytest.mark.parametrize("how", ["ann gives up", "ann is gone", "bob is gone"])
def test_accepted_while_it_came_to_an_end(how: str) -> None:
    """Bob says yes while the consult ends: he is free, with nothing to wrap up, and the customer has ann or waits."""
    scene = served(LateWord)
    assert isinstance(scene, LateWord)
    ask(scene, to_agent="bob")
    accept(scene, "bob")
    assert (held(scene, "bob"), len(scene.late)) == ({CONSULT: ACCEPTED}, 1)
    deeds = {
        "ann gives up": lambda: end(scene),
        "ann is gone": lambda: scene.sign_out("ann"),
        "bob is gone": lambda: scene.sign_out("bob"),
    }
    deeds[how]()
    scene.let_through()
    assert held(scene, "bob") == {}
    assert standing(scene).agent == ("" if how == "ann is gone" else "ann")
    moves = [(one.before, one.after) for one in scene.journal(InteractionMoved) if one.interaction == CONSULT]
    assert moves == [(None, InteractionState.QUEUED), (InteractionState.QUEUED, InteractionState.ENDED)]


def test_only_whom_she_named_is_asked() -> None:
    """A consult for one agent goes to nobody else, however long they do not answer."""
    scene = served()
    ask(scene, to="support", to_agent="cat")
    assert (held(scene, "bob"), held(scene, "cat")) == ({}, {CONSULT: PENDING})


def test_nobody_is_asked_by_themselves() -> None:
    """Ann serves the queue that she asks and has room, and is never the colleague whom she is looking for."""
    scene = served()
    scene.sign_out("bob"), scene.sign_out("cat")
    ask(scene, to="sales", give_up_ms=600_000)
    scene.advance(599_000)
    assert held(scene, "ann") == {"xia/1": ACCEPTED}


def test_whoever_helps_could_also_take_over() -> None:
    """Who does not meet what the customer needs is not asked about them."""
    scene = served(requirement=needs(french=3))
    ask(scene)
    assert (held(scene, "bob"), held(scene, "cat")) == ({CONSULT: PENDING}, {}), "cat speaks no French"


@pytest.mark.parametrize("how", ["signs out", "transfers", "is pulled", "ends", "customer leaves"])
@pytest.mark.parametrize("stage", list(ConsultStage)[:3])
def test_everybody_is_released(how: str, stage: ConsultStage) -> None:
    """When ann is gone bob has the customer, if he was there; else, and in all other ways, nobody is left with anything."""
    scene = served() if stage is ConsultStage.ASKING else consulted()
    if stage is ConsultStage.ASKING:
        ask(scene)
    elif stage is ConsultStage.CONFERENCE:
        conference(scene)
    deeds = {
        "signs out": lambda: scene.sign_out("ann"),
        "transfers": lambda: scene.transfer("ann", "xia", "nowhere"),
        "is pulled": lambda: tell(scene, Redirect("r1", "eve", to_agent="dan")),
        "ends": lambda: scene.ends("ann", "xia"),
        "customer leaves": lambda: scene.leaves("xia"),
    }
    deeds[how]()
    if how == "signs out" and stage is not ConsultStage.ASKING:
        assert (standing(scene).agent, held(scene, "bob")) == ("bob", {CONSULT: ACCEPTED})
        return
    assert CONSULT not in held(scene, "bob") or held(scene, "bob")[CONSULT] is WRAPPING
    if stage is not ConsultStage.CONFERENCE:
        assert CONSULT not in held(scene, "bob"), "who only listened has nothing to wrap up"
    told = NoticeKind.LEFT in scene.notices("xia")
    goes_on = standing(scene).state is not InteractionState.ENDED
    assert told is (goes_on and stage is ConsultStage.CONFERENCE), "of an end only the end is told"
    over = [one for one in scene.journal(InteractionMoved) if one.interaction == CONSULT][-1]
    assert over.after is InteractionState.ENDED
    assert over.reason is (EndReason.CUSTOMER if how == "customer leaves" else EndReason.AGENT)
    assert scene.counters("support").waiting == 0


@pytest.mark.parametrize("is_conference", [False, True])
def test_the_colleague_is_lost(is_conference: bool) -> None:
    """The customer notices nothing of it, but for the notice in a conference; ann hears that bob is gone."""
    scene = consulted()
    if is_conference:
        conference(scene)
    before = scene.notices("xia")
    scene.sign_out("bob")
    assert scene.notices("xia") == [*before, *([NoticeKind.LEFT] if is_conference else [])]
    assert shown(scene, "ann").reason is EndReason.COLLEAGUE
    assert standing(scene).agent == "ann"


def test_a_queue_that_does_not_exist() -> None:
    """Ann hears that there is nobody to ask, and the customer notices nothing."""
    scene = served()
    ask(scene, to="nowhere")
    assert shown(scene, "ann").reason is EndReason.NO_SUCH_QUEUE
    assert standing(scene).agent == "ann"


def test_after_a_reload_desks_see_where_they_were() -> None:
    """Ann's and bob's new desks are shown conversation, consult and asides; so is a session that was reloaded."""
    scene = consulted()
    aside(scene, "ann", "look")
    scene.reload(session("xia"))
    scene.available("ann")
    for name in ("ann", "bob"):
        tell(scene, ShowConversation(name, CONSULT, f"desk-{name}-2"))
        again = scene.seen(f"desk-{name}-2", DeskConversation)[-1]
        assert again.consult == shown(scene, "bob")
        assert [one.entry.content.text for one in again.asides] == ["look"]
        assert again.asides[0].after == 1, "it stands behind the customer's first line"


def test_a_message_counts_once() -> None:
    """The same aside again adds nothing; one that says nothing is refused."""
    scene = consulted()
    for _ in range(2):
        assert aside(scene, "ann", "look", id="a1") is None
    assert asides(scene, "bob") == ["look"]
    refusal = aside(scene, "ann", "", id="a2")
    assert refusal is not None and refusal.code == "INVALID_ARGUMENT"
    assert aside(scene, "cat", "me too") is not None, "who is not there says nothing"


def test_wrong_consults_are_refused() -> None:
    """What cannot be is refused with a word on what to do, and changes nothing."""
    scene = served()
    wrong = {
        "INVALID_ARGUMENT": [ask(scene, id=""), ask(scene, to_agent="ann"), ask(scene, to=""), ask(scene, give_up_ms=-1)],
        "PERMISSION_DENIED": [ask(scene, by="bob"), conference(scene, "bob")],
        "FAILED_PRECONDITION": [conference(scene), complete(scene)],
    }
    ask(scene, to_agent="bob")
    assert ask(scene, to_agent="bob") is None, "the same again is no second consult"
    wrong["FAILED_PRECONDITION"] += [ask(scene, id="k2"), conference(scene), complete(scene), complete(scene, consult="xia/9")]
    moved = tell(scene, Redirect("r1", "eve", "sales", interaction=CONSULT))
    wrong["FAILED_PRECONDITION"].append(moved)
    for code, refusals in wrong.items():
        assert [refusal.code if refusal is not None else "" for refusal in refusals] == [code] * len(refusals)
    view = scene.ask(session("xia"), ReadInteraction(CONSULT), InteractionView)
    assert (view.interaction, view.state, view.queue) == (CONSULT, InteractionState.QUEUED, "support")
    assert scene.counters("support").offered == 1
    nobody = scene.tell(address("session", "nobody"), Consult("ann", "nobody/1", "k", "support"))
    assert nobody is not None and nobody.code == "NOT_FOUND"
