"""A queue adds what it requires itself to what an arrival asks for."""

from __future__ import annotations

from actors.actor import Turn
from actors.address import Address
from actors.events import WaitingMoved
from actors.messages.centre import QueueConfig
from actors.messages.queue import ConfigureQueue, Enqueue
from actors.queue.queue import Queue
from actors.values import Customer, Requirement, SkillLevel

QUEUE = Address("queue/cards")


def required_of(asked: Requirement, requires: tuple[SkillLevel, ...]) -> Requirement:
    """What an interaction that asks for this is then waiting for, as the journal tells it."""
    queue = Queue(QUEUE)
    queue.receive(ConfigureQueue(1, QueueConfig("Cards", requires=requires)), Turn(1, QUEUE, queue.records))
    turn = Turn(2, QUEUE, queue.records)
    arrival = Enqueue("webchat:1/1", 1, Address("session/webchat:1"), "webchat", Customer("c"), 0, asked, 2)
    queue.receive(arrival, turn)
    moved = [event for event in turn.events if isinstance(event, WaitingMoved)]
    assert len(moved) == 1, "an arrival enters once"
    return moved[0].requirement


def test_both_count_and_the_higher_level_wins() -> None:
    """The queue's skills are added, and a skill that both name is asked at the higher level."""
    asked = Requirement((SkillLevel("cards", 1), SkillLevel("english", 3)), "agent/alice")
    expected = Requirement((SkillLevel("cards", 5), SkillLevel("english", 3)), "agent/alice")
    assert expected == required_of(asked, (SkillLevel("cards", 5),)), "the queue's level is higher here"
    assert asked == required_of(asked, ()), "a queue that requires nothing adds nothing"
