"""A small cluster in memory that serves one customer, so that commands have something real to read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from actors.actor import Message
from actors.address import Address, Placement
from actors.messages.agent import AcceptOffer, CompleteWrapUp, RejectOffer, SetPresence, SignIn
from actors.messages.centre import ApplyCentre
from actors.messages.gateway import Command, Frame, FrameSettled
from actors.messages.link import DeskConversation, DeskOffer, DeskOfferEnded, ShowEntries
from actors.messages.session import AgentEnds, AgentMessage, Arrive, CustomerMessage
from actors.values import Content, Customer, PresenceState
from cluster.catalogue import load_catalogue
from cluster.config.compile import compile_centre
from cluster.config.load import load_centre
from cluster.edge import Edge
from cluster.local import LocalCluster
from cluster.store.memory import MemoryStore

CENTRE = (Path(__file__).parents[1] / "config" / "golden" / "base.yaml").read_text(encoding="utf-8")
CONVERSATION = "webchat:c1"
INTERACTION = f"{CONVERSATION}/1"
SESSION = Address(f"session/{CONVERSATION}")
ALICE = Address("agent/alice")
SECRET = "my card ends in 4929"
PLACEMENT = Placement(4)


class Adapter:
    """A channel adapter or desk without a network: sends numbered frames and keeps the commands that come."""

    def __init__(self, edge: Edge, name: str) -> None:
        self.commands: list[Message] = []
        self._seq = 0
        self._settled = 0
        self._changed = asyncio.Event()
        self._link = edge.open_link(name, "1", 0, 100, self)

    def send_commands(self, commands: Sequence[Command]) -> None:
        self.commands += [command.message for command in commands]
        for command in commands:
            if command.number:
                # Not within this call: the gateway is in the middle of a turn.
                asyncio.get_running_loop().call_soon(self._link.acknowledge, command.source, command.number)
        self._changed.set()

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        assert not refused, f"nothing in this story may be refused: {refused}"
        self._settled = acknowledged
        self._changed.set()

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        raise AssertionError(f"nothing here may be refused: {refused}")

    def close(self, code: str, detail: str) -> None:
        self._changed.set()

    async def tell(self, to: Address, message: Message) -> None:
        """Send one frame and wait until it is committed."""
        self._seq += 1
        seq = self._seq
        self._link.receive([Frame(seq, to, message)])
        while self._settled < seq:
            await self._wait()

    async def expect(self, kind: type[Message], count: int = 1) -> Message:
        """The `count`-th command of this kind, as soon as it is there."""
        while len(found := [command for command in self.commands if isinstance(command, kind)]) < count:
            await self._wait()
        return found[count - 1]

    async def _wait(self) -> None:
        self._changed.clear()
        async with asyncio.timeout(10):
            await self._changed.wait()


async def served_customer() -> MemoryStore:
    """A store in which alice rejected one offer, took the next, wrote, ended and wrapped up."""
    store = MemoryStore()
    async with LocalCluster(store, load_catalogue(), PLACEMENT) as cluster:
        edge = cluster.start_edge("gateway-1")
        plan = compile_centre(load_centre(CENTRE.replace("offer_timeout_s: 20", "reject_backoff_s: 0")).centre)
        await edge.ask(Address("centre/main"), ApplyCentre(-1, "test", CENTRE, plan))
        desk, chat = Adapter(edge, "desk-1"), Adapter(edge, "webchat-1")
        await desk.tell(ALICE, SignIn("desk-1"))
        await desk.tell(ALICE, SetPresence(PresenceState.AVAILABLE))
        customer = Customer("c1", "Grace Hopper", "en")
        await chat.tell(SESSION, Arrive(CONVERSATION, "webchat", "webchat-1", customer, "cards"))
        await chat.tell(SESSION, CustomerMessage("m1", Content(SECRET)))
        first = await desk.expect(DeskOffer)
        assert isinstance(first, DeskOffer)
        await desk.tell(ALICE, RejectOffer(first.reservation.reservation))
        second = await desk.expect(DeskOffer, 2)
        assert isinstance(second, DeskOffer)
        await desk.tell(ALICE, AcceptOffer(second.reservation.reservation))
        await desk.expect(DeskConversation)
        await desk.tell(SESSION, AgentMessage("alice", INTERACTION, "a1", Content("How can I help?")))
        await chat.expect(ShowEntries, 1)
        await desk.tell(SESSION, AgentEnds("alice", INTERACTION))
        await desk.tell(ALICE, CompleteWrapUp(second.reservation.reservation, "resolved", "a private note"))
        await desk.expect(DeskOfferEnded, 2)
        return store
