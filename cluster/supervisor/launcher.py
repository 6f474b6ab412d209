"""What the supervisor asks of whatever runs processes: Ray, the event loop of a test, or the simulator."""

from __future__ import annotations

from typing import Protocol


class Launcher(Protocol):
    """Starts and ends host processes."""

    async def start_host(self, name: str) -> None:
        """Start a host unless it runs; it can be called once this returns."""
        ...

    async def stop_host(self, name: str) -> None:
        """End a host for good."""
        ...

    async def wait_for_death(self, name: str) -> None:
        """Return as soon as the host's process is known to be dead."""
        ...

    async def restart(self, peer: str) -> None:
        """Have the supervisor's or a gateway's process ended soon, and started again."""
        ...

    async def resign(self) -> None:
        """End the process of the supervisor that asks. If it is the one that the name leads to, it is started again."""
        ...
