"""Tokens and keys of one installation: made once, kept in the run directory, readable by its owner only."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from cluster.errors import StartupFailed

ROLES = ("gateway", "desk", "admin")


class Secrets:
    """`tokens.json` (role -> tokens) in the run directory, and `secrets/`: a token file for each role's programs, and
    the key that signs agents' sign-ins."""

    def __init__(self, run_directory: Path) -> None:
        self.directory = run_directory / "secrets"
        self.tokens_file = run_directory / "tokens.json"

    def ensure(self) -> None:
        """Make what is missing; what exists stays, so that adapters elsewhere keep their tokens."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for role in ROLES:
            self._ensure(self.token_file(role))
        self._ensure(self.signing_key_file)
        if not self.tokens_file.exists():
            tokens = {role: [self.token(role)] for role in ROLES}
            _write_private(self.tokens_file, json.dumps(tokens, indent=2) + "\n")

    def token_file(self, role: str) -> Path:
        """Where a role's token is."""
        return self.directory / f"{role}.token"

    @property
    def signing_key_file(self) -> Path:
        return self.directory / "sign-in.key"

    def token(self, role: str) -> str:
        """A role's token."""
        return self.token_file(role).read_text().strip()

    def _ensure(self, file: Path) -> None:
        if not file.exists():
            _write_private(file, secrets.token_urlsafe(32) + "\n")


def read_tokens(file: Path) -> dict[str, list[str]]:
    """Accepted tokens by role.

    Raises:
        StartupFailed: the file cannot be read or is not of this form.
    """
    try:
        tokens = json.loads(file.read_text())
        return {str(role): [str(token) for token in accepted] for role, accepted in tokens.items()}
    except (OSError, ValueError, AttributeError, TypeError) as problem:
        raise StartupFailed(
            f'{file} cannot be used: {problem}. Write {{"gateway": ["…"], "desk": ["…"], "admin": ["…"]}}'
        ) from problem


def _write_private(file: Path, text: str) -> None:
    """Create a file that only its owner can read, whole or not at all."""
    fresh = file.with_suffix(file.suffix + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as output:
        output.write(text)
    fresh.replace(file)
