"""An adapter in echo mode, over the Python SDK: it answers every entry that it is shown by a message of the same text.

The conformance kit is run against it, and it shows how little an adapter needs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys

from gateways.sdk import GatewayLink, LinkOptions, SdkError
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2


async def echo(link: GatewayLink) -> None:
    """Answer until the link is closed."""
    async for command in link.commands():
        for entry in command.show_entries.entries:
            content = content_pb2.Content(text=entry.content.text)
            body = messaging_pb2.MessageReceived(content=content)
            # Not `send`: the next command may come before this event is settled.
            await link.post(gateway_pb2.Event(id=f"echo-{entry.id}", conversation=command.conversation, message_received=body))


async def run(options: LinkOptions) -> None:
    """Stay linked until told to end.

    Raises:
        SdkError: the link cannot be mended.
    """
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    async with GatewayLink(options) as link:
        answering, told = asyncio.create_task(echo(link)), asyncio.create_task(ending.wait())
        await asyncio.wait({answering, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if answering.done():
            answering.result()
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering


def main() -> int:
    """Run as a script; 1 if the link failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gateway", required=True, metavar="HOST:PORT")
    parser.add_argument("--token", default="")
    parser.add_argument("--name", default="echo-1")
    given = parser.parse_args()
    try:
        asyncio.run(run(LinkOptions(given.gateway, given.name, given.token, software="trunkline-echo")))
    except SdkError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command line speaks
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
