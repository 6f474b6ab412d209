"""Preferred agents in the configuration file: the customer's own, and whoever served them last.

Invariants kept: a rule that this module accepts names somebody; whether the wish can come true is warned of.
"""

from __future__ import annotations

from pydantic import Field, model_validator

from actors.messages.centre import Prefer as PreferRule
from cluster.config.explain import Section, wrong
from cluster.config.names import Seconds, milliseconds

#: An agent who served somebody longer ago than this remembers no more than anybody else.
LONGEST_S = 366 * 86_400


class Prefer(Section):
    """Who serves a newcomer before anybody else: the customer's own agent, else whoever served them last."""

    dedicated: str = Field(
        default="", max_length=100, description="the attribute of a customer that names their own agent by id",
        examples=["account_manager"],
    )  # fmt: skip
    last_within_s: float | None = Field(
        default=None, ge=1, le=LONGEST_S,
        description="whoever served the customer last, through this queue or another with this setting, no longer ago",
        examples=[86400],
    )  # fmt: skip
    for_s: Seconds = Field(
        default=30, description="how long only that agent may serve; after a no, at once anybody", examples=[30]
    )
    only_if_signed_in: bool = Field(
        default=True, description="nobody waits for an agent who is not signed in on arrival", examples=["true"]
    )
    answer_within_s: float = Field(
        default=0.5, gt=0, le=10, examples=[0.5],
        description="how long an arrival may take until it is known who that is; then it goes on without",
    )  # fmt: skip

    @model_validator(mode="after")
    def _somebody(self) -> Prefer:
        if not self.dedicated and self.last_within_s is None:
            raise wrong("prefers nobody", "add `last_within_s: 86400`, `dedicated: <attribute>` or both")
        return self


def preference(prefer: Prefer | None) -> PreferRule | None:
    """What the queue is told."""
    if prefer is None:
        return None
    return PreferRule(
        for_ms=milliseconds(prefer.for_s),
        dedicated=prefer.dedicated,
        last_within_ms=milliseconds(prefer.last_within_s or 0),
        only_if_signed_in=prefer.only_if_signed_in,
        answer_ms=max(milliseconds(prefer.answer_within_s), 1),
    )
