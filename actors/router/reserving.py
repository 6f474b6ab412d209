"""Whether an agent holds back, from what the matching sees (`actors.routing.reserve`).

Keeps: nobody holds back but for agents at work who may be asked.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from actors.address import Address
from actors.routing.reserve import holds_back

if TYPE_CHECKING:
    from actors.router.matching import Candidate, Pool


def holds_back_from(agents: Mapping[Address, Candidate], agent: Candidate, pool: Pool, excluded: Container[Address]) -> bool:
    """Whether this free agent leaves the pool to agents of less breadth, who are at work.

    Args:
        agents: Everybody.
        excluded: Who lately said no to what waits there, so that nobody should wait for them.
    """
    if not agent.hold_back or pool.waiting > agent.hold_back:
        return False
    narrower = [other for other in agent.pools if other.members < pool.members]
    if not narrower:
        return False
    last_free = not any(len(other.free) > (agent.address in other.free) for other in narrower)
    busy = any(
        one.breadth < agent.breadth and one.load + len(one.claims) > 0 and not one.has_room(pool.channel, pool.labels)
        for one in map(agents.__getitem__, pool.members)
        if one.address not in excluded
    )
    return holds_back(pool.waiting, agent.hold_back, last_free, busy)
