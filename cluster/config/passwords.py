"""Password hashes for signing in.

Invariants kept: a plain password never leaves this module but as an argon2id hash.
"""

from __future__ import annotations

import hashlib

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: OWASP's least argon2id setting (19 MiB, two passes, one lane): strong enough at rest, and a desk gateway survives a
#: shift of agents who sign in within the same minute.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """A salted argon2id hash; takes some 20 ms and 19 MiB."""
    return _HASHER.hash(password)


def hash_plain(password: str) -> str:
    """A hash of a password that stands in plain text in the configuration: always the same for the same password.

    The salt is made from the password, so that the same configuration compiles to the same plan and applying it twice
    is recognised. Whoever could use the missing randomness can read the password itself.
    """
    salt = hashlib.sha256(b"trunkline plain password\0" + password.encode()).digest()[:16]
    return _HASHER.hash(password, salt=salt)


def verify_password(password_hash: str, password: str) -> bool:
    """Whether the password is the one that was hashed; takes as long as hashing."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False
