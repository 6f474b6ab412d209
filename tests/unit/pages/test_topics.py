"""What customers are offered to choose from."""

from __future__ import annotations

from gateways.webchat.frames import Topic
from gateways.webchat.topics import topics_of
from trunkline.gateway.v1.gateway_pb2 import EntryPoint


def test_one_topic_for_each_queue() -> None:
    """Two doors to one queue are no choice; a named door is offered rather than `default`."""
    names = {"en": "General", "zh": "综合"}
    doors = [
        EntryPoint(name="default", queue="general", queue_names=names, open=True),
        EntryPoint(name="general", queue="general", queue_names=names, open=True),
        EntryPoint(name="home-page", queue="general", queue_names=names, open=True),
        EntryPoint(name="cards", queue="cards", queue_names={"en": "Cards"}, open=False),
    ]
    assert topics_of(doors) == (Topic("general", names), Topic("cards", {"en": "Cards"})), (
        "closed ones are offered too: they say so"
    )
    assert topics_of(doors[:1]) == (Topic("default", names),)
    assert topics_of([]) == ()
