"""A whole cluster in one process, hashed and literal, leaves a store that the verifier accepts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from actors.actor import Message
from actors.address import Address, Placement, address
from actors.messages.agent import AcceptOffer, SetPresence, SignIn
from actors.messages.centre import AgentConfig, ApplyCentre, CentrePlan, QueueConfig
from actors.messages.gateway import Command, Frame, FrameSettled
from actors.messages.link import DeskConversation, DeskOffer, ShowNotice
from actors.messages.session import AgentEnds, Arrive, CustomerMessage, TransferTo
from actors.values import Content, Customer, NoticeKind, PresenceState
from cluster.catalogue import load_catalogue
from cluster.edge.edge import Edge
from cluster.edge.link import Link
from cluster.invariants import Evidence, verify_store
from cluster.invariants.evidence import Answered, Arrived, Commanded, Wrote
from cluster.local import LocalCluster
from cluster.store.memory import MemoryStore
from cluster.supervisor.supervisor import SupervisorOptions

LINK = "everybody"
LITERAL = ("session", "queue", "agent", "router", "centre")


class Everybody:
    """Customers and desks on one link: every offer is accepted, every fourth conversation transferred, all ended."""

    def __init__(self, edge: Edge, customers: int) -> None:
        self.evidence = Evidence(settled=True, all_commands=True)
        self.done = asyncio.Event()
        self._left = {f"c{number}" for number in range(customers)}
        self._promises: dict[int, Message | str] = {}
        self._seq = 0
        self._link: Link = edge.open_link(LINK, "1", 0, 100_000, self)

    def tell(self, to: Address, message: Message) -> None:
        self._seq += 1
        self._promises[self._seq] = to.partition("/")[2] if isinstance(message, Arrive) else message
        if isinstance(message, CustomerMessage):
            self._promises[self._seq] = f"{to.partition('/')[2]}\n{message.id}"
        self._link.receive([Frame(self._seq, to, message)])

    def open(self, agents: Sequence[str]) -> None:
        for name in agents:
            self.tell(address("agent", name), SignIn(LINK))
            self.tell(address("agent", name), SetPresence(PresenceState.AVAILABLE))
        for name in sorted(self._left):
            self.tell(address("session", name), Arrive(name, "chat", LINK, Customer(name), "sales", retention_ms=60_000))
            self.tell(address("session", name), CustomerMessage("m1", Content("hello there")))

    def send_commands(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self.evidence.commands.append(Commanded(LINK, "1", command.source, command.number, 0))
            self._handle(command.message)
            if command.number:
                self._link.acknowledge(command.source, command.number)

    def send_settled(self, acknowledged: int, refused: Sequence[FrameSettled]) -> None:
        codes = {settled.seq: settled.refusal.code for settled in refused if settled.refusal is not None}
        for seq in [seq for seq in self._promises if seq <= acknowledged]:
            promise, code = self._promises.pop(seq), codes.get(seq, "")
            self.evidence.answers.append(Answered(LINK, "1", seq, code, 0))
            if isinstance(promise, str) and not code:
                name, _, message_id = promise.partition("\n")
                if message_id:
                    self.evidence.messages.append(Wrote(name, message_id, 0))
                else:
                    self.evidence.arrivals.append(Arrived(name, 0))

    def send_ahead(self, refused: Sequence[FrameSettled]) -> None:
        raise AssertionError(f"nothing here may be refused: {refused}")

    def close(self, code: str, detail: str) -> None:
        """The cluster is stopping."""

    def _handle(self, message: Message) -> None:
        match message:
            case DeskOffer(agent=agent, reservation=offer):
                self.tell(address("agent", agent), AcceptOffer(offer.reservation))
            case DeskConversation(agent=agent, interaction=interaction, reservation=reservation):
                session = address("session", interaction.rpartition("/")[0])
                if interaction[1:-2].endswith("3") and "#1." in reservation:
                    self.tell(session, TransferTo(agent, interaction, "t1", "support"))
                else:
                    self.tell(session, AgentEnds(agent, interaction))
            case ShowNotice(conversation=conversation, kind=NoticeKind.ENDED):
                self._left.discard(conversation)
                if not self._left:
                    self.done.set()


@pytest.mark.parametrize("pinned", [(), LITERAL], ids=["hashed", "literal"])
async def test_a_cluster_keeps_every_invariant(pinned: tuple[str, ...]) -> None:
    """Fifty conversations over many shards: everything agrees, in the journals, in the store and outside."""
    names, queues = ["ann", "bob", "cat"], (address("queue", "sales"), address("queue", "support"))
    agents = {name: AgentConfig(name, (), queues, {"chat": 2}, 2) for name in names}
    plan = CentrePlan({name: QueueConfig(name, wrap_up_ms=0) for name in ("sales", "support")}, agents, "")
    store = MemoryStore()
    cluster = LocalCluster(store, load_catalogue(), Placement(4, pinned), SupervisorOptions(hosts=2, spares=0))
    async with cluster, asyncio.timeout(60):
        edge = cluster.start_edge("edge-1")
        await edge.ask(address("centre", "main"), ApplyCentre(-1, "test", "", plan), timeout_s=30)
        everybody = Everybody(edge, 50)
        everybody.open(names)
        await everybody.done.wait()
        while any(shard.outbox.unacknowledged for host in cluster.hosts.values() for shard in host.shards.values()):
            await asyncio.sleep(0)
    report = await verify_store(store, everybody.evidence)
    assert report.violations == [], "nothing was lost, offered twice or passed over"
    assert report.counts["interactions_ended"] == 50, "everybody was served"
    assert report.counts["messages_acknowledged"] == 50, "and heard"
    assert (report.checked["I5"] == "exact") is not bool(pinned), "only journals in one order can judge the router"
    assert report.checked["I1"] == "exact", "nothing was in flight at the end"
