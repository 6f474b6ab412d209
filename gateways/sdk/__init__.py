"""The Python SDK for channel adapters, desks and operators; it needs a gateway's address and a token, nothing else.

    async with GatewayLink(LinkOptions(target="127.0.0.1:7350", name="webchat-1", token=token)) as link:
        await link.send(gateway_pb2.Event(conversation="webchat:1", conversation_opened=opened))
        async for command in link.commands():
            ...
"""

from gateways.sdk.clients import AdminClient, DeskClient, SignedIn
from gateways.sdk.errors import CallFailed, LinkClosed, LinkFailed, LinkTakenOver, Refused, SdkError
from gateways.sdk.link import DeskLink, GatewayLink, Link
from gateways.sdk.options import Backoff, LinkOptions, TlsOptions

__all__ = [
    "AdminClient",
    "Backoff",
    "CallFailed",
    "DeskClient",
    "DeskLink",
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
