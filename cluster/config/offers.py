"""Offers in the configuration file: to how many agents at once, and what follows when nobody answers.

Invariants kept: what a queue leaves out its agents' routing profiles decide; a back-off that is left out is that of a
rejection.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from actors.values import PresenceState
from cluster.config.explain import Section, wrong

NoAnswer = Literal["not_responding", "available", "away", "signed_out"]
_BECOMES = {
    "not_responding": PresenceState.NOT_RESPONDING,
    "available": PresenceState.AVAILABLE,
    "away": PresenceState.AWAY,
    "signed_out": PresenceState.OFFLINE,
}


class Offers(Section):
    """To how many agents a queue offers an interaction at a time, and what follows when one of them does not take it."""

    at_once: int = Field(
        default=1, ge=1, le=1000, description="agents asked for one interaction at a time; the first to accept has it",
        examples=[3],
    )  # fmt: skip
    every_s: float = Field(
        default=0, ge=0, le=3600, description="ask one agent at first and one more after each such time; 0 asks all at once",
        examples=[5],
    )  # fmt: skip
    no_answer: NoAnswer | None = Field(
        default=None, description="what becomes of an agent who does not answer; the routing profile's when left out",
        examples=["available"],
    )  # fmt: skip
    no_answer_backoff_s: float | None = Field(
        default=None, ge=0, le=3600,
        description="how long an agent who did not answer is not asked again; `reject_backoff_s` when left out",
        examples=[30],
    )  # fmt: skip
    busy_backoff_s: float | None = Field(
        default=None, ge=0, le=3600, description="the same for an agent who said that they are busy", examples=[60]
    )

    @model_validator(mode="after")
    def _grows_to_something(self) -> Offers:
        if self.every_s and self.at_once == 1:
            raise wrong("asks one more agent after a time, and no more than one", "add `at_once: 3`, or delete `every_s`")
        return self


class AgentOffers(Section):
    """What a routing profile says about offers to its agents."""

    at_once: int | None = Field(
        default=None, ge=1, le=100, description="offers that may ring at once; as many as there is room for when left out",
        examples=[1],
    )  # fmt: skip
    no_answer: NoAnswer = Field(
        default="not_responding", description="what becomes of an agent who does not answer", examples=["not_responding"]
    )
    sign_out_after: int | None = Field(
        default=None, ge=1, le=100, description="offers in a row without an answer that sign an agent out; never when left out",
        examples=[3],
    )  # fmt: skip


def presence_of(no_answer: NoAnswer) -> PresenceState:
    """What the configuration's word means."""
    return _BECOMES[no_answer]
