"""Evidence on its way to `trunkline verify`, written to files as it comes: a long run's is larger than its memory.

Kept: an arrival or a message stands here only once it was acknowledged, a command exactly once, when it was handled;
rows are those of `trunkline verify --evidence`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TextIO

KINDS: Final = ("arrivals", "messages", "commands")


class Spool:
    """One part's evidence, a file for each kind, every row one line of JSON."""

    def __init__(self, directory: Path, part: str) -> None:
        self._files: dict[str, TextIO] = {
            kind: (directory / f"{part}.{kind}").open("w", encoding="utf-8", buffering=1 << 16) for kind in KINDS
        }
        # Identifiers here are this generator's own and the gateway's: letters, digits, `:`, `-` and `/` only.
        self._arrivals, self._messages, self._commands = (self._files[kind].write for kind in KINDS)

    def arrival(self, conversation: str, now: float) -> None:
        """An arrival was acknowledged."""
        self._arrivals(f'["{conversation}",{int(now)}]\n')

    def message(self, conversation: str, message: str, author: str, now: float) -> None:
        """A message was acknowledged."""
        self._messages(f'["{conversation}","{message}",{int(now)},"{author}"]\n')

    def command(self, link: str, incarnation: str, source: str, number: int, now: float) -> None:
        """A command was handled."""
        self._commands(f'["{link}","{incarnation}",{json.dumps(source)},{number},{int(now)}]\n')

    def close(self) -> None:
        """Write out what is left."""
        for file in self._files.values():
            file.close()


def write_evidence(directory: Path, target: Path, rest: dict[str, Any]) -> None:
    """Join all parts' files into one evidence file; `rest` are its other fields."""
    with target.open("w", encoding="utf-8") as out:
        out.write("{")
        for kind in KINDS:
            out.write(f'"{kind}":[')
            _join(sorted(directory.glob(f"*.{kind}")), out)
            out.write("],")
        out.write(json.dumps(rest, ensure_ascii=False)[1:])


def _join(files: Iterable[Path], out: TextIO) -> None:
    first = True
    for file in files:
        with file.open(encoding="utf-8") as rows:
            for row in rows:
                out.write(row if first else "," + row)
                first = False
