"""Warns of rules that never act: shadowed by an earlier one, borrowing from who does not lend, going round in a circle;
of a wait for one agent that leaves no time for the others, and of offers that never go to anybody else.

Invariants kept: a rule that is warned of as shadowed acts on nobody, but for those who come back by a circle.
"""

from __future__ import annotations

from collections.abc import Iterator

from cluster.config.document import Document
from cluster.config.overflow import circles, covers
from cluster.config.problems import Problem
from cluster.config.schema import Centre


def without_effect(document: Document, centre: Centre) -> Iterator[Problem]:
    """Rules of overflow and of arrival that cannot be meant as they are, and a switch that is thrown."""
    yield from _shadowed(document, centre)
    yield from _not_lent(document, centre)
    yield from _circles(document, centre)
    yield from _preferences(document, centre)
    yield from _repeated(document, centre)
    yield from _doors(document, centre)
    if centre.emergency.active:
        problem = "the emergency switch is thrown: newcomers do not reach their queues"
        yield document.problem(
            ("emergency", "active"), problem, "write false, or `trunkline config emergency off`, when it is over"
        )


def _shadowed(document: Document, centre: Centre) -> Iterator[Problem]:
    for queue_id, queue in centre.queues.items():
        for number, rule in enumerate(queue.overflow):
            earlier = next((one for one in range(number) if covers(queue.overflow[one], rule)), None)
            if earlier is not None:
                problem = f"never acts: rule {earlier + 1} of the queue holds whenever this one does"
                yield document.problem(
                    ("queues", queue_id, "overflow", number), problem, "put it before that one, or delete it"
                )


def _not_lent(document: Document, centre: Centre) -> Iterator[Problem]:
    for queue_id, queue in centre.queues.items():
        for number, rule in enumerate(queue.overflow):
            for position, name in enumerate(rule.borrow):
                lends = centre.queues[name].lends
                if lends is None or (lends.to and queue_id not in lends.to):
                    at = ("queues", queue_id, "overflow", number, "borrow", position)
                    advice = f"add `lends: {{to: [{queue_id}]}}` to the queue `{name}`, or delete it here"
                    yield document.problem(at, f"the queue `{name}` does not lend to `{queue_id}`", advice)


def _circles(document: Document, centre: Centre) -> Iterator[Problem]:
    for queue_id, number, way in circles({queue_id: queue.overflow for queue_id, queue in centre.queues.items()}):
        problem = f"overflow can go round in a circle: {' -> '.join(way)}"
        advice = "nobody is moved twice out of one queue, so they stay where they come back to; see that this is meant"
        yield document.problem(("queues", queue_id, "overflow", number), problem, advice)


def _preferences(document: Document, centre: Centre) -> Iterator[Problem]:
    for queue_id, queue in centre.queues.items():
        waits = [rule.after_s for rule in queue.overflow if rule.after_s is not None and not rule.borrow]
        if queue.prefer is not None and waits and min(waits) <= queue.prefer.for_s:
            problem = f"waits for one agent until a rule of overflow acts after {min(waits):g} s, and nobody else is asked"
            advice = f"write less than {min(waits):g}, so that other agents are asked before"
            yield document.problem(("queues", queue_id, "prefer", "for_s"), problem, advice)


def _repeated(document: Document, centre: Centre) -> Iterator[Problem]:
    """Who never answers, stays available and is asked again at once is asked for ever, being idle for longest."""
    staying = [name for name, profile in centre.routing_profiles.items() if profile.offers.no_answer == "available"]
    for queue_id, queue in centre.queues.items():
        offers = queue.offers
        back_off_s = queue.reject_backoff_s if offers.no_answer_backoff_s is None else offers.no_answer_backoff_s
        serving = [name for name in staying if queue_id in centre.routing_profiles[name].queues]
        if back_off_s or not (offers.no_answer == "available" or (offers.no_answer is None and serving)):
            continue
        problem = "an agent who does not answer stays available and is asked again at once, before anybody else"
        advice = "write `no_answer_backoff_s: 10` under `offers`, or another `no_answer`"
        yield document.problem(("queues", queue_id, "offers"), problem, advice)


def _doors(document: Document, centre: Centre) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for number, rule in enumerate(centre.arrival_rules):
        earlier = seen.get("", seen.get(rule.when))
        if earlier is not None:
            why = "holds of every arrival" if not centre.arrival_rules[earlier].when else "has the same `when`"
            problem = f"never acts: rule {earlier + 1} comes before it and {why}"
            yield document.problem(("arrival_rules", number), problem, "put it before that one, or delete it")
        seen.setdefault(rule.when, number)
