"""Which page works for which agent.

Invariants: at most one page works for an agent, and the newest sign-in wins; a page is told of its own agent only;
what the cluster says about an agent whose page is reloading is remembered and told to the next page.
"""

from __future__ import annotations

from collections.abc import Iterator

from aiohttp import WSCloseCode

from gateways.desk import frames
from gateways.desk.memory import AgentMemory
from gateways.desk.showing import frame_of
from gateways.web.framing import ServerFrame
from gateways.web.page_socket import PageSocket
from trunkline.desk.v1 import desk_pb2


class Workplace:
    """One agent who signed in here; `page` is None while it reloads."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.name = agent
        self.token = ""
        self.page: PageSocket | None = None
        self.memory = AgentMemory()

    def push(self, frame: ServerFrame) -> None:
        """Tell the page, if there is one now."""
        if self.page is not None:
            self.page.push(frame)


class Workplaces:
    """Every agent of this desk."""

    def __init__(self) -> None:
        self._workplaces: dict[str, Workplace] = {}

    def open(self, agent: str) -> Workplace:
        """The agent's workplace; a new one from before the cluster confirms, so that nothing it says is missed."""
        return self._workplaces.setdefault(agent, Workplace(agent))

    def occupy(self, workplace: Workplace, page: PageSocket, token: str) -> None:
        """The page works for the agent from now on; the one before is sent away."""
        before = workplace.page
        workplace.page, workplace.token = page, token
        self._workplaces[workplace.agent] = workplace
        if before is not None and before is not page:
            before.push(frames.SignedOut(reason="elsewhere"))
            before.close(WSCloseCode.OK, "signed in on another page")

    def close(self, agent: str) -> None:
        """The agent is not here any more."""
        self._workplaces.pop(agent, None)

    def discard_unconfirmed(self, workplace: Workplace) -> None:
        """A sign-in failed: forget the workplace unless an earlier sign-in holds it."""
        if not workplace.token and self._workplaces.get(workplace.agent) is workplace:
            self.close(workplace.agent)

    def of_token(self, token: str) -> str | None:
        """Whose token this is, if a page works with it now."""
        for workplace in self._workplaces.values():
            if workplace.page is not None and workplace.token and workplace.token == token:
                return workplace.agent
        return None

    def occupied(self) -> Iterator[Workplace]:
        """Those with a page."""
        return (workplace for workplace in tuple(self._workplaces.values()) if workplace.page is not None)

    def tell(self, command: desk_pb2.Command) -> bool:
        """Pass a command on, never waiting; returns whether it signed the agent out of this desk."""
        workplace = self._workplaces.get(command.agent)
        frame = frame_of(command)
        if workplace is None or frame is None:
            return False
        workplace.memory.learn(frame)
        if isinstance(frame, frames.State) and frame.name:
            workplace.name = frame.name
        workplace.push(frame)
        if isinstance(frame, frames.SignedOut):
            self.close(command.agent)
            return True
        return False
