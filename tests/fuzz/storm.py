"""Throws inputs at one target: first the kept ones that once failed, then fresh ones, the same for the same seed.

Keeps: an input is bytes, so whatever fails is one file in `corpus/<target>/`, named by its hash, and is tried first from
then on; a failing input was made as small as Hypothesis could make it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"
#: Each test goes on for this long when it is set; without it, each makes its own small number of attempts.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("FUZZ_SEED", "3"))

_CALM = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    derandomize=False,
)


def storm(target: str, inputs: st.SearchStrategy[bytes], attempt: Callable[[bytes], None], examples: int) -> int:
    """Try the corpus of `target`, then `examples` fresh inputs, or as many as `FUZZ_SECONDS` allow.

    Returns how many attempts were made. Whatever `attempt` raises ends the storm, and its input joins the corpus.
    """
    attempts = 0
    for kept in sorted((CORPUS / target).glob("*")):
        attempt(kept.read_bytes())
        attempts += 1
    last = b""

    def one(content: bytes) -> None:
        nonlocal attempts, last
        attempts += 1
        last = content
        attempt(content)

    ends_at, number = time.monotonic() + SECONDS, SEED
    while True:
        run = seed(number)(settings(_CALM, max_examples=examples)(given(inputs)(one)))
        try:
            run()
        except BaseException:
            _keep(target, last)
            raise
        number += 1
        if time.monotonic() >= ends_at:
            return attempts


def _keep(target: str, content: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
