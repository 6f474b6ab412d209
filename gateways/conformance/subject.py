"""The adapter under test: how it is started, ended, and made to say something."""

from __future__ import annotations

import asyncio
import shlex
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from gateways.conformance.report import Failed, Skipped
from gateways.conformance.scene import Scene
from trunkline.content.v1 import content_pb2
from trunkline.gateway.v1 import gateway_pb2, messaging_pb2

T = TypeVar("T")

CONVERSATION = "conformance:1"
SOURCE = "conformance"
_STOP_TIMEOUT_S = 10.0
#: Starting a program can take long on a busy machine.
START_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class SubjectOptions:
    """How to run the adapter.

    Attributes:
        command: Starts the adapter; `{target}` and `{token}` are filled in. Empty: somebody else starts it.
        stimulus: A command that makes the channel say something once; `{number}` is filled in. Empty: the adapter
            runs in echo mode and answers every entry that it is shown by a message with the same text.
        token: What the adapter must show.
        patience_s: How long to wait for anything.
    """

    command: str = ""
    stimulus: str = ""
    token: str = "conformance-token"  # noqa: S105  # shown to an adapter under test only
    patience_s: float = 10.0


class Subject:
    """One adapter, over several lives if the kit may start it."""

    def __init__(self, options: SubjectOptions, target: str) -> None:
        self.options = options
        self._target = target
        self._process: asyncio.subprocess.Process | None = None
        self._said = 0
        self._number = 0
        self._starting = bool(options.command)

    @property
    def restartable(self) -> bool:
        """Whether the kit starts and ends the adapter."""
        return bool(self.options.command)

    @property
    def echoes(self) -> bool:
        """Whether the adapter answers every entry that it is shown."""
        return not self.options.stimulus

    async def start(self) -> None:
        """Start the adapter, if that is the kit's business.

        Raises:
            Failed: its program does not exist.
        """
        if not self.restartable:
            return
        command = self.options.command.replace("{target}", self._target).replace("{token}", self.options.token)
        try:
            self._process = await asyncio.create_subprocess_exec(*shlex.split(command))
            self._starting = True
        except (OSError, ValueError) as error:
            raise Failed(f"the adapter cannot be started: {error}") from None

    async def first_sign(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for what the adapter is to do; longer if it has just been started, and no longer than it lives.

        Raises:
            TimeoutError: it did not in time.
            Failed: it ended instead.
        """
        patience_s = START_PATIENCE_S if self._starting else self.options.patience_s
        sign = asyncio.create_task(waiting)
        process = self._process
        ended: asyncio.Task[int | bool] = asyncio.create_task(process.wait() if process is not None else asyncio.Event().wait())
        try:
            async with asyncio.timeout(max(patience_s, self.options.patience_s)):
                await asyncio.wait({sign, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            if not sign.done():
                sign.cancel()
        if not sign.done() and process is not None:
            raise Failed(f"the adapter ended with status {process.returncode}")
        self._starting = False
        return await sign

    async def stop(self, kill: bool = False) -> None:
        """End the adapter, in good order or at once."""
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise Failed(f"the adapter did not end within {_STOP_TIMEOUT_S:g} s of SIGTERM") from None

    async def say(self, scene: Scene, times: int) -> None:
        """Make the channel say something so many times, which is to become so many events."""
        for _ in range(times):
            self._said += 1
            if self.echoes:
                await scene.visit.send(gateway_pb2.GatewayFrame(commands=[self.next_command(f"text {self._said}")]))
            else:
                await self._stimulate(self._said)

    def next_command(self, text: str) -> gateway_pb2.Command:
        """A command to show an entry, with the next number."""
        self._number += 1
        return self.command(self._number, text)

    def command(self, number: int, text: str) -> gateway_pb2.Command:
        """A command to show an entry."""
        entry = content_pb2.Entry(
            number=max(self._said, 1),
            id=text,
            author=content_pb2.AUTHOR_AGENT,
            author_name="Conformance",
            at=1,
            content=content_pb2.Content(text=text),
        )
        show = messaging_pb2.ShowEntries(entries=[entry])
        return gateway_pb2.Command(source=SOURCE, number=number, conversation=CONVERSATION, show_entries=show)

    def need_echo(self) -> None:
        """Go on in echo mode only.

        Raises:
            Skipped: the adapter does not echo, so its handling of commands cannot be seen.
        """
        if not self.echoes:
            raise Skipped("needs an adapter in echo mode")

    async def _stimulate(self, number: int) -> None:
        command = self.options.stimulus.replace("{number}", str(number))
        process = await asyncio.create_subprocess_exec(*shlex.split(command))
        if await process.wait():
            raise Failed(f"the stimulus {command!r} ended with status {process.returncode}")
