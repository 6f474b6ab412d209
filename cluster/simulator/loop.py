"""An event loop in virtual time, and the simulated processes that live in it.

Keeps: nothing waits for real time and nothing reads a socket, so a run is a function of its seed; callbacks run in the
order of their due times, equal ones in the order they were scheduled; what belongs to a dead process never runs again,
and what belongs to a frozen one (SIGSTOP) waits until it is thawed.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar

T = TypeVar("T")

#: Finished tasks are looked through for failures whenever this many have piled up.
TASKS_KEPT = 4_000


class Process:
    """One simulated operating-system process: whatever runs in its context is its own, and stops with it."""

    __slots__ = ("busy_s", "context", "held", "is_dead", "is_frozen", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.is_frozen = False
        #: How much real processor time its callbacks took, while the loop has a clock for that.
        self.busy_s = 0.0
        #: Callbacks that came due while it was frozen.
        self.held: list[Handle] = []
        self.context = Context()
        self.context.run(PROCESS.set, self)


#: The process that the running code belongs to; None for the world itself.
PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class Handle:
    """A scheduled callback; what `call_soon` and `call_later` return."""

    __slots__ = ("args", "callback", "context", "is_cancelled")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True
        self.args = ()

    def cancelled(self) -> bool:
        return self.is_cancelled


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs asyncio code; when nothing is ready, time jumps to the next timer."""

    def __init__(self) -> None:
        self._now = 0.0
        self._order = 0
        self._ready: deque[Handle] = deque()
        self._timers: list[tuple[float, int, Handle]] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._is_stopping = False
        self.is_over = False
        self.steps = 0
        #: Set to have each process's processor time counted (s); the only thing here that is no function of the seed.
        self.processor_clock: Callable[[], float] | None = None
        #: Exceptions that no code expected, as text.
        self.failures: list[str] = []

    # -- what asyncio asks of a loop ------------------------------------------------------------------------------

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, context if context is not None else copy_context())
        self._ready.append(handle)
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None) -> Any:
        handle = Handle(callback, args, context if context is not None else copy_context())
        self._order += 1
        heappush(self._timers, (when, self._order, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None, **_: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        if len(self._tasks) > TASKS_KEPT:
            self._look_through_tasks()
        return task

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self.is_over

    def is_closed(self) -> bool:
        return self.is_over

    def stop(self) -> None:
        self._is_stopping = True

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_over and context.get("exception") is not None:
            self.failures.append(described(context["exception"]))

    # -- running --------------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T], limit_s: float = math.inf) -> T:
        """Run until `main` is done.

        Args:
            limit_s: the virtual time when it must be.

        Raises:
            RuntimeError: nothing is left that could ever wake `main`.
            TimeoutError: it goes on and on.
        """
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main, context=Context())
            task.add_done_callback(lambda _: self.stop())
            self._run(limit_s)
            if not task.done():
                raise RuntimeError("the simulation waits for something that cannot happen")
            self._look_through_tasks()
            return task.result()  # type: ignore[no-any-return]  # `create_task` takes any coroutine here
        finally:
            self.is_over = True
            asyncio._set_running_loop(before)

    def _run(self, limit_s: float) -> None:
        ready, timers = self._ready, self._timers
        while not self._is_stopping:
            while ready:
                handle = ready.popleft()
                if handle.is_cancelled:
                    continue
                process = handle.context.get(PROCESS)
                if process is not None and (process.is_dead or process.is_frozen):
                    if not process.is_dead:
                        process.held.append(handle)
                    continue
                self.steps += 1
                clock = self.processor_clock if process is not None else None
                begun_s = clock() if clock is not None else 0.0
                try:
                    handle.context.run(handle.callback, *handle.args)
                except Exception as problem:  # noqa: BLE001  # as asyncio does: report it and go on
                    self.failures.append(described(problem))
                if clock is not None and process is not None:
                    process.busy_s += clock() - begun_s
            if self._is_stopping or not timers:
                return
            when, _, handle = heappop(timers)
            if not handle.is_cancelled:
                if when > limit_s:
                    raise TimeoutError(f"not over after {limit_s:g} s of virtual time")
                self._now = max(self._now, when)
                ready.append(handle)

    # -- processes ------------------------------------------------------------------------------------------------

    def freeze(self, process: Process) -> None:
        """SIGSTOP: from here on nothing of it runs."""
        process.is_frozen = True

    def thaw(self, process: Process) -> None:
        """SIGCONT: it goes on with all that came due meanwhile, and does not know how long it slept."""
        if process.is_frozen:
            process.is_frozen = False
            held, process.held = process.held, []
            self._ready.extend(held)

    def kill(self, process: Process) -> None:
        """SIGKILL: nothing of it ever runs again, no clean-up either."""
        process.is_dead = True
        process.held.clear()

    def _look_through_tasks(self) -> None:
        """A background task that died of an exception is a defect, whether somebody looks at it or not."""
        kept: list[asyncio.Task[Any]] = []
        for task in self._tasks:
            if not task.done():
                kept.append(task)
            elif task._log_traceback and not task.cancelled():
                problem = task.exception()
                if problem is not None:
                    self.failures.append(described(problem))
        self._tasks = kept


def described(problem: BaseException) -> str:
    """An exception with the place it was raised at, without a machine's paths."""
    trace = problem.__traceback__
    where = "nowhere"
    while trace is not None:
        code = trace.tb_frame.f_code
        where = f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}"
        trace = trace.tb_next
    return f"{type(problem).__name__}: {problem} ({where})"
