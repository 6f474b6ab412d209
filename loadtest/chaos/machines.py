"""Machines on one machine: each with its own network, processes and temporary files, on links that can be cut and spoiled.

    test's process -- veth --+
                             |  switch (a bridge in a namespace of its own)
    machine 1 -- veth -- p1 -+-- p2 -- veth -- machine 2        cut:  the port forwards nothing, both ways, without a word
                             +-- p3 -- veth -- machine 3        lose: a packet filter on the machine drops some, both ways
                                                                slow: a token bucket at both ends of the cable

Kept: nothing outlives the process that made it. Each namespace ends with its first process, those end with this one however
it ends, and the kernel takes the links and whatever ran in there along.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final, Self

#: Programs of Debian's iproute2 and util-linux.
PROGRAMS: Final = ("ip", "tc", "bridge", "unshare", "nsenter", "setpriv", "mount")
#: What a bridge calls its ports' states (IEEE 802.1D).
DISABLED, FORWARDING = "0", "3"
OUTSIDE: Final = 254
#: Begins a machine: own temporary files, own shared memory, then it only takes in orphans. Says that it is there.
INIT: Final = """
mount --bind "$1" "$2" && mount -t tmpfs -o size=1g tmpfs /dev/shm && ip link set lo up && echo up || exit 1
while :; do sleep 1000 & wait; done
"""
SWITCH: Final = "ip link add br0 type bridge && ip link set br0 up && echo up || exit 1; while :; do sleep 1000 & wait; done"
AGAIN_AFTER_S: Final = 0.5
#: The packet filter's table that loses packets.
LOSSY: Final = "lossy"


class MachinesFailed(RuntimeError):
    """A command of the network's failed; the text says which and why."""


def why_no_machines() -> str:
    """Why no machines can be made here; empty if they can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"{', '.join(missing)} missing: install iproute2 and util-linux"
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)  # noqa: S607
    return "" if probe.returncode == 0 else "the kernel gives no namespaces (a container without CAP_SYS_ADMIN?)"


@dataclass(slots=True)
class Service:
    """A program that is started again whenever it ends, as a service manager would. `stop` has it end for good."""

    starts: int = 0
    _task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Start it no more; what runs is ended with its machine, or by `Machine.kill`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


@dataclass(slots=True)
class Machine:
    """One machine: an address, a cable, processes."""

    name: str
    address: str
    #: The first process of its namespaces, as this process sees it.
    pid: int
    port: str
    switch_pid: int
    directory: Path
    environment: dict[str, str]
    services: list[Service] = field(default_factory=list)

    async def cut(self) -> None:
        """Let nothing through any more, in either direction. Nobody is told: connections just hang."""
        await _do("nsenter", "-t", str(self.switch_pid), "-n", "bridge", "link", "set", "dev", self.port, "state", DISABLED)

    async def heal(self) -> None:
        """Let everything through again."""
        await _do("nsenter", "-t", str(self.switch_pid), "-n", "bridge", "link", "set", "dev", self.port, "state", FORWARDING)

    async def lose(self, share: float) -> None:
        """Lose this share of the packets, each way; 0 loses none again."""
        await _do(*self._inside("nft", "delete", "table", "inet", LOSSY), may_fail=True)
        for hook in ("input", "output") if share else ():
            await _do(*self._inside("nft", "add", "table", "inet", LOSSY))
            chain = f"add chain inet {LOSSY} {hook} {{ type filter hook {hook} priority 0; }}"
            await _do(*self._inside("nft", chain))
            rule = f"add rule inet {LOSSY} {hook} meta iif != lo numgen random mod 1000 < {round(share * 1000)} drop"
            await _do(*self._inside("nft", rule.replace("iif", "iifname" if hook == "input" else "oifname")))

    async def slow(self, kbit_per_s: int) -> None:
        """Let so much through, each way, as a bad line does; 0 lets everything through again."""
        for pid, device in ((self.pid, "eth0"), (self.switch_pid, self.port)):
            inside = ("nsenter", "-t", str(pid), "-n", "tc", "qdisc")
            if kbit_per_s:
                shape = ("tbf", "rate", f"{kbit_per_s}kbit", "burst", "32kb", "latency", "400ms")
                await _do(*inside, "replace", "dev", device, "root", *shape)
            else:
                await _do(*inside, "del", "dev", device, "root", may_fail=True)

    def _inside(self, *command: str) -> tuple[str, ...]:
        return ("nsenter", "-t", str(self.pid), "-n", *command)

    async def start(
        self, *command: str, environment: Mapping[str, str] | None = None, log: str = "", **streams: Any
    ) -> asyncio.subprocess.Process:
        """Start a program on the machine; with `log` its output goes to that file of the machine's directory."""
        enter = ("nsenter", "-t", str(self.pid), "--mount", "--net", "--pid", "--", *command)
        output: IO[bytes] | None = (self.directory / log).open("ab") if log else None
        if output is not None:
            streams = {"stdout": output, "stderr": output, **streams}
        try:
            return await asyncio.create_subprocess_exec(
                *enter,
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **self.environment, **(environment or {})},
                **streams,
            )
        finally:
            if output is not None:
                output.close()

    async def run(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """Run a program to its end; returns what it wrote.

        Raises:
            MachinesFailed: it ended with another status than 0.
        """
        pipe = asyncio.subprocess.PIPE
        process = await self.start(*command, environment=environment, stdout=pipe, stderr=pipe)
        output, errors = await process.communicate()
        if process.returncode:
            raise MachinesFailed(f"{self.name}: {' '.join(command)}: {(errors or output).decode(errors='replace').strip()}")
        return output.decode()

    def keep(self, *command: str, log: str, environment: Mapping[str, str] | None = None) -> Service:
        """Run a program, and start it again whenever it ends."""
        service = Service()

        async def again_and_again() -> None:
            while True:
                process = await self.start(*command, environment=environment, log=log)
                service.starts += 1
                await process.wait()
                await asyncio.sleep(AGAIN_AFTER_S)

        service._task = asyncio.create_task(again_and_again(), name=f"{self.name}:{command[0]}")
        self.services.append(service)
        return service

    def pids(self, program: str) -> list[int]:
        """The machine's processes whose command line begins with this program's name, as this process may signal them."""
        here = _namespace(self.pid)
        numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return sorted(pid for pid in numbers if _namespace(pid) == here and _program(pid).startswith(program))


class Machines:
    """So many machines, by `async with`; `[0]` is the first.

    Args:
        count: how many.
        environment: variables of every process on them.
    """

    def __init__(self, count: int, environment: Mapping[str, str] | None = None) -> None:
        self._count = count
        self._id = secrets.token_hex(2)
        self._net = f"10.{random.randint(200, 250)}.{random.randint(1, 254)}"  # noqa: S311  # hardly ever taken
        self._environment = dict(environment or {})
        self._stack = AsyncExitStack()
        self._machines: list[Machine] = []
        #: Files of all machines, one folder for each; not removed, for whoever wants to read logs.
        self.directory = Path()

    def __getitem__(self, at: int) -> Machine:
        return self._machines[at]

    def __iter__(self) -> Any:
        return iter(self._machines)

    @property
    def outside(self) -> str:
        """This process's own address on the switch: where servers bind that the machines shall reach."""
        return f"{self._net}.{OUTSIDE}"

    async def __aenter__(self) -> Self:
        try:
            await self._build()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _build(self) -> None:
        # Short: Unix sockets in there have paths of 107 bytes at most.
        self.directory = Path(tempfile.mkdtemp(prefix="tlm-"))
        shared = self.directory / "t"
        shared.mkdir()
        switch = await self._begin(SWITCH)
        await self._cable(switch, f"tlm{self._id}", "p0", None)
        await _do("ip", "addr", "add", f"{self.outside}/24", "dev", f"tlm{self._id}")
        await _do("ip", "link", "set", f"tlm{self._id}", "up")
        for number in range(1, self._count + 1):
            own = self.directory / f"machine-{number}"
            own.mkdir()
            pid = await self._begin(INIT, str(own), str(shared))
            machine = Machine(
                f"machine-{number}", f"{self._net}.{number}", pid, f"p{number}", switch, own,
                # The same path on each, with other files below it: what one is told of another's paths stays true.
                {"TMPDIR": str(shared), "RAY_TMPDIR": str(shared), **self._environment},
            )  # fmt: skip
            await self._cable(switch, "eth0", machine.port, pid)
            for what in (("addr", "add", f"{machine.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
                await _do("nsenter", "-t", str(pid), "-n", "ip", *what)
            self._machines.append(machine)
            self._stack.push_async_callback(self._end_services, machine)

    async def _begin(self, script: str, *arguments: str) -> int:
        """Start the first process of new namespaces; returns its pid as it is seen from here."""
        process = await asyncio.create_subprocess_exec(
            "setpriv", "--pdeathsig", "KILL",
            "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
            "sh", "-c", script, "sh", *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._stack.push_async_callback(_end, process)
        assert process.stdout is not None
        if (await process.stdout.readline()).strip() != b"up":
            raise MachinesFailed("no machine could be made: see what its first process said")
        return _first_child(process.pid)

    async def _cable(self, switch: int, end: str, port: str, pid: int | None) -> None:
        """A cable from a port of the switch to a machine's, or to this process's own network."""
        where = () if pid is None else ("netns", str(pid))
        await _do("ip", "link", "add", f"c{self._id}{port}", "type", "veth", "peer", "name", f"d{self._id}{port}")
        await _do("ip", "link", "set", f"c{self._id}{port}", "name", port, "netns", str(switch))
        await _do("ip", "link", "set", f"d{self._id}{port}", "name", end, *where)
        for what in (("master", "br0"), ("up",)):
            await _do("nsenter", "-t", str(switch), "-n", "ip", "link", "set", port, *what)

    async def _end_services(self, machine: Machine) -> None:
        for service in machine.services:
            await service.stop()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def _do(*command: str, may_fail: bool = False) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, stdin=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    if process.returncode and not may_fail:
        raise MachinesFailed(f"{' '.join(command)}: {output.decode(errors='replace').strip()}")


def _namespace(pid: int) -> str:
    """Which process namespace a process is in; empty if it is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _program(pid: int) -> str:
    """The name of a process's program, or what it calls itself; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(errors="replace").rpartition("/")[2]
    except OSError:
        return ""
