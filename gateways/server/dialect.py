"""What differs between the links of channel adapters and of desks: the frames, and who may be spoken for.

Kept: a desk's link speaks for an agent only after that agent's signed token was seen on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from actors.actor import Message
from actors.address import Address
from actors.messages.gateway import Command
from gateways.server.access import SignIns
from gateways.server.edge import Edge
from gateways.server.failures import Failure
from gateways.translate.channel_commands import channel_command
from gateways.translate.channel_events import CHANNEL_EVENTS, route_channel_event
from gateways.translate.desk_commands import desk_command
from gateways.translate.desk_events import DESK_EVENTS, route_desk_event
from gateways.translate.routing import Origin, Unroutable
from trunkline.desk.v1 import desk_pb2
from trunkline.gateway.v1 import gateway_pb2
from trunkline.link.v1 import link_pb2


class Dialect(Protocol):
    """How one kind of link speaks; one object for each stream."""

    name: ClassVar[str]
    frame_name: ClassVar[str]
    capabilities: ClassVar[Sequence[str]]

    def opened(self, hello: link_pb2.Hello) -> None:
        """The stream said Hello."""

    def outgoing(self) -> Any:
        """An empty frame to the adapter."""

    def route(self, event: Any, origin: Origin) -> tuple[Address, Message]:
        """Who is to be told what.

        Raises:
            Unroutable: nobody.
        """

    def command(self, command: Command) -> Any:
        """A command for the wire."""

    def empty_command(self, *, source: str, number: int) -> Any:
        """A command that the adapter acknowledges without doing anything."""


class ChannelDialect:
    """Channel adapters."""

    name: ClassVar[str] = "gateway"
    frame_name: ClassVar[str] = "trunkline.gateway.v1.AdapterFrame"
    capabilities: ClassVar[Sequence[str]] = tuple(CHANNEL_EVENTS)

    outgoing = gateway_pb2.GatewayFrame
    empty_command = gateway_pb2.Command
    route = staticmethod(route_channel_event)
    command = staticmethod(channel_command)

    def opened(self, hello: link_pb2.Hello) -> None:
        """Nothing is to be done."""


class DeskDialect:
    """Desks."""

    name: ClassVar[str] = "desk"
    frame_name: ClassVar[str] = "trunkline.desk.v1.DeskFrame"
    capabilities: ClassVar[Sequence[str]] = tuple(DESK_EVENTS)

    outgoing = desk_pb2.DeskGatewayFrame
    empty_command = desk_pb2.Command
    command = staticmethod(desk_command)

    def __init__(self, edge: Edge, sign_ins: SignIns) -> None:
        self._edge = edge
        self._sign_ins = sign_ins
        self._agents: set[str] = set()

    def opened(self, hello: link_pb2.Hello) -> None:
        """Take up the agents that were signed in on the link's earlier stream."""
        for grant in hello.grants:
            try:
                self._agents.add(self._sign_ins.agent_of(self._edge.centre, grant))
            except Failure:
                # The agent's events will be refused, which tells the desk more than a closed stream would.
                continue

    def route(self, event: desk_pb2.Event, origin: Origin) -> tuple[Address, Message]:
        """Route an event of an agent who is signed in here."""
        to, message = route_desk_event(event, origin)
        if event.HasField("sign_in"):
            self._sign_in(event)
        elif event.agent not in self._agents:
            detail = (
                f"agent {event.agent!r} is not signed in on this link; send sign_in with the token of DeskService.SignIn first"
            )
            raise Unroutable("PERMISSION_DENIED", detail, "agent")
        elif event.HasField("sign_out"):
            self._agents.discard(event.agent)
        return to, message

    def _sign_in(self, event: desk_pb2.Event) -> None:
        try:
            agent = self._sign_ins.agent_of(self._edge.centre, event.sign_in.token)
        except Failure as failure:
            raise Unroutable(failure.code, failure.detail, "sign_in.token") from None
        if agent != event.agent:
            detail = "sign_in.token was signed for another agent"
            raise Unroutable("PERMISSION_DENIED", detail, "sign_in.token")
        self._agents.add(agent)
