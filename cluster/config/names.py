"""Identifiers, display names and durations: the small types that every section of the configuration uses.

Invariants kept: an identifier can stand in an actor address, a metric label and a URL without quoting.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cluster.config.explain import Section, wrong

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TO_ID = re.compile(r"[^A-Za-z0-9._-]+")


def _check_id(value: str) -> str:
    if _ID.fullmatch(value):
        return value
    near = _TO_ID.sub("-", value).strip("-._")[:64]
    advice = f"write `{near}`" if near else "write an English word and put the display text under `name`"
    problem = (
        f"`{value[:64]}` cannot be an id: letters a-z, digits, `.`, `_` and `-`, at most 64, starting with a letter or digit"
    )
    raise wrong(problem, advice)


#: A name that the system uses: what stands in addresses, labels and URLs.
Id = Annotated[str, AfterValidator(_check_id)]
Seconds = Annotated[float, Field(gt=0, le=604_800)]
Level = Annotated[int, Field(ge=1, le=10, examples=[5])]
Skills = dict[Id, Level]


class Names(Section):
    """A display name in English, Chinese or both; a plain text counts as English."""

    en: str = Field(default="", max_length=200, description="the name in English", examples=["Cards"])
    zh: str = Field(default="", max_length=200, description="the name in Chinese", examples=["银行卡"])

    @model_validator(mode="after")
    def _one_at_least(self) -> Names:
        if not self.en.strip() and not self.zh.strip():
            raise wrong("is empty", "write a name, such as `Cards` or `{en: Cards, zh: 银行卡}`")
        return self

    def by_language(self) -> dict[str, str]:
        """Language -> name, only those that are written."""
        return {language: name for language, name in (("en", self.en), ("zh", self.zh)) if name}

    def best(self) -> str:
        """The English name if there is one."""
        return self.en or self.zh


def _from_text(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


DisplayName = Annotated[Names, BeforeValidator(_from_text)]


def milliseconds(seconds: float) -> int:
    """Seconds of the configuration as the actors' whole milliseconds."""
    return round(seconds * 1000)
