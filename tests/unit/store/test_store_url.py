"""A store's URL is understood in every documented form, or refused with what to write."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import ResponseError

from cluster.store.base import StoreError, StoreUnavailable
from cluster.store.redis import RedisOptions
from cluster.store.refusals import store_failure
from cluster.store.url import StoreUrl, StoreUrlInvalid, open_client, parse_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/a%20b.sock", StoreUrl("single", path="/run/a b.sock")),
        ("unix:///run/v.sock?db=3", StoreUrl("single", path="/run/v.sock", db=3)),
        ("redis://cache", StoreUrl("single", hosts=(("cache", 6379),))),
        ("redis://:p%40ss@[::1]:7000/2", StoreUrl("single", hosts=(("::1", 7000),), password="p@ss", db=2)),
        ("rediss://u:p@h", StoreUrl("single", True, (("h", 6379),), username="u", password="p")),
        ("redis+sentinel://a,b:1/main/4", StoreUrl("sentinel", hosts=(("a", 26379), ("b", 1)), service="main", db=4)),
        ("rediss+cluster://a:1,b", StoreUrl("cluster", True, (("a", 1), ("b", 6379)))),
    ],
)
def test_urls_are_read(url: str, expected: StoreUrl) -> None:
    """Each form gives its parts."""
    assert parse_url(url) == expected


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:6379", "begins with one of"),
        ("http://h", "begins with one of"),
        ("unix://run/v.sock", "three slashes"),
        ("redis://", "names no host"),
        ("redis://h:port", "is not host or host:port"),
        ("redis://h/x", "is a number"),
        ("redis://a,b", r"redis\+cluster://"),
        ("redis+cluster://h/1", "database 0 only"),
        ("redis+sentinel://h", "ends with the service's name"),
        ("redis://h?sokcet_timeout=1", "'sokcet_timeout' is unknown"),
    ],
)
def test_bad_urls_are_refused(url: str, says: str) -> None:
    """What is wrong is named, with what to write instead."""
    with pytest.raises(StoreUrlInvalid, match=says):
        parse_url(url)


@pytest.mark.parametrize("url", ["hunter2@h:6379", "redis://:hunter2/x@h:1", "redis://u:p@h:hunter2", "redis://h/hunter2"])
def test_a_mistyped_url_is_not_repeated(url: str) -> None:
    """Any part of it may be a password."""
    with pytest.raises(StoreUrlInvalid) as refused:
        parse_url(url)
    assert "hunter2" not in str(refused.value)


def test_the_right_client_is_opened() -> None:
    """Each form has its client, which connects only when used."""
    clients = [open_client(parse_url(url), 1) for url in ("unix:///s", "redis://h", "redis+cluster://h")]
    assert [type(client) for client in clients] == [Redis, Redis, RedisCluster]
    sentinel = open_client(parse_url("rediss+sentinel://:p@h/main?sentinel_password=q"), 1)
    assert isinstance(sentinel, Redis) and isinstance(sentinel.connection_pool, SentinelConnectionPool)
    assert sentinel.connection_pool.service_name == "main"


def test_secrets_stay_out_of_text() -> None:
    """A URL's text names the place and never the login."""
    url = parse_url("rediss+sentinel://user:secret@h:1,[::1]/main?sentinel_password=secret")
    assert str(url) == "rediss+sentinel://h:1,[::1]:26379/main"
    assert "secret" not in repr(url)


def test_a_cluster_name_cannot_break_the_hash_tag() -> None:
    """Characters that end a hash tag are refused in the prefix of every key."""
    with pytest.raises(ValueError, match="cluster's name"):
        RedisOptions(cluster="a}b")


def test_refusals_are_told_apart_from_defects() -> None:
    """What an operator can cure is an outage that says how; anything else is a defect."""
    url = parse_url("redis://h")
    full = store_failure(url, ResponseError("MISCONF Errors writing to the AOF file: No space left on device"))
    assert isinstance(full, StoreUnavailable) and "free space" in str(full) and "No space left" in str(full)
    broken = store_failure(url, ResponseError("user_script:3: attempt to call nil"))
    assert isinstance(broken, StoreError) and "attempt to call nil" in str(broken)
