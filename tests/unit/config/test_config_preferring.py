"""Preferred agents in a configuration: what they compile to, and what hardly can be meant."""

from __future__ import annotations

import pytest

from actors.messages.centre import Prefer
from cluster.config.compile import queue_config
from cluster.config.load import load_centre
from cluster.config.problems import ConfigProblems
from tests.unit.config.test_config_errors import BASE

LINE = "    offer_timeout_s: 20\n"


def written(*lines: str) -> str:
    """The base with these lines in the queue `cards`."""
    return BASE.replace(LINE, "".join(f"    {line}\n" for line in lines))


def test_a_preference_compiles() -> None:
    """Seconds become ms; what is left out asks for nobody, and for nobody who is away."""
    both = "prefer: {dedicated: manager, last_within_s: 86400, for_s: 45, only_if_signed_in: false, answer_within_s: 0.25}"
    assert queue_config("cards", load_centre(written(both)).centre).prefer == Prefer(45_000, "manager", 86_400_000, False, 250)
    last = queue_config("cards", load_centre(written("prefer: {last_within_s: 60}")).centre).prefer
    assert last == Prefer(30_000, "", 60_000, True, 500)
    assert queue_config("general", load_centre(BASE).centre).prefer is None


@pytest.mark.parametrize("text", ["{}", "{for_s: 30}", "{last_within_s: 0}", "{last_within_s: 60, for_s: 0}"])
def test_a_preference_for_nobody_is_an_error(text: str) -> None:
    """The line is named, with what to write."""
    with pytest.raises(ConfigProblems) as found:
        load_centre(written(f"prefer: {text}"))
    assert "prefer" in str(found.value)


def test_a_wait_that_leaves_no_time_for_others_is_a_warning() -> None:
    """A rule of overflow that acts before the time of the one agent is over: nobody else would ever be asked."""
    text = written("prefer: {last_within_s: 60, for_s: 90}", "overflow: [{after_s: 60, queue: general}]")
    (warning,) = (one for one in load_centre(text).warnings if "one agent" in one.problem)
    assert (warning.mark.line, warning.problem) == (
        text.splitlines().index("    prefer: {last_within_s: 60, for_s: 90}") + 1,
        "waits for one agent until a rule of overflow acts after 60 s, and nobody else is asked",
    )
    fine = text.replace("for_s: 90", "for_s: 30")
    assert not [one for one in load_centre(fine).warnings if "one agent" in one.problem]


@pytest.mark.parametrize(
    ("queue", "profile"),
    [
        (("offers: {no_answer: available, no_answer_backoff_s: 0}",), ""),
        (("reject_backoff_s: 0", "offers: {no_answer: available}"), ""),
        (("reject_backoff_s: 0",), "\n    offers: {no_answer: available}"),
    ],
)
def test_asking_the_same_agent_for_ever_is_a_warning(queue: tuple[str, ...], profile: str) -> None:
    """An agent who never answers, stays available and is asked again at once is asked before everybody else, for ever."""
    text = written(*queue).replace("capacity: {webchat: 3}", f"capacity: {{webchat: 3}}{profile}")
    (warning,) = (one for one in load_centre(text).warnings if "asked again at once" in one.problem)
    assert warning.path.startswith("queues.cards")
    fine = text.replace("_backoff_s: 0", "_backoff_s: 5")
    assert not [one for one in load_centre(fine).warnings if "asked again at once" in one.problem]
