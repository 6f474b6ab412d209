"""The guide for adapter writers: its example runs, and its tables say what the code does."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from pathlib import Path

import yaml

from gateways.conformance.adapter_checks import CHECKS
from gateways.sdk import AdminClient
from gateways.server.failures import Reason
from gateways.server.options import Role
from tests.fakes.serving import TOKENS
from tests.fakes.world import CENTRE, World, world
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs/how-to/write-a-channel-gateway.md").read_text()
#: What an adapter never meets on its stream.
NOT_ON_STREAMS = {Reason.SIGN_IN_FAILED, Reason.INVALID_REQUEST, Reason.NO_SUCH_ACTOR, Reason.CONFIG_INVALID}


def blocks(language: str) -> list[str]:
    """The guide's code in one language."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def test_the_guide_names_every_check() -> None:
    """A rule that the kit checks is in the guide, and the other way round."""
    table = GUIDE.partition("| check | rule |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [name for name, _, _ in CHECKS]


def test_the_guide_names_every_reason() -> None:
    """Whatever ends a stream is explained."""
    table = GUIDE.partition("| reason | status |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Z_]+)`", table)) >= set(Reason) - NOT_ON_STREAMS


async def configure(there: World) -> None:
    """Apply the guide's configuration on top of the test's."""
    centre = yaml.safe_load(CENTRE)
    additions = yaml.safe_load(blocks("yaml")[0])
    centre["channels"] |= additions["channels"]
    centre["routing_profiles"] |= additions["routing_profiles"]
    async with AdminClient(there.targets, TOKENS[Role.ADMIN]) as admin:
        version = await admin.apply_config(yaml.safe_dump(centre), "guide")
    async with asyncio.timeout(10):
        while any(edge.centre_version < version for edge in there.cluster.edges.values()):
            await asyncio.sleep(0.01)


async def serve_customers(there: World) -> None:
    """An agent who takes every offer and answers every customer's line."""
    async with there.desk() as desk:
        await desk.sign_in("alice", "correct horse")
        available = desk_pb2.SetPresence(presence=desk_pb2.PRESENCE_AVAILABLE)
        await desk.send(desk_pb2.Event(agent="alice", set_presence=available))
        async for command in desk.commands():
            if command.HasField("offer"):
                accept = desk_pb2.AcceptOffer(reservation=command.offer.reservation.reservation)
                await desk.post(desk_pb2.Event(agent="alice", accept_offer=accept))
            interaction = command.conversation.interaction or command.entries.interaction
            for entry in (*command.conversation.entries, *command.entries.entries):
                if entry.author == content_pb2.AUTHOR_CUSTOMER and entry.content.text == "bye":
                    end = desk_pb2.EndConversation(interaction=interaction)
                    await desk.post(desk_pb2.Event(agent="alice", end_conversation=end))
                elif entry.author == content_pb2.AUTHOR_CUSTOMER:
                    content = content_pb2.Content(text=f"you said {entry.content.text}")
                    message = desk_pb2.SendMessage(interaction=interaction, content=content)
                    await desk.post(desk_pb2.Event(agent="alice", id=f"to-{entry.id}", send_message=message))


async def talk(port: int, lines: list[str]) -> list[str]:
    """A customer who types lines and waits for an answer to each; returns what came until the end."""
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        heard = []
        for line in lines:
            writer.write(f"{line}\n".encode())
            heard.append((await reader.readline()).decode())
        writer.write(b"bye\n")
        heard.append((await reader.readline()).decode())
        writer.close()
        return heard


async def test_the_guides_adapter_serves_a_customer(tmp_path: Path) -> None:
    """The example is run as it stands in the guide, with the guide's configuration, and ends in good order."""
    program, token = tmp_path / "lines.py", tmp_path / "token"
    program.write_text(blocks("python")[0])
    token.write_text(TOKENS[Role.GATEWAY] + "\n")
    async with world() as there:
        await configure(there)
        agent = asyncio.create_task(serve_customers(there))
        port = free_port()
        flags = [
            "--name",
            "lines-1",
            "--gateway",
            there.targets[0],
            "--token-file",
            str(token),
            "--listen",
            f"127.0.0.1:{port}",
        ]
        environment = {"PYTHONPATH": f"{ROOT}:{ROOT / 'protos'}", "PATH": "/usr/bin:/bin"}
        adapter = await asyncio.create_subprocess_exec(sys.executable, str(program), *flags, env=environment)
        try:
            heard = await talk(port, ["hello", "你好"])
            assert heard == ["Alice: you said hello\n", "Alice: you said 你好\n", ""]
            adapter.terminate()
            async with asyncio.timeout(20):
                assert await adapter.wait() == 0, "the adapter ends in good order when it is asked to"
        finally:
            if adapter.returncode is None:
                adapter.kill()
                await adapter.wait()
            agent.cancel()
            await asyncio.gather(agent, return_exceptions=True)
