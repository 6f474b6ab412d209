"""The doors of a configuration beside its entry points: rules at arrival, what happens when closed, the emergency switch.

Invariants kept: what is written here is compiled to the edge, which decides before anything is queued.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from cluster.config.explain import Section, wrong
from cluster.config.names import Id, Skills
from cluster.config.overflow import CustomerText
from cluster.config.routing import ArrivalExpression


class DoorRule(Section):
    """Where arrivals go instead, or what they need besides, when an expression is true of them; the first that is decides."""

    when: ArrivalExpression = Field(
        default="", max_length=1000,
        description="an expression over the arrival: `channel`, `entry_point`, `language`, `subject`, `intent`, `sentiment`, "
        '`customer["…"]`, `attribute["…"]`; of all when left out',
        examples=['\'channel == "weibo" and intent == "complaint"\''],
    )  # fmt: skip
    queue: Id | None = Field(default=None, description="instead of the entry point's queue", examples=["voice"])
    priority: int | None = Field(
        default=None, ge=0, le=1000, description="instead of the entry point's or the queue's", examples=[10]
    )
    skills: Skills = Field(default={}, description="skills asked for as well", examples=["{complaints: 3}"])

    labels: list[Id] = Field(default=[], description="labels given as well, for agents' limits", examples=["[complex]"])

    @model_validator(mode="after")
    def _does_something(self) -> DoorRule:
        if self.queue is None and self.priority is None and not self.skills and not self.labels:
            raise wrong("changes nothing", "add `queue`, `priority`, `skills` or `labels`, or delete the rule")
        return self


class Closed(Section):
    """What happens to newcomers outside the hours."""

    text: CustomerText | None = Field(
        default=None, description="what they are told", examples=["{en: We open at nine., zh: 九点营业。}"]
    )
    queue: Id | None = Field(
        default=None, description="where they go instead, if it is open; else they are told and ended", examples=["night-desk"]
    )

    @model_validator(mode="after")
    def _does_something(self) -> Closed:
        if self.text is None and self.queue is None:
            raise wrong("changes nothing", "add `text` or `queue`, or delete it")
        return self


class Emergency(Section):
    """A switch for newcomers, thrown by `trunkline config emergency on`; conversations that live go on."""

    active: bool = Field(default=False, description="whether it is thrown", examples=["false"])
    queues: list[Id] = Field(default=[], description="newcomers to these queues; to all when left out", examples=["[cards]"])
    text: CustomerText | None = Field(
        default=None, description="what they are told", examples=["We had to leave the building."]
    )
    queue: Id | None = Field(
        default=None, description="where they go instead, hours or not; else they are told and ended", examples=["second-site"]
    )
