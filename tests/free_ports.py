"""Ports that nobody listens on now."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A free loopback port; taken by nobody unless somebody is very quick."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
