"""What the gateway server uses of the cluster's edge.

    stream                      edge
      | open_link ---------------> |
      | receive(frames) ---------> |   seq ascending, none left out
      | refuse(seq, refusal) ----> |   in place of a frame that cannot be routed
      | <----------- send_settled  |   cumulative
      | <------------- send_ahead  |   refused, before those in front are settled
      | <---------- send_commands  |
      | acknowledge(source, n) --> |
      | close ------------------>  |   or close <-- when a newer stream takes over

All calls are made on one event loop and none of them waits, except `ask`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from actors.actor import Message, Refusal
from actors.address import Address
from actors.messages.centre import CentrePlan
from actors.messages.gateway import Command, Frame, FrameSettled
from cluster.telemetry.meter import Meter
from gateways.translate.routing import Centre, Entry


class LinkStream(Protocol):
    """What the edge can do with an open stream; the server implements it."""

    def send_commands(self, commands: Sequence[Command]) -> None:
        """Send these to the adapter, in order; numbered ones again until acknowledged."""

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        """Every frame up to `acknowledged` is committed, or refused and listed."""

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        """These are refused, whatever becomes of those before them; each is settled in its turn besides."""

    def close(self, code: str, detail: str) -> None:
        """End the stream with this gRPC status."""


class EdgeLink(Protocol):
    """An open link at the edge."""

    @property
    def acknowledged(self) -> int:
        """Where the adapter must resume: frames above this are to be sent again."""

    def receive(self, frames: Sequence[Frame]) -> None:
        """Route frames whose numbers go on from the last one received.

        Raises:
            ProtocolViolation: a number is missing, or more are in flight than the window allows.
        """

    def refuse(self, seq: int, refusal: Refusal) -> None:
        """The frame with this number cannot be routed: settle it, refused, in its turn."""

    def acknowledge(self, source: str, number: int) -> None:
        """The adapter handled every command of `source` up to `number`."""

    def close(self, reason: str) -> None:
        """The stream is gone; what is unsettled stays so until the adapter comes back."""


class EdgeAgent(Protocol):
    """Who may sign in."""

    @property
    def name(self) -> str: ...
    @property
    def password_hash(self) -> str: ...
    @property
    def queues(self) -> Sequence[str]: ...


class EdgeQueue(Protocol):
    """A queue as people see it."""

    @property
    def names(self) -> Mapping[str, str]: ...
    @property
    def service_level_s(self) -> float: ...


class EdgeChoice(Protocol):
    """One line of a list to choose from."""

    @property
    def id(self) -> str: ...
    @property
    def names(self) -> Mapping[str, str]: ...


class EdgeCentre(Centre, Protocol):
    """The configuration in force, as far as gateways need it."""

    @property
    def names(self) -> Mapping[str, str]: ...
    @property
    def agents(self) -> Mapping[str, EdgeAgent]: ...
    @property
    def queues(self) -> Mapping[str, EdgeQueue]: ...
    @property
    def channels(self) -> Mapping[str, Mapping[str, Entry]]: ...
    @property
    def dispositions(self) -> Sequence[EdgeChoice]: ...
    @property
    def presence_reasons(self) -> Sequence[EdgeChoice]: ...
    @property
    def skills(self) -> Mapping[str, Mapping[str, str]]: ...
    def is_open(self, entry: Any, at_ms: int) -> bool: ...


class Edge(Protocol):
    """The way into the cluster."""

    @property
    def centre(self) -> EdgeCentre | None: ...
    @property
    def centre_version(self) -> int: ...
    @property
    def meter(self) -> Meter: ...

    def now_ms(self) -> int:
        """Now, in ms since the epoch."""

    def open_link(
        self, name: str, incarnation: str, resume_after: int, window: int, stream: LinkStream, sent: int = 0
    ) -> EdgeLink:
        """Take a link; an older stream of the same name is closed. Frames up to `sent` may have reached a gateway before."""

    async def ask(self, to: Address, message: Message, timeout_s: float = 5.0) -> Message:
        """Ask an actor.

        Raises:
            Refused: it said no.
            Unavailable: no answer in time.
        """

    async def scrape(self, accept: str) -> tuple[bytes, str]:
        """Every metric of the cluster as a page, and its content type."""

    def status(self) -> dict[str, object]:
        """Hosts, the shard table's version, links and pending counts."""


class ActorSummary(Protocol):
    """One stored actor; `host` is empty if no host runs its shard now."""

    @property
    def address(self) -> str: ...
    @property
    def shard(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def version(self) -> int: ...


class ActorPage(Protocol):
    """Some actors in the order of their addresses; `next_token` goes on, and is empty at the end."""

    @property
    def actors(self) -> Sequence[ActorSummary]: ...
    @property
    def next_token(self) -> str: ...


class Operations(Protocol):
    """What operators can do to the cluster besides asking its actors."""

    async def list_actors(self, kind: str, prefix: str, limit: int, token: str) -> ActorPage:
        """Actors that have state."""

    async def show_actor(self, address: Address) -> tuple[ActorSummary, Mapping[str, object]] | None:
        """One actor and its records without customers' words; None if it has no state."""

    def compile_centre(self, source: str) -> CentrePlan:
        """Check a configuration and work out who is to be told what.

        Raises:
            ConfigInvalid: it has problems; all are told.
        """

    async def drain_host(self, host: str) -> None:
        """Move a host's shards elsewhere and end it.

        Raises:
            Refused: there is no such host, or no other.
        """

    async def restart(self, part: str) -> None:
        """Start a host, a gateway that is empty, or the supervisor (an empty name) anew.

        Raises:
            Refused: there is no such part, or no other host.
        """

    async def add_hosts(self, count: int) -> list[str]:
        """Start more hosts; returns their names."""
