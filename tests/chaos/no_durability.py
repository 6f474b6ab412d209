"""A planted defect, as a plug-in of the layout: hosts answer before they commit, and their commits come to nothing.

What a host acknowledges then is in its memory only; the first fault that ends the host loses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.actor import Actor, Event, Message, Record
from cluster.store.base import Commit, CommitOutcome
from cluster.store.redis import RedisStore

ACTOR_TYPES: dict[str, type[Actor]] = {}
MESSAGE_TYPES: tuple[type[Message], ...] = ()
RECORD_TYPES: tuple[type[Record], ...] = ()
EVENT_TYPES: tuple[type[Event], ...] = ()

_commit = RedisStore.commit
_late: dict[int, list[Commit]] = {}
#: So many commits are under way at any moment: about a third of a second of the test's load.
HELD_BACK = 20


async def acknowledged_before_commit(self: RedisStore, commits: Sequence[Commit]) -> list[CommitOutcome]:
    """Say that everything is stored, and store it once enough has gathered."""
    late = _late.setdefault(id(self), [])
    late.extend(commits)
    while len(late) > HELD_BACK:
        batch: dict[str, Commit] = {}
        while late and late[0].shard not in batch:
            commit = late.pop(0)
            batch[commit.shard] = commit
        await _commit(self, list(batch.values()))
    return [CommitOutcome.APPLIED for _ in commits]


RedisStore.commit = acknowledged_before_commit  # type: ignore[method-assign]  # that is the defect
