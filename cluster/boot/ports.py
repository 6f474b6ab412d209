"""Finds out before anything starts that a port is in use, and by which part of the layout it is wanted."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from cluster.config.layout import split_listen
from cluster.errors import StartupFailed


def require_free_ports(listeners: Iterable[tuple[str, str]]) -> None:
    """Check every (owner, `host:port`).

    Raises:
        StartupFailed: one is in use or cannot be bound; the detail names it and says what to do.
    """
    for owner, address in listeners:
        host, port = split_listen(address)
        if not port:
            continue
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as problem:
                raise StartupFailed(
                    f"{owner} cannot listen on {address}: {problem.strerror}. End what uses it, or choose another port with "
                    f"`listen` in ray_config.yaml"
                ) from problem
