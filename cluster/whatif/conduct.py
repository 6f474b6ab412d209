"""How the people of a simulated centre behave: customers' needs and patience, agents' answering and after-work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cluster.whatif.arrivals import Arrivals, Door, Floats
from cluster.whatif.centre_file import CentreFile
from cluster.whatif.laws import Law, Laws

#: Offers of one customer that are drawn beforehand; later ones begin again with the first draw.
OFFERS_DRAWN: Final = 4
BACKS_DRAWN: Final = 1_021


@dataclass(frozen=True, slots=True)
class Conduct:
    """What is assumed of people. Shares are of offers; agents who answer an offer do so after the law `answer`."""

    service: Laws
    patience: Laws
    answer: Law = field(default=Law("fixed:3", "fixed", 3.0))
    #: Offers that ring unheard to their deadline (RONA), and those that are refused.
    no_answer: float = 0.0
    reject: float = 0.0
    #: After how long an agent who missed an offer is available again.
    back: Law = field(default=Law("fixed:60", "fixed", 60.0))
    #: Real after-work; the queue's `wrap_up_s` in whole where there is none, and its bound where there is.
    wrap_up: Law | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What was drawn for the customers of one replication: the same, whatever the configuration does with them."""

    services_s: Floats
    patiences_s: Floats
    #: One row a customer: what becomes of each offer, and when it is answered, as numbers of 0 to 1.
    fates: Floats
    answers: Floats
    wraps: Floats
    #: Of agents who missed an offer, in the order in which it happens.
    backs: Floats

    @classmethod
    def drawn(cls, arrivals: Arrivals, random: np.random.Generator) -> Needs:
        """Draw the numbers that times are made of."""
        count = len(arrivals)
        services, patiences, wraps = random.random((3, count))
        fates, answers = random.random((2, count, OFFERS_DRAWN))
        return cls(services, patiences, fates, answers, wraps, random.random(BACKS_DRAWN))

    def under(self, conduct: Conduct, arrivals: Arrivals, doors: list[tuple[str, str]]) -> tuple[Floats, Floats]:
        """Handling times and patience (s) by the laws, but those that the arrivals bring with them.

        Args:
            doors: Queue and channel of each door.
        """
        services, patiences = np.empty(len(arrivals)), np.empty(len(arrivals))
        for index, (queue, channel) in enumerate(doors):
            those = arrivals.doors == index
            services[those] = conduct.service.of(queue, channel).times_s(self.services_s[those])
            patiences[those] = conduct.patience.of(queue, channel).times_s(self.patiences_s[those])
        return (
            np.where(np.isnan(arrivals.services_s), services, arrivals.services_s),
            np.where(np.isnan(arrivals.patiences_s), patiences, arrivals.patiences_s),
        )


def doors_of(centre: CentreFile, doors: tuple[Door, ...]) -> list[tuple[str, str]]:
    """Queue and channel of each door."""
    edge = centre.edge
    found = []
    for door in doors:
        entry = edge.entry(door.channel, door.entry_point)
        assert entry is not None, "doors are checked when they are read"
        found.append((entry.queue, door.channel))
    return found
