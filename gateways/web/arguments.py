"""The command line that page servers have in common, and how they run until they are told to stop."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

import structlog

from gateways import sdk
from gateways.web.listening import Address, CannotListen

log = structlog.get_logger(__name__)

#: The exit status of a program that was set up wrongly; the standard error stream says how.
WRONG_SETUP = 2


class Running(Protocol):
    """A started page server."""

    url: str

    async def failed(self) -> None:
        """Return when the server cannot go on; raise why."""


class WrongSetup(Exception):
    """An argument or a file is not as it must be; the text says what to write."""


def page_server_parser(program: str, about: str, listen: str, name: str) -> argparse.ArgumentParser:
    """A parser with everything that every page server takes."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    parser.add_argument("--gateway", action="append", metavar="HOST:PORT", help="a gateway; repeat for others to fall back on")
    parser.add_argument("--listen", default=listen, metavar="HOST:PORT", help=f"where browsers connect (default {listen})")
    parser.add_argument("--name", default=name, help=f"the link's name, kept over restarts (default {name})")
    parser.add_argument("--token-file", type=Path, help="a file that holds the bearer token for the gateway")
    parser.add_argument("--data-dir", type=Path, default=Path(f".trunkline/{name}"), help="what must survive a restart")
    parser.add_argument("--public-url", default="", help="how browsers reach this server, if not at the address listened on")
    parser.add_argument("--max-attachment-mb", type=float, default=10.0, help="the largest file (default 10)")
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="ORIGIN", help="a site that may connect; repeat for more"
    )
    tls = parser.add_argument_group("TLS to the gateway (PEM files)")
    tls.add_argument("--tls", action="store_true", help="use TLS with the system's authorities")
    tls.add_argument("--tls-ca", type=Path, help="who signed the gateway's certificate")
    tls.add_argument("--tls-cert", type=Path, help="this adapter's certificate, for mutual TLS")
    tls.add_argument("--tls-key", type=Path, help="its key")
    return parser


def link_options(arguments: argparse.Namespace) -> sdk.LinkOptions:
    """How to reach the gateway.

    Raises:
        WrongSetup: a file cannot be read.
    """
    token = _read(arguments.token_file).decode().strip() if arguments.token_file else ""
    uses_tls = arguments.tls or arguments.tls_ca or arguments.tls_cert
    tls = None
    if uses_tls:
        ca, certificate, key = (path and _read(path) for path in (arguments.tls_ca, arguments.tls_cert, arguments.tls_key))
        tls = sdk.TlsOptions(ca=ca, certificate=certificate, key=key)
    targets = tuple(arguments.gateway or ["127.0.0.1:7350"])
    return sdk.LinkOptions(target=targets, name=arguments.name, token=token, tls=tls)


def listen_address(arguments: argparse.Namespace) -> Address:
    """Where to listen.

    Raises:
        WrongSetup: it is not HOST:PORT.
    """
    try:
        return Address.parse(arguments.listen)
    except ValueError as error:
        raise WrongSetup(str(error)) from None


def run(make: Callable[[], AbstractAsyncContextManager[Running]]) -> int:
    """Run a server until SIGINT or SIGTERM; returns the exit status."""
    try:
        asyncio.run(_serve(make))
    except (WrongSetup, CannotListen, sdk.LinkFailed, ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return WRONG_SETUP
    return 0


async def _serve(make: Callable[[], AbstractAsyncContextManager[Running]]) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with make() as server:
        log.info("listening", url=server.url)
        stop = asyncio.create_task(stopping.wait())
        fail = asyncio.create_task(server.failed())
        done, waiting = await asyncio.wait({stop, fail}, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        for task in done:
            task.result()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongSetup(f"{path} cannot be read: {error.strerror}") from None
