"""A page server's listening socket, from `HOST:PORT` to the URL that a browser opens.

Invariants: an address that cannot be listened on is one clear error, before anything else has started; stopping closes
every page's connection and waits for their handlers.
"""

from __future__ import annotations

import errno
import logging
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

STOP_WITHIN_S = 3.0
#: How long the rest of a refused upload is still read, so that the page reads the refusal before its connection ends.
LINGER_S = 2.0


class CannotListen(Exception):
    """The address cannot be listened on; the text says why and what to do."""


_PEERS_FAULTS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it tells of a defect here. A peer whose bytes are no HTTP got its 400; it must not fill our log too."""
    return record.exc_info is None or not isinstance(record.exc_info[1], _PEERS_FAULTS)


_http_log = logging.getLogger("gateways.web.http")
_http_log.addFilter(_is_ours)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `HOST:PORT`; an IPv6 host stands in brackets.

        Raises:
            ValueError: it is not of that form.
        """
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"an address to listen on is HOST:PORT such as 127.0.0.1:7380, not {text!r}")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Listener:
    """One aiohttp application on one address."""

    def __init__(self, app: web.Application, address: Address) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=STOP_WITHIN_S,
            handle_signals=False,
            logger=_http_log,
            lingering_time=LINGER_S,
        )
        self._address = address

    async def start(self) -> str:
        """Listen, and return the URL.

        Raises:
            CannotListen: the port is in use, or the address is not this machine's.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address.host, self._address.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise CannotListen(f"{self._address} is in use by another program; stop it or choose another port") from None
            raise CannotListen(f"cannot listen on {self._address}: {error.strerror or error}") from None
        port = self._runner.addresses[0][1]
        return f"http://{Address(self._address.host, port)}"

    async def stop(self) -> None:
        """Close the socket and every connection."""
        await self._runner.cleanup()
