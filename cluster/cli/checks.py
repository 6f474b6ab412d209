"""What `trunkline doctor` looks at: each check says what is, whether that will do, and what to do if not.

Invariants kept: a check never raises and changes nothing.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

State = Literal["ok", "warn", "fail"]
MIB = 1024 * 1024
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report; `advice` is empty when nothing needs doing."""

    name: str
    state: State
    detail: str
    advice: str = ""


#: Module -> distribution -> what cannot work without it.
PACKAGES = (
    ("grpc", "grpcio", "gateways"),
    ("google.protobuf", "protobuf", "gateways"),
    ("redis", "redis", "the store"),
    ("msgspec", "msgspec", "everything"),
    ("pydantic", "pydantic", "configuration"),
    ("yaml", "PyYAML", "configuration"),
    ("aiohttp", "aiohttp", "web chat and desk"),
    ("argon2", "argon2-cffi", "signing in"),
    ("uvloop", "uvloop", "speed"),
    ("numpy", "numpy", "matching"),
    ("scipy", "scipy", "matching"),
    ("structlog", "structlog", "logs"),
)
PYTHON = (3, 11)
#: The least that leaves room for a local run; the second value is comfortable.
DISK_BYTES = (256 * MIB, 2 * GIB)
MEMORY_BYTES = (512 * MIB, 2 * GIB)
OPEN_FILES = (1024, 8192)


def python() -> Finding:
    """The interpreter."""
    found = tuple(sys.version_info[:3])
    detail = f"{'.'.join(str(part) for part in found)} at {sys.executable}"
    if found < PYTHON:
        return Finding("python", "fail", detail, "use Python 3.11 or later")
    return Finding("python", "ok", detail)


def packages() -> Finding:
    """The libraries that everything needs."""
    missing = []
    for module, distribution, need in PACKAGES:
        try:
            there = find_spec(module) is not None
        except ModuleNotFoundError:
            there = False
        if not there:
            missing.append(f"{distribution} ({need})")
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "install trunkline again, with its dependencies")
    return Finding("packages", "ok", f"{len(PACKAGES)} libraries are there")


def generated_code() -> Finding:
    """Generated protocol code needs a protobuf at least as new as its generator."""
    try:
        from trunkline.admin.v1 import admin_pb2
    except Exception as error:  # noqa: BLE001  # generated code checks versions at import and raises what it likes
        return Finding(
            "protocol", "fail", f"{type(error).__name__}: {error}", "install the protobuf version that trunkline pins"
        )
    return Finding("protocol", "ok", f"{admin_pb2.DESCRIPTOR.package} loads with protobuf {version('protobuf')}")


def ray(needed: bool) -> Finding:
    """Ray, imported for real, since a broken one shows only then."""
    try:
        release = version("ray")
        # By name, since only the shells of the runtime may depend on Ray.
        module = import_module("ray")
    except (ImportError, PackageNotFoundError) as error:
        advice = "install ray[serve], or write `runtime: process` into the layout"
        return Finding("ray", "fail" if needed else "warn", f"cannot be imported: {error}", advice)
    if module.__version__ != release:
        return Finding("ray", "warn", f"{module.__version__} is imported, {release} is installed", "remove one of the two")
    return Finding("ray", "ok", release)


def ports(listeners: list[tuple[str, str]], running: bool) -> Iterator[Finding]:
    """Whether the layout's listeners can have their ports, or have them."""
    from cluster.config.layout import split_listen

    for owner, address in listeners:
        host, port = split_listen(address)
        taken = port != 0 and not _can_listen(host, port)
        if taken and not running:
            advice = "end what uses it, or choose another port with `listen` in ray_config.yaml"
            yield Finding(f"port {port}", "fail", f"{owner} wants {address}, which is in use", advice)
        else:
            state = "in use by this run" if taken else "free"
            yield Finding(f"port {port}", "ok", f"{owner}: {address} is {state}")


def _can_listen(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def disk(path: Path) -> Finding:
    """Space where the run keeps its data."""
    place = path
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free / GIB:.1f} GiB free at {path}"
    if not os.access(place, os.W_OK):
        return Finding("disk", "fail", f"{place} cannot be written", "choose another run_dir, or change its permissions")
    return _graded("disk", free, DISK_BYTES, detail, "free some space, or choose another run_dir or store.data_dir")


def memory() -> Finding:
    """Memory that can still be had."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return Finding("memory", "ok", "not known on this system")
    detail = f"{available / GIB:.1f} GiB available, {os.cpu_count()} cores"
    return _graded(
        "memory", available, MEMORY_BYTES, detail, "end other programs, or lower hosts.count; a host takes about 0.1 GiB"
    )


def open_files() -> Finding:
    """How many connections a process may hold."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = sys.maxsize if soft == resource.RLIM_INFINITY else soft
    return _graded("open files", allowed, OPEN_FILES, f"{soft} a process (at most {hard})", "raise it with `ulimit -n 65536`")


def clock() -> Finding:
    """Whether the kernel believes its clock; offers and timers go by it."""
    try:
        # Read-only with a zeroed `struct timex`; 5 is TIME_ERROR, an unsynchronised clock (adjtimex(2)).
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512))
    except (AttributeError, OSError):
        return Finding("clock", "ok", "whether it is synchronised is not known on this system")
    if state == 5:
        return Finding("clock", "warn", "not synchronised", "run an NTP service (chrony, systemd-timesyncd) on every machine")
    return Finding("clock", "ok", "synchronised" if state >= 0 else "whether it is synchronised is not known here")


def optional(name: str, programs: tuple[str, ...], need: str) -> Finding:
    """A program that only some work needs."""
    found = next((path for program in programs if (path := shutil.which(program))), None)
    if found is None:
        return Finding(name, "warn", "not found", f"only needed {need}")
    return Finding(name, "ok", found)


def _graded(name: str, value: float, limits: tuple[float, float], detail: str, advice: str) -> Finding:
    least, comfortable = limits
    if value < least:
        return Finding(name, "fail", detail, advice)
    return Finding(name, "warn" if value < comfortable else "ok", detail, advice if value < comfortable else "")


def guarded(check: Callable[[], Finding]) -> Finding:
    """A check's finding, or that the check itself failed."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001  # a doctor that breaks down helps nobody
        return Finding(check.__name__, "warn", f"could not be checked: {type(error).__name__}: {error}", "")
