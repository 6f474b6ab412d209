"""The run-time layout: what runs where, from `metadata.trunkline` of a Ray cluster-launcher file.

Ray ignores `metadata` (its schema says so), so one file serves `ray up` and `trunkline up`. Environment variables
(`TRUNKLINE_HOSTS__COUNT=4`) come before the file and `--set hosts.count=4` before both.
Invariants kept: every error names the file's line, the variable or the flag that set the value.
"""

from __future__ import annotations

import re
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from cluster.config.document import Document
from cluster.config.explain import Section, wrong
from cluster.config.names import Id, Seconds
from cluster.config.problems import Path, Problem, did_you_mean
from cluster.config.sample import SAMPLE

#: Where the layout stands in the file.
SECTION = ("metadata", "trunkline")
EMBEDDED = "embedded"
MEMORY = "memory"
#: `ray.address` for a Ray of this run's own.
LOCAL_RAY = "local"
#: What the listener of `metrics` is called among listeners.
METRICS = "metrics"
#: Actor kinds that can be pinned; a gateway always has a process of its own.
PINNABLE_KINDS = ("session", "queue", "agent", "router", "centre", "customer")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_LISTEN = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_NODE = re.compile(r"[0-9A-Fa-f.:]{2,45}")
_IMPORT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def split_listen(text: str) -> tuple[str, int]:
    """`127.0.0.1:7350` as host and port.

    Raises:
        PydanticCustomError: it is not an address.
    """
    found = _LISTEN.fullmatch(text)
    if found is None or int(found[2]) > 65_535:
        raise wrong(f"`{text[:60]}` is not an address", "write host:port, like 127.0.0.1:7350; port 0 takes a free one")
    return found[1].strip("[]"), int(found[2])


def _check_listen(text: str) -> str:
    split_listen(text)
    return text


def _check_listen_or_empty(text: str) -> str:
    return _check_listen(text) if text else text


def _check_import(text: str) -> str:
    if not _IMPORT.fullmatch(text):
        raise wrong(f"`{text[:60]}` is not an import path", "write module:name, like gateways.server.factory:open_gateway")
    return text


def _check_module(text: str) -> str:
    if not _MODULE.fullmatch(text):
        raise wrong(f"`{text[:60]}` is not a module", "write a dotted name, like gateways.webchat")
    return text


def _check_node(text: str) -> str:
    if text and not _NODE.fullmatch(text):
        raise wrong(f"`{text[:60]}` is not a machine's address", "write it as `ray list nodes` does, like 10.0.0.11")
    return text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Listen = Annotated[str, AfterValidator(_check_listen)]
Listens = Annotated[list[Listen], BeforeValidator(_listed), Field(min_length=1)]
Module = Annotated[str, AfterValidator(_check_module)]
ImportPath = Annotated[str, AfterValidator(_check_import)]


class Hosts(Section):
    """The processes that actors live in."""

    count: int = Field(
        default=1, ge=1, le=1000, description="hosts that run shards; about one a core beyond the first two", examples=[2]
    )
    spares: int = Field(
        default=1, ge=0, le=100, description="empty hosts kept warm, so that recovery waits for no process start", examples=[1]
    )
    max_pending: int = Field(
        default=20_000,
        ge=100,
        le=10_000_000,
        description="inputs that may wait in one host; beyond it new ones are refused",
        examples=[20000],
    )
    max_batch: int = Field(default=2000, ge=1, le=100_000, description="inputs of one shard in one commit", examples=[2000])
    passivate_after_s: Seconds = Field(default=600, description="an idle actor leaves memory after this", examples=[600])
    cpus: float = Field(
        default=0,
        ge=0,
        le=64,
        description="CPUs that each host reserves in Ray, so that Ray's autoscaler makes room for it; 0 shares what is there",
        examples=[1],
    )
    lease_s: float = Field(
        default=3, ge=0.5, le=60, description="a host that is silent for this long is given up", examples=[3]
    )


class Admission(Section):
    """When gateways refuse new arrivals, so that what was accepted stays quick."""

    target_ms: float = Field(
        default=250,
        ge=1,
        le=60_000,
        description="a host is behind while what gateways send it takes longer than this to be committed",
        examples=[250],
    )
    patience_s: Seconds = Field(
        default=10,
        description="how long a host may be behind while as many arrivals as usual are let in; after that they are limited too",
        examples=[10],
    )
    burst_s: Seconds = Field(
        default=1,
        description="who comes before a host is behind for so long is part of a burst, which is taken whole, however large; "
        "later, arrivals beyond what is usual are limited to what is served",
        examples=[1],
    )


class Ray(Section):
    """How to reach Ray; used with `runtime: ray` only."""

    address: str = Field(
        default="local",
        description="`local` starts one for this run; `auto` or `host:port` attaches to a running one",
        examples=["auto"],
    )
    dashboard: bool = Field(default=False, description="start Ray's dashboard with a local Ray", examples=["false"])
    object_store_mb: int = Field(
        default=100, ge=80, le=1_000_000, description="shared memory of a local Ray; Trunkline needs little", examples=[100]
    )


class StoreSection(Section):
    """Where accepted facts are kept."""

    url: str = Field(
        default=EMBEDDED,
        description="`embedded` starts a Valkey for this run; a `redis://`, `rediss://`, `redis+sentinel://`, "
        "`redis+cluster://` or `unix://` URL uses yours; `memory` keeps nothing (only with `runtime: process`)",
        examples=["redis://10.0.0.5:6379/0"],
    )
    data_dir: str | None = Field(
        default=None,
        description="where the embedded server keeps its files; the run directory when left out",
        examples=["/var/lib/trunkline"],
    )
    fsync: Literal["always", "everysec", "no"] = Field(
        default="always",
        description="when the embedded server writes to disk; only `always` loses nothing",
        examples=["always"],
    )
    port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="also serve the embedded server on this loopback port; 0 means its socket only",
        examples=[0],
    )
    over_tcp: bool = Field(
        default=False,
        description="hosts and gateways use the embedded server's `port` and not its socket, as if it were another machine's",
        examples=["false"],
    )
    max_memory_mb: int = Field(default=0, ge=0, description="refuse new data beyond this; 0 means no limit", examples=[0])

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        if value in (EMBEDDED, MEMORY):
            return value
        if "://" not in value:
            raise wrong("is not a store URL", "write `embedded`, or a URL such as redis://10.0.0.5:6379/0")
        # Imported here because only a layout with a store of its own pays for the Redis client.
        from cluster.store.url import StoreUrlInvalid, parse_url

        try:
            parse_url(value)
        except (StoreUrlInvalid, ValueError) as error:
            raise wrong(str(error), "or write `embedded`") from None
        return value


class ArchiveSection(Section):
    """Journals: how much of them the store keeps, and where the rest goes. A store in memory archives nothing."""

    enabled: bool = Field(default=True, description="false lets journals grow in the store for ever", examples=["true"])
    dir: str | None = Field(
        default=None,
        description="where segment files are written, on the machine of `trunkline up`; `archive` beside the embedded "
        "server's files when left out",
        examples=["/var/lib/trunkline/archive"],
    )
    keep_entries: int = Field(
        default=2000, ge=1, le=10_000_000, description="newest entries of each shard that the store keeps", examples=[2000]
    )
    segment_entries: int = Field(
        default=2000, ge=1, le=100_000, description="entries of one segment file, or fewer if they are large", examples=[2000]
    )
    settle_s: Seconds = Field(
        default=60,
        description="how long the store must have kept an entry before it is archived; longer than any loss of its newest data",
        examples=[60],
    )
    every_s: float = Field(default=10, ge=0.05, le=3600, description="how often journals are looked at", examples=[10])


class Tls(Section):
    """TLS of one gateway. Paths of PEM files."""

    certificate: str = Field(description="certificate chain", examples=["tls/gateway.pem"])
    key: str = Field(description="private key", examples=["tls/gateway-key.pem"])
    client_ca: str | None = Field(
        default=None, description="adapters must show a certificate signed by it", examples=["tls/ca.pem"]
    )


class Gateway(Section):
    """One gateway: where adapters, desks and operators connect."""

    name: Id = Field(description="its name; adapters do not need it", examples=["gateway-1"])
    factory: ImportPath = Field(
        default="gateways.server.factory:open_gateway",
        description="what is started: module:name",
        examples=["gateways.server.factory:open_gateway"],
    )
    listen: Listens = Field(default=["127.0.0.1:7350"], description="addresses to listen on", examples=["127.0.0.1:7350"])
    node: Annotated[str, AfterValidator(_check_node)] = Field(
        default="",
        description="the machine of the Ray cluster that it runs on, by the address that Ray knows it by; the one that `up` "
        "runs on when left out",
        examples=["10.0.0.11"],
    )
    tls: Tls | None = Field(
        default=None, description="without it the gateway speaks plain text", examples=["{certificate: …, key: …}"]
    )
    standby: bool = Field(
        default=True,
        description="on Ray, keep a warm process that takes the addresses over when this one's dies",
        examples=["false"],
    )
    tokens_file: str | None = Field(
        default=None,
        description="bearer tokens by role, as JSON; `tokens.json` in the run directory, made when missing",
        examples=["tokens.json"],
    )


class Metrics(Section):
    """Where figures are served for Prometheus and for `trunkline top`, without a token: they hold no customer's words."""

    listen: Annotated[str, AfterValidator(_check_listen_or_empty)] = Field(
        default="127.0.0.1:9464",
        description="the first gateway answers `GET /metrics` here, for the whole cluster; empty turns it off",
        examples=["127.0.0.1:9464"],
    )


Argument = str | int | float | bool | list[str] | None


class Program(Section):
    """A process that is started and watched beside the cluster: a channel adapter, or anything of your own."""

    name: Id = Field(description="its name in `status` and in logs", examples=["webchat"])
    module: Module = Field(description="run as `python -m <module>`", examples=["gateways.webchat"])
    gateway: Id | None = Field(
        default=None, description="the gateway that it connects to; the first when left out", examples=["gateway-1"]
    )
    listen: Listen | None = Field(default=None, description="passed as `--listen`", examples=["127.0.0.1:7380"])
    args: dict[str, Any] = Field(
        default={},
        description="further flags: `title: Bank` becomes `--title Bank`, true a bare flag",
        examples=["{title: Bank}"],
    )
    env: dict[str, str] = Field(default={}, description="environment variables", examples=['{LANG: "C.UTF-8"}'])
    enabled: bool = Field(default=True, description="false leaves it out", examples=["true"])

    @field_validator("args")
    @classmethod
    def _check_args(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, argument in value.items():
            flat = argument if isinstance(argument, list) else [argument]
            if any(isinstance(item, dict | list) for item in flat) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
                raise wrong(
                    f"`{name[:40]}` cannot become a flag", "write lower-case-name: text, a number, true, or a list of texts"
                )
        return value

    def flags(self) -> list[str]:
        """The command-line flags of `listen` and `args`."""
        made = ["--listen", self.listen] if self.listen is not None else []
        for name, argument in self.args.items():
            if argument is None or argument is False:
                continue
            for item in argument if isinstance(argument, list) else [argument]:
                made += [f"--{name}"] if item is True else [f"--{name}", str(item)]
        return made


class LayoutModel(Section):
    """The whole section."""

    cluster: Id = Field(
        default="trunkline",
        description="the cluster's name: its keys in the store and its actors on Ray carry it",
        examples=["trunkline"],
    )
    runtime: Literal["ray", "process"] = Field(
        default="ray", description="`ray`, or `process` for everything in one process without Ray", examples=["ray"]
    )
    ray: Ray = Field(default=Ray(), description="how to reach Ray", examples=["{address: auto}"])
    shards: int = Field(
        default=16,
        ge=1,
        le=4096,
        description="fixed for the life of the stored data: it decides where state is found",
        examples=[16],
    )
    hosts: Hosts = Field(default=Hosts(), description="host processes", examples=["{count: 2, spares: 1}"])
    admission: Admission = Field(
        default=Admission(),
        description="when new arrivals are refused",
        examples=["{target_ms: 250, burst_s: 1}"],
    )
    pinned_kinds: list[str] = Field(
        default=[],
        description="actor kinds whose every actor is a Ray actor of its own; fixed like `shards`",
        examples=["[session, queue, agent, router, centre]"],
    )
    plugins: list[Module] = Field(default=[], description="modules with actor kinds of your own", examples=["[mybank.actors]"])
    store: StoreSection = Field(default=StoreSection(), description="the store", examples=["{url: embedded}"])
    archive: ArchiveSection = Field(
        default=ArchiveSection(), description="journals that the store need not keep", examples=["{keep_entries: 2000}"]
    )
    gateways: list[Gateway] = Field(
        default=[Gateway(name="gateway-1")], min_length=1, description="gateways", examples=["[{name: gateway-1}]"]
    )
    programs: list[Program] = Field(
        default=[], description="adapters and other programs", examples=["[{name: webchat, module: gateways.webchat}]"]
    )
    metrics: Metrics = Field(default=Metrics(), description="figures for monitoring", examples=['{listen: "127.0.0.1:9464"}'])
    centre: str = Field(
        default=SAMPLE,
        min_length=1,
        description="the configuration a new cluster starts with: a path, or `sample`",
        examples=["centre.yaml"],
    )
    run_dir: str = Field(
        default=".trunkline",
        min_length=1,
        description="sockets, tokens, logs, `run.json` and the embedded store's data",
        examples=[".trunkline"],
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="least level that is logged", examples=["INFO"]
    )

    @field_validator("cluster")
    @classmethod
    def _check_cluster(cls, value: str) -> str:
        if len(value) > 40:
            raise wrong("is longer than 40 characters", "choose a shorter name")
        return value

    def listeners(self) -> list[tuple[str, Path, str]]:
        """Everything that listens on the machine of `up`: owner, where the layout says so, and address."""
        found: list[tuple[str, Path, str]] = []
        for at, gateway in enumerate(self.gateways):
            if gateway.node:
                continue
            found += [(gateway.name, ("gateways", at, "listen", n), address) for n, address in enumerate(gateway.listen)]
        for at, program in enumerate(self.programs):
            if program.enabled and program.listen is not None:
                found.append((program.name, ("programs", at, "listen"), program.listen))
        if self.metrics.listen:
            found.append((METRICS, ("metrics", "listen"), self.metrics.listen))
        return found


def layout_errors(document: Document, layout: LayoutModel) -> list[Problem]:
    """What does not fit together in a layout whose every part is well formed."""
    found: list[Problem] = []

    def add(path: Path, problem: str, write: str) -> None:
        found.append(document.problem((*SECTION, *path), problem, write))

    for at, kind in enumerate(layout.pinned_kinds):
        if kind not in PINNABLE_KINDS and not layout.plugins:
            add(("pinned_kinds", at), f"there is no actor kind `{kind[:40]}`", did_you_mean(kind, PINNABLE_KINDS))
    if layout.store.url == MEMORY and layout.runtime != "process":
        add(("store", "url"), "`memory` cannot be shared by processes", "write `embedded`, or `runtime: process`")
    if layout.store.over_tcp and not layout.store.port:
        add(("store", "over_tcp"), "the embedded store has no port", "give `store.port` a free one")
    for at, gateway in enumerate(layout.gateways):
        if gateway.node and (layout.runtime != "ray" or layout.ray.address == LOCAL_RAY):
            problem = "there is no other machine: this layout starts everything on one"
            add(("gateways", at, "node"), problem, "leave `node` out, or write `ray: {address: auto}`")
    gateways = [gateway.name for gateway in layout.gateways]
    for section, names in (("gateways", gateways), ("programs", [program.name for program in layout.programs])):
        for at, name in enumerate(names):
            if name in names[:at]:
                add((section, at, "name"), f"another one is called `{name}`", "rename one of them")
    for at, program in enumerate(layout.programs):
        if program.gateway is not None and program.gateway not in gateways:
            add(
                ("programs", at, "gateway"), f"there is no gateway `{program.gateway}`", did_you_mean(program.gateway, gateways)
            )
    return found + _shared_ports(document, layout)


def _shared_ports(document: Document, layout: LayoutModel) -> list[Problem]:
    found, taken = [], dict[tuple[str, int], str]()
    for owner, path, address in layout.listeners():
        place = split_listen(address)
        if place[1] and place in taken:
            problem = f"`{taken[place]}` listens on {address} already"
            found.append(document.problem((*SECTION, *path), problem, "give one of them another port"))
        taken[place] = owner
    return found


def warnings_of(layout: LayoutModel) -> list[str]:
    """What is allowed but hardly meant."""
    found = []
    for gateway in layout.gateways:
        outside = [address for address in gateway.listen if split_listen(address)[0] not in LOOPBACK]
        if outside and gateway.tls is None:
            found.append(
                f"gateway {gateway.name} listens on {outside[0]} without TLS: tokens and chats cross the network in plain text"
            )
    if layout.metrics.listen and split_listen(layout.metrics.listen)[0] not in LOOPBACK:
        found.append(f"metrics are served on {layout.metrics.listen} to whoever can reach it: let only Prometheus through")
    if layout.store.url == EMBEDDED and layout.store.fsync != "always":
        found.append(f"store.fsync is {layout.store.fsync}: a power loss can lose what was accepted just before")
    if layout.store.url == EMBEDDED and layout.runtime == "ray" and layout.ray.address != LOCAL_RAY:
        found.append("an embedded store serves one machine only: give a Ray cluster of several machines a store.url")
    return found


def resolve(base: FilePath, text: str) -> FilePath:
    """A path of the layout: relative ones count from `base`."""
    path = FilePath(text).expanduser()
    return path if path.is_absolute() else base / path
