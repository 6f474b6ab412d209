"""Who may do what: bearer tokens by role, and agents' signed tokens."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import argon2
import pytest

from gateways.server.access import Access, SignIns
from gateways.server.failures import Failure
from gateways.server.options import Role
from tests.fakes.edge import FakeAgent, FakeCentre

GATEWAY, DESK = "g" * 16, "d" * 16
ACCESS = Access({Role.GATEWAY: (GATEWAY,), Role.DESK: (DESK, "another-desk-token")})
HASH = argon2.PasswordHasher(time_cost=1, memory_cost=64).hash("correct horse")
KEY = b"k" * 32


def call(*metadata: tuple[str, str | bytes]) -> Any:
    """A call with this metadata."""
    return SimpleNamespace(invocation_metadata=lambda: metadata)


@pytest.mark.parametrize("header", [f"Bearer {GATEWAY}", f"bearer {GATEWAY}", f"Bearer  {GATEWAY} "])
def test_a_token_of_the_role_lets_in(header: str) -> None:
    """The scheme's case and stray spaces do not matter, as HTTP has it."""
    ACCESS.require(Role.GATEWAY, call(("authorization", header)))


def test_any_token_of_the_role_lets_in() -> None:
    """Tokens can be renewed one adapter at a time."""
    ACCESS.require(Role.DESK, call(("authorization", "Bearer another-desk-token")))


@pytest.mark.parametrize(
    ("metadata", "code", "reason"),
    [
        ((), "UNAUTHENTICATED", "TOKEN_MISSING"),
        ((("authorization", GATEWAY),), "UNAUTHENTICATED", "TOKEN_MISSING"),
        ((("authorization", "Basic abc"),), "UNAUTHENTICATED", "TOKEN_MISSING"),
        ((("authorization", b"Bearer x"),), "UNAUTHENTICATED", "TOKEN_MISSING"),
        ((("authorization", "Bearer "),), "UNAUTHENTICATED", "TOKEN_UNKNOWN"),
        ((("authorization", "Bearer wrong"),), "UNAUTHENTICATED", "TOKEN_UNKNOWN"),
        ((("authorization", "Bearer gé"),), "UNAUTHENTICATED", "TOKEN_UNKNOWN"),
        ((("authorization", f"Bearer {DESK}"),), "PERMISSION_DENIED", "TOKEN_ROLE"),
    ],
)
def test_anything_else_is_told_what_to_do(metadata: Any, code: str, reason: str) -> None:
    """A wrong token is told apart from a missing one and from one of another role; none is repeated in the text."""
    with pytest.raises(Failure) as failure:
        ACCESS.require(Role.GATEWAY, call(*metadata))
    assert (failure.value.code, failure.value.reason) == (code, reason)
    assert DESK not in failure.value.detail


class Clock:
    """Time that stands still until moved."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


def centre() -> FakeCentre:
    """A centre where Alice works."""
    return FakeCentre(agents={"alice": FakeAgent("Alice", HASH)})


async def signed(clock: Clock | None = None, key: bytes = KEY) -> tuple[SignIns, str]:
    """Alice's sign-ins and a token of hers."""
    sign_ins = SignIns(key, 3600, clock or Clock())
    return sign_ins, (await sign_ins.sign_in(centre(), "alice", "correct horse")).token


async def test_a_right_password_gives_a_token_for_that_agent() -> None:
    """The token says who it was signed for, until when, and under which name."""
    sign_ins = SignIns(KEY, 3600, Clock())
    signed_in = await sign_ins.sign_in(centre(), "alice", "correct horse")
    assert (signed_in.name, signed_in.expires_at) == ("Alice", 1_000_000 + 3_600_000)
    assert sign_ins.agent_of(centre(), signed_in.token) == "alice"


@pytest.mark.parametrize(("agent", "password"), [("alice", "wrong"), ("nobody", "correct horse"), ("", ""), ("alice", "")])
async def test_a_wrong_agent_and_a_wrong_password_are_told_alike(agent: str, password: str) -> None:
    """A guesser must not learn which agents exist."""
    sign_ins = SignIns(KEY, 3600, Clock())
    with pytest.raises(Failure) as failure:
        await sign_ins.sign_in(centre(), agent, password)
    assert (failure.value.code, failure.value.detail) == ("UNAUTHENTICATED", "the agent or the password is wrong")


async def test_nobody_signs_in_before_the_configuration_is_known() -> None:
    """A gateway that has just started says "later", not "wrong password"."""
    with pytest.raises(Failure) as failure:
        await SignIns(KEY, 3600, Clock()).sign_in(None, "alice", "correct horse")
    assert (failure.value.code, failure.value.retry_after_ms) == ("UNAVAILABLE", 1_000)


async def test_an_unreadable_hash_is_a_wrong_password() -> None:
    """A broken configuration must not let anybody in, nor break the gateway."""
    broken = FakeCentre(agents={"alice": FakeAgent("Alice", "not a hash")})
    with pytest.raises(Failure, match="wrong"):
        await SignIns(KEY, 3600, Clock()).sign_in(broken, "alice", "correct horse")


async def test_gateways_with_one_key_accept_each_others_tokens() -> None:
    """An agent comes back through any gateway of the cluster."""
    _, token = await signed()
    assert SignIns(KEY, 3600, Clock()).agent_of(centre(), token) == "alice"


async def test_a_token_stops_working() -> None:
    """With time, with another key, with another password, and with the agent."""
    clock = Clock()
    sign_ins, token = await signed(clock)
    other_password = FakeCentre(agents={"alice": FakeAgent("Alice", HASH + "x")})
    for there in (other_password, FakeCentre(), None):
        with pytest.raises(Failure, match="not valid"):
            sign_ins.agent_of(there, token)
    with pytest.raises(Failure, match="not valid"):
        SignIns(b"x" * 32, 3600, clock).agent_of(centre(), token)
    clock.now += 3_600_000
    with pytest.raises(Failure, match="expired"):
        sign_ins.agent_of(centre(), token)


async def test_a_forged_token_is_refused() -> None:
    """Changing any part breaks the signature, and rubbish is refused without a fuss."""
    sign_ins, token = await signed()
    agent, expires_at, mac = token.split(".")
    forged = [f"{agent}.{int(expires_at) + 1}.{mac}", f"Ym9i.{expires_at}.{mac}", f"{agent}.{expires_at}.AAAA"]
    for bad in [*forged, "", ".", "..", "a.b.c", "é.1.x", "Ym9i.9", f"{token}.x", "/w==.1.x"]:
        with pytest.raises(Failure) as failure:
            sign_ins.agent_of(centre(), bad)
        assert failure.value.code == "UNAUTHENTICATED", bad
