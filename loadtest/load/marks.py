"""What the generator writes into its own arrivals and messages so that whoever receives them knows when they were meant.

Customers and agents may be played by different processes; so the instant travels with the conversation itself, and
nobody needs a table of all of them.
"""

from __future__ import annotations

from typing import Final

#: In every message of a customer: must stand in no log.
WORDS: Final = "I am still waiting for my card, can you tell me when it will arrive?"
REPLY: Final = "Thank you for waiting, let me look that up for you right now."


def subject_of(meant_at: float, talk_ms: float) -> str:
    """An arrival's subject; `talk_ms` is how long the agent is to talk, 0 for until the customer ends it."""
    return f"load {meant_at:.3f} {talk_ms:.0f}"


def read_subject(subject: str) -> tuple[float, float] | None:
    """(meant_at, talk_ms); None for somebody else's arrival."""
    word, *numbers = subject.split(" ")
    return (float(numbers[0]), float(numbers[1])) if word == "load" and len(numbers) == 2 else None


def text_of(meant_at: float, words: str) -> str:
    """A message."""
    return f"{meant_at:.3f} {words}"


def meant_at_of(text: str) -> float:
    """When a message of `text_of` was meant to be sent."""
    return float(text.partition(" ")[0])
