"""The page servers as programs: they start with what boot gives them, stop when asked, and say what is wrong."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.product import DESK_TOKEN, GATEWAY_TOKEN, Product

MODULES = {"gateways.webchat": GATEWAY_TOKEN, "gateways.desk": DESK_TOKEN}


async def start(module: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def connected(program: asyncio.subprocess.Process, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the program, as soon as it listens."""
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert program.returncode is None, "the program must not end by itself"
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("module", MODULES)
async def test_programs_run_and_stop(module: str, tmp_path: Path) -> None:
    """A program listens where it is told and ends with status 0 on SIGTERM."""
    token = tmp_path / "token"
    token.write_text(MODULES[module] + "\n")
    port = free_port()
    async with Product(tmp_path / "product") as product:
        arguments = (
            "--gateway",
            product.target,
            "--listen",
            f"127.0.0.1:{port}",
            "--name",
            "other-1",
            "--token-file",
            str(token),
        )
        program = await start(module, *arguments, "--data-dir", str(tmp_path / "data"))
        reader, writer = await connected(program, port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200", "it serves its page"
        writer.close()
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0, "asked to stop, it stops in order"


async def failure(module: str, *arguments: str) -> tuple[int, str]:
    program = await start(module, *arguments)
    _, errors = await program.communicate()
    assert program.returncode is not None
    return program.returncode, errors.decode()


async def test_wrong_setups_are_explained(tmp_path: Path) -> None:
    """A port in use, a file that is not there, a wrong address and a wrong token each end with one clear line."""
    missing, data = str(tmp_path / "missing"), ("--data-dir", str(tmp_path / "data"))
    async with Product(tmp_path / "product") as product:
        taken = product.webchat_url.removeprefix("http://")
        wrong = {
            ("--listen", taken): f"{taken} is in use by another program",
            ("--token-file", missing): f"{missing} cannot be read: No such file or directory",
            ("--listen", "somewhere"): "an address to listen on is HOST:PORT",
            ("--listen", "127.0.0.1:0", "--gateway", product.target): "UNAUTHENTICATED",
        }
        for arguments, words in wrong.items():
            status, errors = await failure("gateways.webchat", *arguments, *data)
            assert status == 2, f"{arguments} must end with the status of a wrong setup"
            assert words in errors, f"{arguments} must be explained"
            assert "Traceback" not in errors, "a wrong setup is no crash"
