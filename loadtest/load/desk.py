"""The agents of one desk server on one link: they come, accept, write, end, wrap up, and go home.

sign-in (a unary call, the driver's) -> sign_in, set_presence
offer        -> accept_offer           after a moment
conversation -> messages at a steady beat; end_conversation when the customer's subject says so
handover     -> away, and sign_out once nothing is left
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from loadtest.load.agenda import Agenda
from loadtest.load.calls import Call
from loadtest.load.centre import PASSWORD
from loadtest.load.customers import CROSSED, FOR_NOW, LEAST_RETRY_MS
from loadtest.load.marks import REPLY, meant_at_of, read_subject, text_of
from loadtest.load.promises import Row, Seen
from loadtest.load.recorder import Recorder
from loadtest.load.scenario import Scenario
from loadtest.load.spool import Spool
from loadtest.load.wire import Wire, code_of
from trunkline.content.v1 import content_pb2
from trunkline.desk.v1 import desk_pb2, desk_pb2_grpc

#: How long to wait after a sign-in that failed: the gateway may not have the configuration yet.
SIGN_IN_AGAIN_MS: Final = 500.0


class _Agent:
    """One agent's part in the run."""

    __slots__ = ("is_here", "leaving", "name", "presence", "reservations", "ringing")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_here = self.leaving = False
        self.presence = desk_pb2.PRESENCE_UNSPECIFIED
        #: As the agent's state says, which may come before or after the offer itself.
        self.reservations: set[str] = set()
        self.ringing: set[str] = set()


class _Talk:
    """One conversation at one agent."""

    __slots__ = ("agent", "by_voice", "ended", "interaction", "reservation", "seen", "written")

    def __init__(self, agent: _Agent, shown: desk_pb2.Conversation, seen: Seen) -> None:
        self.agent = agent
        self.interaction = shown.interaction
        self.reservation = shown.reservation
        self.by_voice = shown.channel == "voice"
        self.seen = seen
        self.written = 0
        self.ended = False


class Desk:
    """The agents of one link. Passwords are checked by unary calls, which the driver makes."""

    def __init__(
        self, wire: Wire, scenario: Scenario, agents: Sequence[str], agenda: Agenda, recorder: Recorder, spool: Spool,
        calls: deque[Call],
    ) -> None:  # fmt: skip
        self._wire = wire
        self._scenario = scenario
        self._agenda = agenda
        self._recorder = recorder
        self._spool = spool
        self._calls = calls
        self._chance = random.Random(f"{scenario.seed}/{wire.name}")  # noqa: S311  # simulated behaviour
        self._agents = {name: _Agent(name) for name in agents}
        handover = scenario.agents.handover
        half = (len(agents) + 1) // 2
        self._first, self._second = (agents, ()) if handover is None else (agents[:half], agents[half:])
        for name in self._first:
            self._sign_in(0.0, name)
        self._subjects: dict[str, tuple[float, float]] = {}
        self._talks: dict[str, _Talk] = {}
        self._seen: dict[str, Seen] = {}
        self._offered: set[str] = set()
        self.here = 0
        #: When the last conversation is to be ended; 0 before the end of the run is near.
        self._drains_until = 0.0
        wire.on_commands = self.told

    @property
    def ready(self) -> bool:
        """Everybody of the first shift is available."""
        return self.here >= len(self._first)

    def begin(self, at: float) -> None:
        """The run begins at this instant."""
        handover = self._scenario.agents.handover
        if handover is None:
            return
        for names, action in ((self._second, self._sign_in), (self._first, self._go)):
            for name in names:
                when_s = handover.at_s + self._chance.random() * handover.over_s
                # The second shift comes before the first one goes.
                when_s += handover.over_s if names is self._first else 0.0
                self._agenda.add(at + when_s * 1000, action, name)

    def end_all(self, at: float, over_ms: float) -> None:
        """End every conversation, and those that still begin, each at an instant of its own."""
        self._drains_until = at + over_ms
        for talk in self._talks.values():
            self._agenda.add(at + self._chance.random() * over_ms, self._end, talk)

    def rows(self) -> list[Row]:
        """What the desks have of every conversation."""
        return [seen.row(interaction.rpartition("/")[0], True, True) for interaction, seen in self._seen.items()]

    # -- what agents do ---------------------------------------------------------------------------------------------

    def returned(self, now: float) -> None:
        """The link is back after a break: let everybody be told everything anew."""
        for name, token in self._wire.grants.items():
            self._act(desk_pb2.Event(agent=name, sign_in=desk_pb2.SignIn(token=token)), now)

    def go_home(self, now: float) -> None:
        """Everybody leaves; the run is over."""
        for name, agent in self._agents.items():
            if agent.is_here and not agent.leaving:
                self._go(now, name)

    def _signed_in(self, name: str, answer: Any, problem: str, now: float) -> None:
        if answer is None:
            self._recorder.count("sign_ins_failed", now)
            self._recorder.say(f"agent {name} could not sign in: {problem}")
            self._agenda.add(now + SIGN_IN_AGAIN_MS, self._sign_in, name)
            return
        self._wire.grants[name] = answer.token
        self._act(desk_pb2.Event(agent=name, sign_in=desk_pb2.SignIn(token=answer.token)), now)
        self._be(name, desk_pb2.PRESENCE_AVAILABLE, now)

    def _be(self, name: str, presence: Any, now: float) -> None:
        self._act(desk_pb2.Event(agent=name, set_presence=desk_pb2.SetPresence(presence=presence)), now)

    def _sign_in(self, _: float, name: str) -> None:
        request = desk_pb2.SignInRequest(agent=name, password=PASSWORD)
        self._calls.append(Call(desk_pb2_grpc.DeskServiceStub, "SignIn", request, "desk", partial(self._signed_in, name)))

    def _go(self, meant_at: float, name: str) -> None:
        agent = self._agents[name]
        agent.leaving = True
        self._be(name, desk_pb2.PRESENCE_AWAY, meant_at)
        self._go_home_if_free(agent, meant_at)

    def _go_home_if_free(self, agent: _Agent, now: float) -> None:
        if agent.leaving and agent.is_here and not agent.reservations and agent.presence == desk_pb2.PRESENCE_AWAY:
            agent.is_here = False
            self.here -= 1
            self._wire.grants.pop(agent.name, None)
            self._act(desk_pb2.Event(agent=agent.name, sign_out=desk_pb2.SignOut()), now)
            self._recorder.count("agents_gone_home", now)

    def _accept(self, meant_at: float, agent: _Agent, reservation: str) -> None:
        if reservation in agent.ringing:
            accept = desk_pb2.AcceptOffer(reservation=reservation)
            self._act(desk_pb2.Event(id=f"y-{reservation}", agent=agent.name, accept_offer=accept), meant_at)

    def _beat(self, meant_at: float, talk: _Talk) -> None:
        if talk.ended:
            return
        talk.written += 1
        self._write(meant_at, talk, talk.written, meant_at)
        self._agenda.add(meant_at + self._scenario.customers.message_every_s * 1000, self._beat, talk)

    def _write(self, _: float, talk: _Talk, number: int, meant_at: float) -> None:
        if talk.ended:
            return
        content = content_pb2.Content(text=text_of(meant_at, REPLY))
        send = desk_pb2.SendMessage(interaction=talk.interaction, content=content)
        event = desk_pb2.Event(id=f"a{number}", agent=talk.agent.name, send_message=send)
        self._wire.post(event, self._written, meant_at, talk, number)

    def _written(self, refusal: Any, meant_at: float, now: float, talk: _Talk, number: int) -> None:
        if refusal is None:
            talk.seen.acknowledged |= 1 << number
            self._spool.message(talk.interaction.rpartition("/")[0], f"a{number}", "agent", now)
            self._recorder.duration("message_ack", meant_at, now)
            self._recorder.duration("ack", meant_at, now)
            self._recorder.count("messages_sent", now)
        elif code_of(refusal) in FOR_NOW:
            self._recorder.count("messages_put_off", now)
            self._agenda.add(now + max(LEAST_RETRY_MS, refusal.retry_after_ms), self._write, talk, number, meant_at)
        else:
            self._note_no(refusal, now)

    def _end(self, meant_at: float, talk: _Talk) -> None:
        if not talk.ended:
            end = desk_pb2.EndConversation(interaction=talk.interaction)
            self._act(desk_pb2.Event(id=f"e-{talk.reservation}", agent=talk.agent.name, end_conversation=end), meant_at)

    def _wrap_up(self, meant_at: float, agent: _Agent, reservation: str) -> None:
        done = desk_pb2.CompleteWrapUp(reservation=reservation, disposition="done")
        self._act(desk_pb2.Event(id=f"w-{reservation}", agent=agent.name, complete_wrap_up=done), meant_at)

    def _act(self, event: desk_pb2.Event, meant_at: float) -> None:
        self._wire.post(event, self._acted, meant_at, event)

    def _acted(self, refusal: Any, meant_at: float, now: float, event: desk_pb2.Event) -> None:
        if refusal is None:
            self._recorder.duration("desk_ack", meant_at, now)
            if event.HasField("set_presence") and event.set_presence.presence == desk_pb2.PRESENCE_AVAILABLE:
                self._is_here(event.agent)
        elif code_of(refusal) in FOR_NOW or (event.HasField("sign_in") and code_of(refusal) == "NOT_FOUND"):
            # NOT_FOUND: the gateway knows the configuration before each agent was told its own part of it.
            self._recorder.count("desk_put_off", now)
            self._agenda.add(now + max(LEAST_RETRY_MS, refusal.retry_after_ms), self._again, event)
        elif event.HasField("set_presence"):
            self._agenda.add(now + LEAST_RETRY_MS, self._again, event)  # behind a sign-in that was put off
        else:
            self._note_no(refusal, now)

    def _again(self, at: float, event: desk_pb2.Event) -> None:
        fresh = desk_pb2.Event()
        fresh.CopyFrom(event)
        self._act(fresh, at)

    def _is_here(self, name: str) -> None:
        agent = self._agents[name]
        if not agent.is_here:
            agent.is_here = True
            self.here += 1

    def _note_no(self, refusal: Any, now: float) -> None:
        code = code_of(refusal)
        if code in CROSSED:
            self._recorder.count("crossed", now)
        else:
            self._recorder.count("refused_wrongly", now)
            self._recorder.say(f"an agent was refused: {code} {refusal.detail[:200]}")

    # -- what desks are told ----------------------------------------------------------------------------------------

    def told(self, commands: Sequence[Any], now: float) -> None:
        """Commands of the link."""
        for command in commands:
            agent = self._agents.get(command.agent)
            if agent is None:
                continue
            match command.WhichOneof("body"):
                case "entries":
                    self._show(command.entries.interaction, command.entries.entries, now)
                case "offer":
                    self._rings(agent, command.offer.reservation, now)
                case "conversation":
                    self._connected(agent, command.conversation, now)
                case "offer_ended":
                    self._over(agent, command.offer_ended, now)
                case "agent_state":
                    self._state(agent, command.agent_state, now)

    def _rings(self, agent: _Agent, reservation: Any, now: float) -> None:
        if reservation.reservation in agent.ringing:
            return
        agent.ringing.add(reservation.reservation)
        marked = read_subject(reservation.subject)
        if marked is None:
            return  # Somebody else's customer: left to ring at the next agent.
        self._recorder.count("offers", now)
        if reservation.interaction not in self._offered:
            self._offered.add(reservation.interaction)
            self._recorder.duration("offer", marked[0], now)
        self._subjects[reservation.interaction] = marked
        least, most = self._scenario.agents.accept_s
        if most:
            self._agenda.add(now + 1000 * self._chance.uniform(least, most), self._accept, agent, reservation.reservation)
        else:
            self._accept(now, agent, reservation.reservation)

    def _connected(self, agent: _Agent, shown: desk_pb2.Conversation, now: float) -> None:
        agent.ringing.discard(shown.reservation)
        talk = self._talks.get(shown.interaction)
        if talk is not None and talk.reservation == shown.reservation:
            self._show(shown.interaction, shown.entries, now)
            return
        if talk is not None and not talk.ended:
            self._recorder.count("doubled_assignments", now)
            self._recorder.say(f"{shown.interaction} was shown to {agent.name} while {talk.agent.name} served it")
        seen = self._seen.setdefault(shown.interaction, Seen())
        written = talk.written if talk is not None else 0
        talk = self._talks[shown.interaction] = _Talk(agent, shown, seen)
        talk.written = written
        self._show(shown.interaction, shown.entries, now)
        _, talk_ms = self._subjects.get(shown.interaction, (now, 0.0))
        if self._drains_until > now:
            self._agenda.add(now + self._chance.random() * (self._drains_until - now), self._end, talk)
        elif talk_ms or self._drains_until:
            self._agenda.add(now + (0 if self._drains_until else talk_ms), self._end, talk)
        every_ms = self._scenario.customers.message_every_s * 1000
        if every_ms and not talk.by_voice:
            self._agenda.add(now + every_ms * self._chance.random(), self._beat, talk)

    def _show(self, interaction: str, entries: Any, now: float) -> None:
        seen = self._seen.setdefault(interaction, Seen())
        for entry in seen.show(entries, "c"):
            self._recorder.duration("delivery", meant_at_of(entry.content.text), now)
            self._recorder.count("messages_delivered", now)

    def _over(self, agent: _Agent, ended: desk_pb2.OfferEnded, now: float) -> None:
        agent.ringing.discard(ended.reservation)
        talk = self._talks.get(ended.interaction)
        if talk is not None and talk.reservation == ended.reservation:
            talk.ended = True
            del self._talks[ended.interaction]
        if ended.outcome == desk_pb2.RESERVATION_STATE_WRAPPING and self._scenario.agents.wrap_up_s:
            self._agenda.add(now + self._scenario.agents.wrap_up_s * 500, self._wrap_up, agent, ended.reservation)
        if ended.outcome == desk_pb2.RESERVATION_STATE_TIMED_OUT:
            self._recorder.count("rang_out", now)

    def _state(self, agent: _Agent, state: desk_pb2.AgentState, now: float) -> None:
        if state.presence == desk_pb2.PRESENCE_NOT_RESPONDING and agent.presence != state.presence and not agent.leaving:
            self._be(agent.name, desk_pb2.PRESENCE_AVAILABLE, now)
        agent.presence = state.presence
        agent.reservations = {reservation.reservation for reservation in state.reservations}
        self._go_home_if_free(agent, now)
