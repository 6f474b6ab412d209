"""Who may do what: bearer tokens by role, and signed sign-ins of agents.

Kept: tokens are compared in constant time and never logged; an agent's signed token stops working when the agent's
password changes or the agent leaves the configuration, because the password's hash is part of what is signed.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import argon2

from gateways.server.edge import EdgeAgent, EdgeCentre
from gateways.server.failures import Failure, Reason
from gateways.server.options import Role

_SCHEME: Final = "bearer "
#: Password checks at once; each takes tens of milliseconds of a core and 64 MiB, and guessers must not get more.
_CHECKS_AT_ONCE: Final = 2
#: Who waits behind so many would have given up when their turn comes.
_MOST_WAITING: Final = 100
_AGAIN_MS: Final = 3_000


class Access:
    """Checks the bearer token of a call."""

    def __init__(self, tokens: Mapping[Role, tuple[str, ...]]) -> None:
        self._tokens = [(role, token.encode()) for role, of_role in tokens.items() for token in of_role]

    def require(self, role: Role, context: Any) -> None:
        """Return if the caller holds a token of this role.

        Raises:
            Failure: UNAUTHENTICATED without a known token, PERMISSION_DENIED with one of another role.
        """
        metadata = dict(context.invocation_metadata() or ())
        header = metadata.get("authorization")
        if not isinstance(header, str) or not header.lower().startswith(_SCHEME):
            detail = "no token: send the metadata `authorization: Bearer <token>`"
            raise Failure("UNAUTHENTICATED", Reason.TOKEN_MISSING, detail)
        given = header[len(_SCHEME) :].strip().encode()
        # Every token is compared, so that the time taken tells nothing about which one matched.
        held = [of_role for of_role, token in self._tokens if hmac.compare_digest(token, given)]
        if not held:
            detail = f"the token is not one of this gateway's; use one of role {role}"
            raise Failure("UNAUTHENTICATED", Reason.TOKEN_UNKNOWN, detail)
        if role not in held:
            detail = f"the token is of role {held[0]}; this service needs one of role {role}"
            raise Failure("PERMISSION_DENIED", Reason.TOKEN_ROLE, detail)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An agent whose password was right."""

    token: str
    expires_at: int
    name: str


class SignIns:
    """Gives and checks agents' signed tokens: `<agent>.<expiry>.<mac>`, each part base64url."""

    def __init__(self, key: bytes, lifetime_s: float, now: Callable[[], int]) -> None:
        self._key = key
        self._lifetime_ms = int(lifetime_s * 1000)
        self._now = now
        self._hasher = argon2.PasswordHasher()
        self._turns = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._waiting = 0

    async def sign_in(self, centre: EdgeCentre | None, agent: str, password: str) -> SignedIn:
        """Check a password.

        Raises:
            Failure: UNAUTHENTICATED, without saying whether the agent or the password is wrong; RESOURCE_EXHAUSTED while
                too many wait for theirs to be checked.
        """
        if centre is None:
            raise Failure("UNAVAILABLE", Reason.CLUSTER, "the gateway has no contact-centre configuration yet", 1_000)
        known = centre.agents.get(agent)
        if self._waiting >= _MOST_WAITING:
            detail = "too many agents are signing in at the moment; try again shortly"
            raise Failure("RESOURCE_EXHAUSTED", Reason.BUSY, detail, _AGAIN_MS)
        # Hashing takes tens of milliseconds on purpose; the links must not wait for it.
        self._waiting += 1
        try:
            async with self._turns:
                good = await asyncio.to_thread(self._verify, known, password)
        finally:
            self._waiting -= 1
        if known is None or not good:
            raise Failure("UNAUTHENTICATED", Reason.SIGN_IN_FAILED, "the agent or the password is wrong")
        expires_at = self._now() + self._lifetime_ms
        return SignedIn(self._token(agent, known, expires_at), expires_at, known.name)

    @functools.cached_property
    def _nobody(self) -> str:
        """Checked when the agent is unknown, so that the answer takes as long as for a wrong password."""
        return self._hasher.hash("nobody")

    def _verify(self, known: EdgeAgent | None, password: str) -> bool:
        nobody = self._nobody
        try:
            return self._hasher.verify(known.password_hash if known is not None else nobody, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def agent_of(self, centre: EdgeCentre | None, token: str) -> str:
        """Whose token this is.

        Raises:
            Failure: UNAUTHENTICATED if it is not ours, has expired or its agent is gone; the detail says what to do.
        """
        agent, expires_at = self._parts(token)
        known = centre.agents.get(agent) if centre is not None else None
        if known is None or not hmac.compare_digest(self._token(agent, known, expires_at).encode(), token.encode()):
            raise Failure("UNAUTHENTICATED", Reason.SIGN_IN_FAILED, "the sign-in token is not valid; sign in again")
        if expires_at <= self._now():
            raise Failure("UNAUTHENTICATED", Reason.SIGN_IN_FAILED, "the sign-in token has expired; sign in again")
        return agent

    def _parts(self, token: str) -> tuple[str, int]:
        try:
            agent, expires_at, _ = token.split(".")
            return base64.urlsafe_b64decode(agent.encode()).decode(), int(expires_at)
        except ValueError:
            raise Failure("UNAUTHENTICATED", Reason.SIGN_IN_FAILED, "that is no sign-in token; sign in again") from None

    def _token(self, agent: str, known: EdgeAgent, expires_at: int) -> str:
        signed = f"{base64.urlsafe_b64encode(agent.encode()).decode()}.{expires_at}"
        mac = hmac.new(self._key, f"{signed}.{known.password_hash}".encode(), hashlib.sha256).digest()
        return f"{signed}.{base64.urlsafe_b64encode(mac).decode()}"
