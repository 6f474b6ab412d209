"""The Python SDK for channel adapters, desks and operators.

    async with GatewayLink(LinkOptions(target="127.0.0.1:7350", name="webchat-1", token=token)) as link:
        await link.send(gateway_pb2.Event(conversation="webchat:1", conversation_opened=opened))
        async for command in link.commands():
            ...

Kept: it needs a gateway's address and a token, and nothing else of Trunkline but the wire contracts.
"""

from gateways.sdk.clients import AdminClient, DeskClient, GatewayClient, SignedIn
from gateways.sdk.errors import CallFailed, LinkClosed, LinkFailed, LinkTakenOver, Refused, SdkError
from gateways.sdk.link import DeskLink, GatewayLink, Link
from gateways.sdk.options import Backoff, LinkOptions, TlsOptions

__all__ = [
    "AdminClient",
    "Backoff",
    "CallFailed",
    "DeskClient",
    "DeskLink",
    "GatewayClient",
    "GatewayLink",
    "Link",
    "LinkClosed",
    "LinkFailed",
    "LinkOptions",
    "LinkTakenOver",
    "Refused",
    "SdkError",
    "SignedIn",
    "TlsOptions",
]
