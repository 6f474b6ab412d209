"""What is seen from outside is held against what was promised: loss, doubling and gaps are told by name."""

from __future__ import annotations

from types import SimpleNamespace

from loadtest.demo.observed import AGENT, CUSTOMER, Observed, Stage, Talk


def entry(number: int, author: str, message: str) -> SimpleNamespace:
    return SimpleNamespace(number=number, author=author, id=message)


def author(of: SimpleNamespace) -> str:
    return str(of.author)


def talked() -> tuple[Observed, Talk]:
    """A conversation with a question and an answer, all of it where it belongs."""
    observed = Observed()
    talk = observed.open("webchat:1")
    observed.offered("webchat:1/1")
    observed.connected(talk)
    entries = [entry(1, CUSTOMER, "q"), entry(2, AGENT, "a")]
    observed.message_acknowledged("webchat:1", CUSTOMER, "q")
    observed.message_acknowledged("webchat:1", AGENT, "a")
    observed.shown_to_customer(talk, entries, author)
    observed.shown_at_desk("webchat:1/1", entries, author)
    return observed, talk


def test_nothing_is_wrong_with_a_whole_conversation() -> None:
    """Every message arrived on the other side once, and the conversation ended."""
    observed, talk = talked()
    observed.ended(talk)
    observed.shown_at_desk("webchat:1/1", [entry(1, CUSTOMER, "q")], author)
    assert [] == observed.problems(), "what a desk is shown again after a reload is no doubling"
    assert (2, 2) == (observed.sent, observed.delivered)
    assert Stage.DONE is talk.stage


def test_a_conversation_that_did_not_end_is_told() -> None:
    """An open conversation at the end of a run is a problem."""
    observed, _ = talked()
    assert ["webchat:1: did not end; it is talking"] == observed.problems(), "it is named with its stage"


def test_loss_is_told() -> None:
    """A promised message that the other side never saw is named."""
    observed, talk = talked()
    observed.message_acknowledged("webchat:1", CUSTOMER, "lost")
    observed.ended(talk)
    assert [
        "webchat:1: message lost of the customer was acknowledged and not shown to the customer",
        "webchat:1: message lost of the customer was acknowledged and reached no agent",
    ] == observed.problems(), "neither page has it"


def test_doubling_is_told() -> None:
    """The same message as two entries, an entry that changed, and a gap are each told."""
    observed, talk = talked()
    observed.shown_to_customer(talk, [entry(3, AGENT, "a"), entry(2, AGENT, "b"), entry(5, AGENT, "c")], author)
    observed.ended(talk)
    observed.ended(talk)
    assert [
        "message a of the agent was shown as two entries",
        "entry 2 was a of the agent and is another now",
        "the customer was told twice that it ended",
        "the customer was shown entries [1, 2, 3, 5], which have gaps",
    ] == talk.problems(), "in the order in which they were seen"


def test_who_leaves_the_queue_needs_no_agent() -> None:
    """An abandoned conversation's question reaches nobody, and that is no loss."""
    observed = Observed()
    talk = observed.open("webchat:2")
    observed.message_acknowledged("webchat:2", CUSTOMER, "q")
    observed.shown_to_customer(talk, [entry(1, CUSTOMER, "q")], author)
    observed.ended(talk)
    assert (Stage.ABANDONED, []) == (talk.stage, observed.problems()), "the customer left before anybody served"


def test_a_transferred_customer_waits_again() -> None:
    """The wait is counted to the first agent only, and an end while waiting again is an abandonment."""
    observed, talk = talked()
    waited_s = talk.waited_s
    observed.transferred(talk)
    assert Stage.WAITING is talk.stage
    observed.offered("webchat:1/1")
    observed.no_longer_offered("webchat:1/1")
    observed.ended(talk)
    assert (waited_s, 1, Stage.ABANDONED) == (talk.waited_s, talk.transfers, talk.stage), "left on the second leg"


def test_the_evidence_names_every_promise() -> None:
    """Arrivals, messages and numbered commands are written down once each; passing commands are not."""
    observed, _ = talked()
    observed.arrival_acknowledged("webchat:1")
    observed.typed("Where is my card?")
    observed.typed("Where is my card?")
    observed.command_handled("demo-webchat", "life", "17", 5)
    observed.command_handled("demo-webchat", "life", "17", 0)
    evidence = observed.evidence(["up.log"], settled=True)
    assert ["arrivals", "messages", "commands", "customer_texts", "log_files", "settled"] == list(evidence)
    assert [("webchat:1", "q", CUSTOMER), ("webchat:1", "a", AGENT)] == [
        (row[0], row[1], row[3])
        for row in evidence["messages"]  # type: ignore[attr-defined]
    ]
    assert [("demo-webchat", "life", "17", 5)] == [row[:4] for row in evidence["commands"]]  # type: ignore[attr-defined]
    assert ["Where is my card?"] == evidence["customer_texts"], "a text is looked for once"
