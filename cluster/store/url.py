"""A store's URL, and the Redis client that it asks for.

| form | meaning |
|---|---|
| `unix:///run/valkey.sock[?db=0]` | a server on this machine |
| `redis://[user:password@]host[:6379][/db]` | one server |
| `redis+sentinel://[user:password@]host[:26379],host…/service[/db]` | the primary that the Sentinels name |
| `redis+cluster://[user:password@]host[:6379],host…` | a Redis Cluster; the hosts are where to ask first |

`rediss` instead of `redis` means TLS, with `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile` and `ssl_check_hostname` as
query options. The Sentinels' own login is given by `sentinel_username` and `sentinel_password`. A character that means
something in a URL is percent-encoded. `wait_replicas=N` makes a commit count as stored only once N replicas have it too,
so that a failover to one of them loses nothing that was accepted. Passwords never appear in the text of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

Client = Redis | RedisCluster

_SCHEMES = {
    "unix": ("single", False),
    "redis": ("single", False),
    "rediss": ("single", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_DEFAULT_PORTS = {"single": 6379, "sentinel": 26379, "cluster": 6379}
_TLS_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"})
_NO_PLACE = "a place in the store URL is not host or host:port; a password's '@', ':' and '/' are written %40, %3A and %2F"
_OPTIONS = _TLS_OPTIONS | {"wait_replicas", "db", "password", "username", "sentinel_username", "sentinel_password"}


class StoreUrlInvalid(ValueError):
    """The URL names no store; the text says what to write."""


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """A parsed store URL."""

    #: `single`, `sentinel` or `cluster`.
    form: str
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    #: The Unix socket, empty when hosts are used.
    path: str = ""
    service: str = ""
    db: int = 0
    #: How many replicas must have a commit before it counts as stored.
    wait_replicas: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        """The place that the URL names, without its secrets."""
        if self.path:
            return f"unix://{self.path}"
        places = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        scheme = ("rediss" if self.tls else "redis") + ("" if self.form == "single" else f"+{self.form}")
        return f"{scheme}://{places}" + (f"/{self.service}" if self.service else "")


def parse_url(url: str) -> StoreUrl:
    """Read a store's URL.

    Raises:
        StoreUrlInvalid: it is none of the forms above.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        # What was given is not repeated: without a scheme, any part of it may be a password.
        raise StoreUrlInvalid(f"a store URL begins with one of {', '.join(_SCHEMES)} and '://'")
    form, tls = _SCHEMES[scheme]
    parts = _split(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(options.keys() - _OPTIONS)
    if unknown:
        raise StoreUrlInvalid(f"store URL option {unknown[0]!r} is unknown; the options are {', '.join(sorted(_OPTIONS))}")
    login, _, places = parts.netloc.rpartition("@")
    username, _, password = login.partition(":")
    path, hosts, tail = "", tuple[tuple[str, int], ...](), list[str]()
    if scheme == "unix":
        path = unquote(parts.path)
        if places or not path.startswith("/"):
            raise StoreUrlInvalid("a Unix socket URL has three slashes and an absolute path: unix:///run/valkey.sock")
    else:
        hosts = tuple(_host(place, _DEFAULT_PORTS[form]) for place in places.split(","))
        tail = [unquote(part) for part in parts.path.split("/") if part]
    if form == "sentinel" and not tail:
        raise StoreUrlInvalid(f"a Sentinel URL ends with the service's name: {scheme}://host:26379/mymaster")
    if form == "single" and len(hosts) > 1:
        raise StoreUrlInvalid(f"several hosts need {scheme}+cluster:// or {scheme}+sentinel://")
    return StoreUrl(
        form=form,
        tls=tls,
        hosts=hosts,
        path=path,
        service=tail.pop(0) if form == "sentinel" else "",
        db=_database(options.pop("db", tail[0] if tail else "0"), form),
        wait_replicas=_count(options.pop("wait_replicas", "0")),
        username=unquote(username) or options.pop("username", None),
        password=unquote(password) or options.pop("password", None),
        options=options,
    )


def open_client(url: StoreUrl, connect_timeout_s: float) -> Client:
    """A client that connects when it is first used, and again whenever its connection broke.

    It retries nothing by itself: whoever calls the store knows whether the same call may be repeated. It bounds only
    connecting; the caller bounds each call with `asyncio.timeout`. The client's own `socket_timeout` would put every
    write in `asyncio.wait_for`, which costs a task a write and before Python 3.12 can swallow a cancellation.
    """
    common: dict[str, Any] = {
        "username": url.username,
        "password": url.password,
        "socket_timeout": None,
        "socket_connect_timeout": connect_timeout_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": "trunkline",
    }
    if url.path:
        return Redis(unix_socket_path=url.path, db=url.db, **common)
    if url.tls:
        common |= {name: url.options[name] for name in _TLS_OPTIONS & url.options.keys()}
        common["ssl"] = True
        common["ssl_check_hostname"] = url.options.get("ssl_check_hostname", "true").lower() not in ("0", "no", "false")
    if url.form == "cluster":
        nodes = [ClusterNode(host, port) for host, port in url.hosts]
        # Zero retries here would also forbid following a slot that moved.
        return RedisCluster(startup_nodes=nodes, **(common | {"retry": Retry(NoBackoff(), 1)}))
    if url.form == "sentinel":
        login = {name: url.options.get(f"sentinel_{name}") for name in ("username", "password")}
        sentinels = {name: value for name, value in common.items() if name.startswith(("socket_", "ssl"))} | login
        return Sentinel(url.hosts, sentinel_kwargs=sentinels, **common).master_for(url.service, db=url.db)  # type: ignore[no-any-return,no-untyped-call]  # the library's Sentinel is untyped
    host, port = url.hosts[0]
    return Redis(host=host, port=port, db=url.db, **common)


def _split(url: str) -> SplitResult:
    """The URL's parts; the reason why it has none may repeat a password, so it is not told."""
    try:
        return urlsplit(url)
    except ValueError:
        raise StoreUrlInvalid(_NO_PLACE) from None


def _host(place: str, default_port: int) -> tuple[str, int]:
    split = _split(f"//{place}")
    try:
        host, port = split.hostname, split.port
    except ValueError:
        raise StoreUrlInvalid(_NO_PLACE) from None
    if not host:
        raise StoreUrlInvalid("the store URL names no host")
    return host, port or default_port


def _database(number: str, form: str) -> int:
    # More than four digits are no database, and `int` itself gives up on thousands of them.
    if not number.isascii() or not number.isdigit() or len(number) > 4:
        raise StoreUrlInvalid("the database, which ends a store URL, is a number: redis://host:6379/0")
    if form == "cluster" and int(number):
        raise StoreUrlInvalid("a Redis Cluster has database 0 only")
    return int(number)


def _count(number: str) -> int:
    if not number.isdigit():
        raise StoreUrlInvalid("wait_replicas is how many replicas must confirm a commit: a number, such as 1")
    return int(number)
