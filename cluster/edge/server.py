"""Opens the server of an edge by the import path that the layout gives, so that `cluster` imports no gateway."""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from cluster.edge.edge import Edge
from cluster.errors import StartupFailed
from cluster.operations import Operations


class Server(Protocol):
    """What a server factory returns: something that listens for adapters."""

    async def drain(self) -> None:
        """Tell adapters to go elsewhere, settle what is under way, and close."""
        ...

    async def stop(self) -> None:
        """Close now."""
        ...


class ServerFactory(Protocol):
    """What `module:function` in a layout must name."""

    async def __call__(self, name: str, settings: dict[str, Any], edge: Edge, operations: Operations) -> Server: ...


async def open_server(factory: str, name: str, settings: dict[str, Any], edge: Edge, operations: Operations) -> Server:
    """Import the factory and open its server.

    Raises:
        StartupFailed: the path names nothing that can be called, or the server cannot listen.
    """
    module_name, _, function_name = factory.partition(":")
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except (ImportError, AttributeError, ValueError) as problem:
        raise StartupFailed(f"the gateway factory {factory!r} cannot be imported: {problem}") from problem
    return await cast(ServerFactory, function)(name, settings, edge, operations)
