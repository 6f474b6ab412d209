"""What a session does with words, marks, resumptions, and with messages that arrive in the unexpected order."""

from __future__ import annotations

import pytest

from actors.actor import Message, Refusal, Turn
from actors.address import Address, address
from actors.events import MessageAdded
from actors.messages.agent import ServiceEnded
from actors.messages.link import (
    DeskConversation,
    DeskEntries,
    DeskSaw,
    DeskTyping,
    ShowEntries,
    ShowNotice,
    ShowSaw,
    ShowTyping,
)
from actors.messages.session import (
    AgentGone,
    AgentSaw,
    AgentTyping,
    Arrive,
    Assigned,
    CustomerMessage,
    CustomerResumed,
    CustomerSaw,
    CustomerTyping,
    DeskMoved,
    ShowConversation,
)
from actors.session import Session
from actors.session.conversation import DESK_ENTRIES
from actors.values import Attachment, Content, Customer, InteractionState, NoticeKind
from tests.unit.actors.scene import WEB, Scene, agent_at, interaction, session

CY = session("cy")


def talking() -> Scene:
    """Ann serves cy."""
    scene = Scene()
    scene.available("ann")
    scene.arrive("cy")
    scene.accept("ann", "cy")
    return scene


def code(refusal: Refusal | None) -> str:
    return refusal.code if refusal is not None else ""


def numbers(shown: list[ShowEntries] | list[DeskEntries]) -> list[int]:
    """The entry numbers in these commands."""
    return [entry.number for command in shown for entry in command.entries]


def test_a_message_id_counts_once_for_each_side() -> None:
    """A repeated id has no second effect, also after the end and from either side (I11)."""
    scene = talking()
    assert scene.says("cy", "hello", id="1") is None and scene.replies("ann", "cy", "hi", id="1") is None
    assert scene.says("cy", "hello", id="1") is None and scene.replies("ann", "cy", "hi", id="1") is None
    assert numbers(scene.seen(WEB, ShowEntries)) == [1, 2], "each side's id counts for that side"
    scene.leaves("cy")
    assert scene.says("cy", "hello", id="1") is None, "a repeat is acknowledged as the first was"
    assert code(scene.says("cy", "new", id="2")) == "FAILED_PRECONDITION", "a new one comes too late"
    assert code(scene.replies("ann", "cy", "new", id="2")) == "FAILED_PRECONDITION", "on both sides"
    assert [added.number for added in scene.journal(MessageAdded)] == [1, 2], "two facts"


def test_a_message_writes_its_own_line_only() -> None:
    """A busy conversation costs one small record a message."""
    scene = talking()
    before = dict(scene.actor(CY).records)
    scene.says("cy", "hello")
    changed = {key for key, record in scene.actor(CY).records.items() if before.get(key) is not record}
    assert changed == {"m/1"}, "nothing else is rewritten"


@pytest.mark.parametrize(
    ("id", "content"),
    [
        ("", Content("hello")),
        ("1", Content()),
        ("1", Content("x" * 8001)),
        ("1", Content("", tuple(Attachment(str(number), "a.png", "image/png", 1, "/a") for number in range(11)))),
    ],
    ids=["no id", "empty", "too long", "too many attachments"],
)
def test_malformed_messages_are_refused(id: str, content: Content) -> None:
    """A message that cannot be shown is refused with what to do, and leaves nothing behind."""
    scene = talking()
    refusal = scene.tell(CY, CustomerMessage(id, content))
    assert code(refusal) == "INVALID_ARGUMENT", "refused as the sender's mistake"
    assert scene.journal(MessageAdded) == [], "nothing was added"


def test_limits_are_inclusive() -> None:
    """Exactly the longest text and the most attachments are fine."""
    scene = talking()
    files = tuple(Attachment(str(number), "a.png", "image/png", 1, "/a") for number in range(10))
    assert scene.tell(CY, CustomerMessage("1", Content("x" * 8000, files))) is None


def test_messages_to_nobody_are_refused() -> None:
    """An unknown conversation is NOT_FOUND; typing into it is merely lost."""
    scene = Scene()
    for refusal in (
        scene.says("nix", "hello"),
        scene.leaves("nix"),
        scene.ends("ann", "nix"),
        scene.replies("ann", "nix", "x"),
    ):
        assert code(refusal) == "NOT_FOUND", "there is no such conversation"
    assert scene.tell(session("nix"), CustomerTyping(True)) is None, "typing needs no answer"


def test_an_incomplete_arrival_is_refused() -> None:
    """An arrival must say where it comes from and where it wants to go."""
    scene = Scene()
    assert code(scene.arrive("cy", to="")) == "INVALID_ARGUMENT"
    assert code(scene.arrive("cy", link="")) == "INVALID_ARGUMENT"
    assert scene.actor(CY).records == {}, "and does not exist"


def test_typing_goes_both_ways() -> None:
    """Typing is shown to the other side while connected, and to nobody before."""
    scene = Scene()
    scene.arrive("cy")
    scene.tell(CY, CustomerTyping(True))
    scene.available("ann")
    scene.accept("ann", "cy")
    scene.tell(CY, CustomerTyping(True))
    scene.tell(CY, AgentTyping("ann", interaction("cy"), True))
    scene.tell(CY, AgentTyping("bob", interaction("cy"), True))
    assert scene.seen("desk-ann", DeskTyping) == [DeskTyping("ann", interaction("cy"), True)]
    assert scene.seen(WEB, ShowTyping) == [ShowTyping("cy", True, "Ann")], "from who serves, not from others"


def test_marks_move_forward_only() -> None:
    """Marks never go back, never past the last entry, and reading implies having received."""
    scene = talking()
    scene.says("cy", "one")
    scene.replies("ann", "cy", "two")
    scene.tell(CY, CustomerSaw(delivered=2, read=1))
    scene.tell(CY, CustomerSaw(delivered=1, read=0))
    scene.tell(CY, CustomerSaw(read=99))
    scene.tell(CY, AgentSaw("ann", interaction("cy"), read=1))
    assert code(scene.tell(CY, AgentSaw("bob", interaction("cy"), read=2))) == "PERMISSION_DENIED", "bob sees nothing"
    assert [(saw.delivered, saw.read) for saw in scene.seen("desk-ann", DeskSaw)] == [(2, 1), (2, 2)]
    assert [(saw.delivered, saw.read) for saw in scene.seen(WEB, ShowSaw)] == [(1, 1)]


def test_a_customer_comes_back_over_another_link() -> None:
    """After a resumption the new link gets what was missed, the state, and everything that follows."""
    scene = talking()
    scene.says("cy", "one")
    scene.replies("ann", "cy", "two")
    assert scene.tell(CY, CustomerResumed("web-2", seen=1)) is None
    assert numbers(scene.seen("web-2", ShowEntries)) == [2], "only what was missed"
    assert scene.seen("web-2", ShowNotice) == [ShowNotice("cy", NoticeKind.CONNECTED, "Ann", "sales")]
    scene.replies("ann", "cy", "three")
    assert numbers(scene.seen("web-2", ShowEntries)) == [2, 3], "and what follows"
    scene.leaves("cy")
    scene.tell(CY, CustomerResumed("web-2", seen=3))
    assert [notice.kind for notice in scene.seen("web-2", ShowNotice)][1:] == [NoticeKind.ENDED] * 2, "the end is told again"


def test_a_waiting_customer_comes_back_to_a_fresh_position() -> None:
    """Who resumes while waiting is told how many are in front now."""
    scene = Scene()
    scene.arrive("first")
    scene.advance(1)
    scene.arrive("cy")
    scene.leaves("first")
    scene.tell(CY, CustomerResumed(WEB))
    assert [notice.ahead for notice in scene.seen(WEB, ShowNotice) if notice.conversation == "cy"] == [1, 0]


def test_the_desk_asks_for_the_conversation() -> None:
    """The serving agent's desk gets the last entries on request; nobody else does."""
    scene = talking()
    for number in range(DESK_ENTRIES + 5):
        scene.says("cy", f"line {number}")
    assert scene.tell(CY, ShowConversation("ann", interaction("cy"), "desk-ann")) is None
    entries = scene.seen("desk-ann", DeskConversation)[-1].entries
    assert (len(entries), entries[-1].number) == (DESK_ENTRIES, DESK_ENTRIES + 5), "the newest ones"
    refusal = scene.tell(CY, ShowConversation("bob", interaction("cy"), "desk-bob"))
    assert code(refusal) == "PERMISSION_DENIED", "not for everybody"


def test_transfers_are_checked() -> None:
    """Only who serves may transfer, to somebody else, with an id."""
    scene = talking()
    assert code(scene.transfer("bob", "cy", "support")) == "PERMISSION_DENIED"
    assert code(scene.transfer("ann", "cy", "")) == "INVALID_ARGUMENT"
    assert code(scene.transfer("ann", "cy", "support", id="")) == "INVALID_ARGUMENT"
    assert code(scene.transfer("ann", "cy", "sales", to_agent="ann")) == "INVALID_ARGUMENT"
    scene.leaves("cy")
    assert code(scene.transfer("ann", "cy", "support")) == "FAILED_PRECONDITION"


# In literal mode a session may hear of things in any order: it is told by hand here.

R1 = f"{interaction('cy')}#1.1"


def heard(*said: Message) -> tuple[InteractionState, int, list[tuple[Address, object]]]:
    """State, leg, and what was sent to agents, after a fresh waiting session heard these in this order."""
    sent: list[tuple[Address, object]] = []
    actor = Session(CY)
    arrive = Arrive("cy", "chat", WEB, Customer("cy"), "sales")
    for message in (arrive, *said):
        turn = Turn(1, CY, actor.records)
        actor.receive(message, turn)
        sent += [(one.to, one.message) for one in turn.sent if one.to.startswith(("agent/", "gateway/desk"))]
    assert actor.state is not None
    return actor.state.state, actor.state.leg, sent


def assigned(reservation: str = R1, desk: str = "desk-ann") -> Assigned:
    return Assigned(interaction("cy"), reservation, "ann", "Ann", agent_at("ann"), desk)


def test_gone_agent_heard_before_the_grant() -> None:
    """An agent who is gone before the queue told of them: the next leg begins, and the late grant is turned down."""
    gone = AgentGone(interaction("cy"), "ann", R1)
    assert heard(gone, assigned()) == (InteractionState.QUEUED, 2, [(agent_at("ann"), ServiceEnded(R1))])


def test_gone_agent_of_an_earlier_leg() -> None:
    """Word of an agent who is gone counts for the leg that they served, once."""
    gone = AgentGone(interaction("cy"), "ann", R1)
    state, leg, _ = heard(assigned(), gone, gone)
    assert (state, leg) == (InteractionState.QUEUED, 2), "one new leg"


def test_desk_that_moved_before_the_grant() -> None:
    """A desk's move that overtakes the grant is remembered."""
    moved = DeskMoved(interaction("cy"), "ann", "desk-new", R1)
    _, _, sent = heard(moved, assigned())
    assert [to for to, _ in sent] == [address("gateway", "desk-new")], "shown at the new desk only"


def test_the_same_grant_twice() -> None:
    """A repeated grant changes nothing."""
    state, leg, sent = heard(assigned(), assigned())
    assert (state, leg, len(sent)) == (InteractionState.CONNECTED, 1, 1), "one conversation for the desk"
