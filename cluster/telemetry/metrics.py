"""The catalogue of metrics: every figure that a cluster tells, once, with its type, unit, labels and meaning.

Keeps: docs/reference/metrics.md, dashboards, alert rules and `trunkline top` name nothing that is not here (a test holds
that); a label's values come from the configuration or from a declared set, never from what people wrote (I15), and never
from a conversation's id, of which there is no end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "trunkline_"


class Kind(StrEnum):
    """A metric's type, as Prometheus calls it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Of(StrEnum):
    """Who tells a metric, which decides the labels that the scrape adds."""

    HOST = "host"
    GATEWAY = "gateway"
    SUPERVISOR = "supervisor"
    ARCHIVER = "archiver"
    #: Every process: host, gateway, supervisor and archiver.
    PROCESS = "process"
    #: The gateway that is scraped, for the cluster as a whole.
    CLUSTER = "cluster"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that say who told it."""
        return _WHO[self]


_WHO: dict[Of, tuple[str, ...]] = {
    Of.HOST: ("host",),
    Of.GATEWAY: ("gateway",),
    Of.SUPERVISOR: (),
    Of.ARCHIVER: (),
    Of.PROCESS: ("kind", "name"),
    Of.CLUSTER: (),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `labels` are its own; `all_labels` begins with who told it. `buckets` are a histogram's upper bounds."""

    name: str
    kind: Kind
    of: Of
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    buckets: tuple[float, ...] = ()

    @property
    def all_labels(self) -> tuple[str, ...]:
        """Label names as scraped."""
        return (*self.of.labels, *self.labels)


METRICS: dict[str, Metric] = {}


def _metric(
    name: str,
    kind: Kind,
    of: Of,
    help: str,
    labels: tuple[str, ...] = (),
    unit: str = "",
    buckets: tuple[float, ...] = (),
) -> Metric:
    metric = Metric(PREFIX + name, kind, of, help, labels, unit, buckets)
    METRICS[metric.name] = metric
    return metric


#: Upper bounds in seconds: for what machines do, and for what people wait.
FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PATIENT_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
BATCHES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)

C, G, H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
HOST, GATEWAY, SUPERVISOR, ARCHIVER = Of.HOST, Of.GATEWAY, Of.SUPERVISOR, Of.ARCHIVER
PROCESS, CLUSTER = Of.PROCESS, Of.CLUSTER

# Who answers.
UP = _metric("up", G, CLUSTER, "1 if it answered this scrape in time, else 0", ("kind", "name"))
SCRAPE_SECONDS = _metric("scrape_seconds", G, CLUSTER, "how long this scrape took", unit="s")
CENTRE_VERSION = _metric("centre_version", G, GATEWAY, "version of the configuration that the gateway follows; 0 for none")

# The contact centre: queues, asked at each scrape.
QUEUE_WAITING = _metric("queue_waiting", G, CLUSTER, "interactions that wait and are held for nobody", ("queue",))
QUEUE_OFFERED = _metric("queue_offered", G, CLUSTER, "interactions that are held for an agent", ("queue",))
QUEUE_LONGEST_WAIT = _metric(
    "queue_longest_wait_seconds",
    G,
    CLUSTER,
    "how long the one who came first has been here; 0 if nobody waits",
    ("queue",),
    "s",
)
QUEUE_EXPECTED_WAIT = _metric(
    "queue_expected_wait_seconds",
    G,
    CLUSTER,
    "wait of somebody who came now, if everybody is busy: on average (`expected`), and between what (`low`, `high`) "
    "with 90 percent; nothing as long as it is not known",
    ("queue", "bound"),
    "s",
)
QUEUE_ENTERED = _metric("queue_entered_total", C, CLUSTER, "legs that entered the queue since it was created", ("queue",))
QUEUE_GRANTED = _metric("queue_granted_total", C, CLUSTER, "legs that an agent took", ("queue",))
QUEUE_IN_TARGET = _metric(
    "queue_granted_in_target_total", C, CLUSTER, "legs that an agent took within the queue's service level", ("queue",)
)
QUEUE_OVERFLOWED = _metric(
    "queue_overflowed_total", C, CLUSTER, "legs that a rule moved on to another queue, at the door or later", ("queue",)
)
QUEUE_REFUSED = _metric("queue_refused_total", C, CLUSTER, "legs that a rule refused, at the door or later", ("queue",))
QUEUE_WITHDRAWN = _metric("queue_withdrawn_total", C, CLUSTER, "legs that left before an agent took them", ("queue",))

# The contact centre: what hosts committed.
WAIT_SECONDS = _metric(
    "wait_seconds",
    H,
    HOST,
    "how long a leg was in the queue until it was `granted` or `withdrawn`",
    ("queue", "outcome"),
    "s",
    PATIENT_S,
)
OFFERS = _metric(
    "offers_total",
    C,
    HOST,
    "offers by outcome: `accepted`, `rejected`, `timed_out`, `cancelled`, `rescinded`",
    ("queue", "outcome"),
)
INTERACTION_MOVES = _metric(
    "interaction_moves_total",
    C,
    HOST,
    "interactions that came into a state: `arrived`, `queued` (again), `connected`, `ended`",
    ("channel", "state"),
)
INTERACTIONS_ENDED = _metric("interactions_ended_total", C, HOST, "interactions by how they ended", ("channel", "reason"))
CONSULTS = _metric(
    "consults_total",
    C,
    HOST,
    "agents' consults of colleagues by what became of them: `asked`, `connected`, and how they ended",
    ("channel", "state"),
)
INTERACTIONS = _metric(
    "interactions",
    G,
    CLUSTER,
    "interactions alive: `queued` (waiting or offered), `connected`, `wrapping`; left out while somebody does not answer",
    ("state",),
)
RESERVATIONS = _metric(
    "reservations", G, HOST, "open reservations: `pending` (rings), `accepted` (talks), `wrapping`", ("channel", "state")
)
AGENTS = _metric("agents", G, HOST, "agents by presence, those included who left the configuration", ("presence",))
MESSAGES = _metric("messages_total", C, HOST, "messages accepted into transcripts", ("author",))

# Hosts.
TURNS = _metric("turns_total", C, HOST, "turns that actors took")
COMMITS = _metric("commits_total", C, HOST, "commits that the store answered for")
COMMIT_SECONDS = _metric(
    "commit_seconds", H, HOST, "until the store answered for all commits of one round, repeated calls included", (), "s", FAST_S
)
BATCH_INPUTS = _metric("batch_inputs", H, HOST, "inputs and timers that one batch of one shard took", (), "", BATCHES)
PENDING_INPUTS = _metric("pending_inputs", G, HOST, "inputs that wait for a batch")
UNACKNOWLEDGED = _metric("unacknowledged_messages", G, HOST, "messages that left a shard and were not acknowledged")
ACTORS = _metric("actors", G, HOST, "actors with state")
ACTORS_IN_MEMORY = _metric("actors_in_memory", G, HOST, "actors that are loaded")
TIMERS = _metric("timers", G, HOST, "timers that are set")
HOST_SHARDS = _metric("host_shards", G, HOST, "shards that the host runs, as it says itself")
TAKEOVERS = _metric("takeovers_total", C, HOST, "shards that the host claimed and read")
SHARDS_DROPPED = _metric(
    "shards_dropped_total",
    C,
    HOST,
    "shards that the host let go: `released`, `stopped`, `fenced`, `diverged`, `failed`, `superseded`, `store restarted`, "
    "`claimed again`",
    ("reason",),
)
OVERLOADS = _metric("overloads_total", C, HOST, "deliveries of one shard that the host turned away because it is full")
REFUSALS = _metric("refusals_total", C, HOST, "inputs that an actor or a full host refused, by code", ("code",))
DEAD_LETTERS = _metric("dead_letters_total", C, HOST, "messages that failed three times and were set aside")
STORE_RETRIES = _metric("store_retries_total", C, HOST, "calls that the store did not answer and that were repeated")
STORE_LIVES = _metric(
    "store_lives_total", C, HOST, "lives of the store that the host has seen; each after the first is a restart"
)
CALLS = _metric("calls_total", C, PROCESS, "calls to other processes that carried messages")

# Gateways.
LINKS = _metric("links", G, GATEWAY, "open streams of adapters (`gateway`) and desks (`desk`)", ("service",))
FRAMES_IN = _metric("frames_received_total", C, GATEWAY, "frames from adapters and desks", ("service",))
FRAMES_OUT = _metric("frames_sent_total", C, GATEWAY, "frames to adapters and desks", ("service",))
EVENTS_IN = _metric(
    "events_received_total", C, GATEWAY, "numbered events in frames received, repeated ones included", ("service",)
)
COMMANDS_OUT = _metric("commands_sent_total", C, GATEWAY, "commands in frames sent", ("service",))
ACK_SECONDS = _metric(
    "ack_seconds", H, GATEWAY, "from a frame's arrival until all of it was committed or refused", ("service",), "s", FAST_S
)
EVENTS_REFUSED = _metric(
    "events_refused_total", C, GATEWAY, "events that were settled without effect, by code", ("service", "code")
)
STREAMS_FAILED = _metric("streams_failed_total", C, GATEWAY, "streams that the gateway ended, by reason", ("service", "reason"))
PENDING_FRAMES = _metric("pending_frames", G, GATEWAY, "events that no host has committed yet")
TURNED_AWAY = _metric(
    "arrivals_turned_away_total",
    C,
    GATEWAY,
    "arrivals that the gateway refused because this host is overloaded; also counted in `events_refused_total`",
    ("host",),
)
OVERLOADED_HOSTS = _metric(
    "overloaded_hosts",
    G,
    GATEWAY,
    "hosts behind for longer than `admission.burst_s`, for which arrivals are let in at a limited rate",
)

# The supervisor.
SHARDS = _metric("shards", G, SUPERVISOR, "shards by the host that the table gives them to", ("host",))
SHARDS_UNPLACED = _metric("shards_unplaced", G, SUPERVISOR, "shards whose host is gone or does not run them")
SHARD_MOVES = _metric(
    "shard_moves_total", C, SUPERVISOR, "shards given a host: `first`, `moved` to another, or to the same one `again`", ("how",)
)
HOSTS = _metric("hosts", G, SUPERVISOR, "hosts by state: `alive`, `silent`", ("state",))
HOSTS_LOST = _metric("hosts_lost_total", C, SUPERVISOR, "hosts given up on: `died`, `silent`", ("how",))
TABLE_VERSION = _metric("table_version", G, SUPERVISOR, "version of the shard table; grows with every move")
SUPERVISOR_TERM = _metric("supervisor_term", G, SUPERVISOR, "how many supervisors the cluster has had")

# The archiver.
JOURNAL_ENTRIES = _metric("journal_entries", G, ARCHIVER, "journal entries that the store has, of all shards")
ARCHIVE_OVERDUE = _metric(
    "archive_overdue_entries",
    G,
    ARCHIVER,
    "journal entries that should have left the store for the archive and could not; 0 when all is well",
)
ARCHIVED_ENTRIES = _metric("archived_entries_total", C, ARCHIVER, "journal entries written to the archive")
ARCHIVED_SEGMENTS = _metric("archived_segments_total", C, ARCHIVER, "segment files written to the archive")
JOURNAL_TRIMS = _metric("journal_trims_total", C, ARCHIVER, "times that a journal in the store was trimmed")
ARCHIVE_FAILURES = _metric("archive_failures_total", C, ARCHIVER, "looks at the journals that failed; each is repeated")
ARCHIVE_BYTES = _metric("archive_bytes", G, ARCHIVER, "compressed size of all segment files", unit="bytes")

# Every process.
LOOP_LAG = _metric(
    "loop_lag_seconds", H, PROCESS, "how late the event loop woke a task that slept a quarter of a second", (), "s", FAST_S
)
RESIDENT_BYTES = _metric("process_resident_bytes", G, PROCESS, "memory that the process holds", unit="bytes")
CPU_SECONDS = _metric("process_cpu_seconds_total", C, PROCESS, "processor time that the process used", unit="s")
OPEN_FILES = _metric("process_open_files", G, PROCESS, "open files and sockets")
