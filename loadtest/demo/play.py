"""Plays one run: agents sign in, customers come, everybody goes home; then what was seen settles.

Kept: a run ends: when nothing at all happens for a while it is given up, and what did not end is reported.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

from gateways.sdk import CallFailed, DeskClient, Refused, SdkError
from loadtest.demo.observed import Observed
from loadtest.demo.page import Page
from loadtest.demo.plan import Run
from loadtest.demo.shift import CONFIGURED_WITHIN_S, GROUP, Shift
from loadtest.demo.wire import FOR_NOW
from loadtest.failures import DemoFailed, ProductUnusable
from loadtest.product import Access
from trunkline.desk.v1 import desk_pb2

#: Nothing from the cluster for so long: more than an offer rings, and a literal actor starts.
STALLED_AFTER_S: Final = 60.0
STEP_S: Final = 1.0
#: How long the last commands may take to arrive once everybody has gone.
SETTLED_WITHIN_S: Final = 10.0


class RunFailed(DemoFailed):
    """The cluster said no to something that a demo may do."""


async def play(access: Access, run: Run, observed: Observed, tell: Callable[[str], None]) -> None:
    """Play a run to its end, or until it stalls; `observed` has all of it afterwards.

    Raises:
        ProductUnusable: the product cannot be reached, or has not the sample centre's agents.
        RunFailed: it refused something.
    """
    try:
        async with AsyncExitStack() as stack:
            page = Page(access, run, observed)
            stack.push_async_callback(page.close)
            await page.open()
            shift = Shift(access, run, observed)
            stack.push_async_callback(shift.close)
            await shift.open()
            tell(f"signing {run.agents} agents in")
            agents, queues = await _find(access, run.agents, observed)
            if not await _while_alive(shift.start(agents, queues), page, shift, observed, CONFIGURED_WITHIN_S):
                raise ProductUnusable(f"the cluster fell silent while agents signed in, for {CONFIGURED_WITHIN_S:g} s")
            tell(f"{len(run.plans)} customers are coming")
            stalled_after_s = STALLED_AFTER_S * max(1.0, run.pace) + run.longest_gap_s
            if await _while_alive(_work(page, shift), page, shift, observed, stalled_after_s):
                await _settle(observed)
    except (SdkError, ExceptionGroup) as error:
        raise _explained(error, access) from error


def _explained(error: Exception, access: Access) -> DemoFailed:
    """The first cause, in words that say what to do."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    match error:
        case DemoFailed():
            return error
        case Refused():
            return RunFailed(f"the cluster refused what a demo does: {error.detail}; does the sample centre run there?")
        case SdkError():
            return ProductUnusable(f"the link to {', '.join(access.targets)} failed: {error}")
    raise error


async def _work(page: Page, shift: Shift) -> None:
    await page.receive()
    await shift.finish()


async def _read_directory(access: Access, observed: Observed) -> desk_pb2.ReadDirectoryResponse:
    """Who works there, once the gateway knows."""
    give_up_at = observed.clock() + CONFIGURED_WITHIN_S
    async with DeskClient(access.targets, access.desk_token) as client:
        while observed.clock() < give_up_at:
            try:
                directory = await client.read_directory()
                if directory.version:
                    return directory
            except CallFailed as failed:
                if failed.code not in FOR_NOW:
                    raise ProductUnusable(f"the gateway does not tell its agents: {failed.detail}") from failed
            await asyncio.sleep(0.2)
    raise ProductUnusable("the gateway has no configuration; apply one with `trunkline config apply`")


async def _find(access: Access, wanted: int, observed: Observed) -> tuple[list[str], list[str]]:
    """Agents to sign in, and queues to transfer to."""
    directory = await _read_directory(access, observed)
    agents = sorted(agent.id for agent in directory.agents if agent.id.startswith(GROUP))
    if len(agents) < wanted:
        raise ProductUnusable(
            f"the running contact centre has {len(agents)} agents called `{GROUP}…` as in the sample, and {wanted} are wanted: "
            f"lower --agents, or end the product with `trunkline down` so that the demo starts its own"
        )
    return agents[:wanted], [queue.id for queue in directory.queues]


async def _while_alive(
    work: Coroutine[Any, Any, None], page: Page, shift: Shift, observed: Observed, stalled_after_s: float
) -> bool:
    """Do the work, but no longer than the links hold and something happens; whether it was done."""
    task = asyncio.create_task(work)
    watch = asyncio.create_task(_stalled(observed, stalled_after_s))
    try:
        assert page.reader is not None and shift.reader is not None
        await asyncio.wait({task, watch, page.reader, shift.reader, shift.failed}, return_when=asyncio.FIRST_COMPLETED)
        for future in (page.reader, shift.reader, shift.failed, task):
            if future.done():
                future.result()
        return task.done()
    finally:
        task.cancel()
        watch.cancel()
        await asyncio.gather(task, watch, return_exceptions=True)


async def _stalled(observed: Observed, after_s: float) -> None:
    """Return when nothing has come from the cluster for this long, counted in short steps.

    One long wait would also count a pause of the whole machine, during which the cluster could not have spoken.
    """
    silent_s = 0.0
    while silent_s < after_s:
        try:
            async with asyncio.timeout(STEP_S):
                await observed.next_command()
            silent_s = 0.0
        except TimeoutError:
            silent_s += STEP_S


async def _settle(observed: Observed) -> None:
    """Wait for what is still under way to the desks, as far as anything is missed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while observed.problems():
                await observed.next_command()
