"""What operators can do besides asking actors: list and show what is stored, drain a host, compile a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from actors.actor import Message, Record, Refusal
from actors.address import Address, Placement, kind_of
from actors.messages.centre import CentrePlan
from cluster.catalogue import Catalogue
from cluster.config.compile import compile_centre
from cluster.config.load import load_centre
from cluster.config.problems import ConfigProblems
from cluster.errors import ConfigInvalid, PeerGone, Refused, Unavailable
from cluster.host.routes import Routes
from cluster.shard.shard import VERSION_FIELD
from cluster.store.base import Records, Store
from cluster.supervisor.plan import PINNED_HOST_PREFIX
from cluster.transport import ARCHIVER, SUPERVISOR, Transport

#: Record fields that hold what a person wrote; operators see that they are there, not what they say.
PRIVATE_FIELDS = frozenset({"content", "text", "note", "subject", "source", "edge", "password_hash"})
HIDDEN = "(hidden)"
#: Starting a process on a busy machine takes most of it.
DRAIN_TIMEOUT_S = 90.0
_names_decoder = msgspec.msgpack.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class ActorSummary:
    """One stored actor; `host` is empty if no host runs its shard now. `version` is 0 where it was not read."""

    address: str
    shard: str
    host: str
    version: int


@dataclass(frozen=True, slots=True)
class ActorPage:
    """Some actors in the order of their addresses; `next_token` goes on, and is empty at the end."""

    actors: Sequence[ActorSummary]
    next_token: str


class Operations:
    """Reads the store as it is committed; hosts are not disturbed."""

    def __init__(self, store: Store, transport: Transport, placement: Placement, routes: Routes, catalogue: Catalogue) -> None:
        self._store = store
        self._transport = transport
        self._placement = placement
        self._routes = routes
        self._catalogue = catalogue

    async def list_actors(self, kind: str = "", prefix: str = "", limit: int = 100, token: str = "") -> ActorPage:
        """Actors that have state, in the order of their addresses, after `token`."""
        found: list[str] = []
        for shard in await self._store.shards():
            image = await self._store.describe(shard)
            found += [
                live
                for live in image.live
                if live > token and (not kind or kind_of(live) == kind) and live.partition("/")[2].startswith(prefix)
            ]
        found.sort()
        page = [self._summary(Address(live), 0) for live in found[:limit]]
        return ActorPage(page, page[-1].address if len(found) > limit else "")

    async def show_actor(self, address: Address) -> tuple[ActorSummary, Mapping[str, object]] | None:
        """One actor and its records, without what people wrote; None if it has no state."""
        (records,) = await self._store.load(self._placement.shard_of(address), [address])
        if not records:
            return None
        shown = {key: self._show(content) for key, content in sorted(records.items()) if key != VERSION_FIELD}
        return self._summary(address, version_of(records)), shown

    def compile_centre(self, source: str) -> CentrePlan:
        """Compile a configuration's YAML.

        Raises:
            ConfigInvalid: it has problems; the detail lists all of them with their lines.
        """
        try:
            return compile_centre(load_centre(source).centre)
        except ConfigProblems as problems:
            raise ConfigInvalid(str(problems)) from problems

    async def drain_host(self, host: str) -> None:
        """Move a host's shards elsewhere and end it for good; returns when it has gone.

        Raises:
            Refused: there is no such host, or no other that could take its shards.
            Unavailable: the supervisor did not answer.
        """
        self._require_host(host)
        if host.startswith(PINNED_HOST_PREFIX):
            raise Refused(
                Refusal("FAILED_PRECONDITION", f"{host} runs one pinned actor and ends by itself; restart it instead")
            )
        self._require_another(host)
        await self._ask_supervisor("drain", host, DRAIN_TIMEOUT_S)

    async def restart(self, part: str) -> None:
        """Start a host, a gateway, the archiver or the supervisor (an empty name) anew.

        A host is emptied first, and is back when this returns. A gateway is to be emptied before; it, the archiver and the
        supervisor end just after this returns.

        Raises:
            Refused: there is no such part, or no other host that could take a host's shards meanwhile.
            Unavailable: the supervisor did not answer.
        """
        if part and part != ARCHIVER and part not in self._routes.table.gateways:
            self._require_host(part)
            if not part.startswith(PINNED_HOST_PREFIX):
                self._require_another(part)
        await self._ask_supervisor("restart", part, DRAIN_TIMEOUT_S)

    async def add_hosts(self, count: int) -> list[str]:
        """Start more hosts; returns their names once they have their share of the shards.

        Raises:
            Unavailable: the supervisor did not answer.
        """
        return _names_decoder.decode(await self._ask_supervisor("add", str(count), DRAIN_TIMEOUT_S))

    def _require_host(self, host: str) -> None:
        table = self._routes.table
        if host not in table.members:
            known = ", ".join(sorted(table.members)) or "none"
            raise Refused(Refusal("NOT_FOUND", f"there is no host {host!r}; hosts now: {known}"))

    def _require_another(self, host: str) -> None:
        others = [name for name in self._routes.table.hosts if name != host and not name.startswith(PINNED_HOST_PREFIX)]
        if not others:
            detail = f"no other host could take the shards of {host}: add one with `trunkline hosts add 1`"
            raise Refused(Refusal("FAILED_PRECONDITION", detail))

    async def _ask_supervisor(self, method: str, argument: str, timeout_s: float) -> bytes:
        try:
            return await self._transport.call(SUPERVISOR, method, argument.encode(), timeout_s=timeout_s)
        except PeerGone as problem:
            raise Unavailable(f"the supervisor did not answer: {problem.detail}") from problem

    def _summary(self, address: Address, version: int) -> ActorSummary:
        shard = self._placement.shard_of(address)
        return ActorSummary(address, shard, self._routes.host_of(shard) or "", version)

    def _show(self, content: bytes) -> object:
        return {"type": type(record := self._catalogue.codec.record(content)).__name__, **without_words(record)}


def version_of(records: Records) -> int:
    """The actor's version in its stored records."""
    return msgspec.msgpack.decode(records[VERSION_FIELD], type=int) if VERSION_FIELD in records else 0


def without_words(value: Record | Message | msgspec.Struct) -> dict[str, object]:
    """A struct as a plain dict, with what people wrote hidden."""
    return {name: HIDDEN if name in PRIVATE_FIELDS else _plain(getattr(value, name)) for name in value.__struct_fields__}


def _plain(value: object) -> object:
    match value:
        case msgspec.Struct():
            return without_words(value)
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in value]
        case _:
            return value
