"""One interaction as an OpenTelemetry trace in OTLP's JSON form, made from the journals after the fact.

    interaction            from arrival to end, with an event for each message
      queue QUEUE          one for each stay in a queue
        offer              one for each agent who was asked
      talk                 from the agent's yes to the end of the conversation
      wrap-up              from there until the agent is done

Keeps: every span comes from committed events, so it costs the running cluster nothing; what people wrote is in none (I15);
ids are derived from the interaction's, so the same trace exported twice is the same trace. Format: the JSON mapping of
opentelemetry-proto's `ExportTraceServiceRequest`, with ids in hexadecimal as the OTLP specification asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from actors.address import name_of
from actors.events import DeadLettered, InteractionMoved, MessageAdded, ReservationMoved, WaitingMoved
from actors.values import InteractionState, ReservationState, WaitingState
from cluster.cli.story import Told, merged

Value = str | int | bool

SPAN_KIND_INTERNAL = 1
STATUS_UNSET, STATUS_ERROR = 0, 2
#: How offers end that somebody should look at.
FAILED_OFFERS = frozenset({ReservationState.TIMED_OUT})


def trace_id_of(interaction: str) -> str:
    """The trace's id: the first 16 bytes of the SHA-256 of the interaction's id, in hexadecimal."""
    return sha256(interaction.encode()).hexdigest()[:32]


@dataclass(slots=True)
class Span:
    """One span; instants in ms since the epoch, `ended_at` 0 while it goes on."""

    key: str
    name: str
    parent: str
    started_at: int
    attributes: dict[str, Value]
    ended_at: int = 0
    failed: bool = False
    events: list[tuple[int, str, dict[str, Value]]] = field(default_factory=list)


def request_of(traces: Mapping[str, Iterable[Told]], release: str, cluster: str) -> dict[str, object]:
    """The body of an export request.

    Args:
        traces: The events of each interaction, from all shards, in any order.
        release: Trunkline's version.
        cluster: The cluster's name, which becomes the service's namespace.
    """
    spans = [_as_json(interaction, span) for interaction, told in traces.items() for span in spans_of(interaction, told)]
    resource = {"service.name": "trunkline", "service.namespace": cluster, "service.version": release}
    scope = {"name": "trunkline.journal", "version": release}
    return {
        "resourceSpans": [
            {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [{"scope": scope, "spans": spans}]},
        ]
    }


def spans_of(interaction: str, events: Iterable[Told]) -> list[Span]:
    """The spans of one interaction in the order of their beginnings; those that go on end at the last event."""
    book = _Book(interaction)
    last_at = 0
    for told in merged(events):
        book.note(told)
        last_at = max(last_at, told.at)
    for span in book.spans.values():
        if not span.ended_at:
            span.ended_at = max(last_at, span.started_at)
            span.attributes["trunkline.unfinished"] = True
    return list(book.spans.values())


class _Book:
    """The spans of one interaction as its events build them, by key."""

    def __init__(self, interaction: str) -> None:
        self._interaction = interaction
        self.spans: dict[str, Span] = {}

    def note(self, told: Told) -> None:
        """Take the next event."""
        match told.event:
            case InteractionMoved(interaction=self._interaction) as event:
                self._moved(told, event)
            case InteractionMoved() as event:
                state = event.reason or event.after
                self._happened(told, "consult", {"trunkline.consult": event.interaction, "trunkline.state": state.value})
            case WaitingMoved() as event:
                self._waiting(told, event)
            case ReservationMoved() as event:
                self._reservation(told, event)
            case MessageAdded() as event:
                self._happened(told, "message", {"trunkline.author": str(event.author), "trunkline.number": event.number})
            case DeadLettered() as event:
                self._happened(told, "dead letter", {"trunkline.message_type": event.message_type, "error.type": event.error})

    def _moved(self, told: Told, event: InteractionMoved) -> None:
        if event.before is None:
            known: dict[str, Value] = {"trunkline.interaction": self._interaction, "trunkline.channel": event.channel}
            self._begin(told, "root", "interaction", "", known)
        if event.after is InteractionState.ENDED:
            self._end(told, "root", {"trunkline.end_reason": event.reason.value if event.reason is not None else ""})
        elif event.before is not None:
            self._happened(told, event.after.value, {"trunkline.queue": event.queue, "trunkline.leg": event.leg})

    def _waiting(self, told: Told, event: WaitingMoved) -> None:
        key, queue = _stay(event), name_of(event.queue)
        if event.before is None:
            known: dict[str, Value] = {
                "trunkline.queue": queue,
                "trunkline.leg": event.leg,
                "trunkline.priority": event.priority,
            }
            self._begin(told, key, f"queue {queue}", "root", known)
        elif event.after in {WaitingState.GRANTED, WaitingState.WITHDRAWN}:
            self._end(told, key, {"trunkline.outcome": event.after.value})

    def _reservation(self, told: Told, event: ReservationMoved) -> None:
        offer, talk, wrap_up = (f"{what} {event.reservation}" for what in ("offer", "talk", "wrap-up"))
        known: dict[str, Value] = {"trunkline.agent": name_of(event.agent), "trunkline.reservation": event.reservation}
        queue: dict[str, Value] = {"trunkline.queue": name_of(event.queue)}
        if event.after is ReservationState.PENDING:
            leg = event.reservation.rpartition("#")[2].partition(".")[0]
            self._begin(told, offer, "offer", f"stay {event.queue} {leg}", known | queue)
            return
        if event.before is ReservationState.PENDING:
            self._end(told, offer, {"trunkline.outcome": event.after.value}, failed=event.after in FAILED_OFFERS)
        match event.after:
            case ReservationState.ACCEPTED:
                self._begin(told, talk, "talk", "root", known | queue)
            case ReservationState.WRAPPING:
                self._end(told, talk)
                self._begin(told, wrap_up, "wrap-up", "root", known)
            case ReservationState.COMPLETED:
                self._end(told, talk)
                self._end(told, wrap_up, {"trunkline.disposition": event.disposition} if event.disposition else {})

    def _begin(self, told: Told, key: str, name: str, parent: str, known: dict[str, Value]) -> None:
        where: dict[str, Value] = {"trunkline.shard": told.shard, "trunkline.epoch": told.epoch}
        parent = parent if parent in self.spans else "root" if parent else ""
        self.spans[key] = Span(key, name, parent, told.at, known | where)

    def _end(self, told: Told, key: str, more: Mapping[str, Value] | None = None, *, failed: bool = False) -> None:
        span = self.spans.get(key)
        if span is None or span.ended_at:
            return
        # Shards' clocks may differ a little; a span must not end before it begins.
        span.ended_at, span.failed = max(told.at, span.started_at), failed
        span.attributes |= more or {}
        if span.attributes["trunkline.epoch"] != told.epoch:
            # Another host took the shard over while the span went on.
            span.attributes["trunkline.epoch_at_end"] = told.epoch

    def _happened(self, told: Told, name: str, known: dict[str, Value]) -> None:
        root = self.spans.get("root")
        if root is not None:
            root.events.append((told.at, name, known))


def _stay(event: WaitingMoved) -> str:
    return f"stay {event.queue} {event.leg}"


def _span_id(interaction: str, key: str) -> str:
    return sha256(f"{interaction}\n{key}".encode()).hexdigest()[:16]


def _as_json(interaction: str, span: Span) -> dict[str, object]:
    made: dict[str, object] = {
        "traceId": trace_id_of(interaction),
        "spanId": _span_id(interaction, span.key),
        "name": span.name,
        "kind": SPAN_KIND_INTERNAL,
        "startTimeUnixNano": _nanoseconds(span.started_at),
        "endTimeUnixNano": _nanoseconds(span.ended_at),
        "attributes": _attributes(span.attributes),
        "events": [_event_as_json(*event) for event in span.events],
        "status": {"code": STATUS_ERROR if span.failed else STATUS_UNSET},
    }
    if span.parent:
        made["parentSpanId"] = _span_id(interaction, span.parent)
    return made


def _event_as_json(at: int, name: str, known: Mapping[str, Value]) -> dict[str, object]:
    return {"timeUnixNano": _nanoseconds(at), "name": name, "attributes": _attributes(known)}


def _nanoseconds(at_ms: int) -> str:
    """64-bit numbers are texts in OTLP's JSON."""
    return str(at_ms * 1_000_000)


def _attributes(values: Mapping[str, Value]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Value) -> dict[str, object]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case str():
            return {"stringValue": value}
