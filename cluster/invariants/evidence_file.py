"""Reads what observers wrote down for `trunkline verify --evidence`: one JSON object.

    {"arrivals": [["webchat:1", 1763766000000]],
     "messages": [["webchat:1", "m-1", 1763766000100, "customer"]],
     "commands": [["webchat-1", "<incarnation>", "17", 4294967297, 1763766000200]],
     "answers": [], "customer_texts": ["…"], "log_files": ["logs/up.log"], "settled": true}

Every field may be left out; the rows are those of `cluster.invariants.evidence`, instants are ms since the epoch.
Kept: a file that is not of this form is refused with the place in it, never judged in part.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cluster.errors import ConfigInvalid
from cluster.invariants.evidence import Answered, Arrived, Commanded, Evidence, LossWindow, Wrote


class EvidenceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content. Relative log files count from the file's directory."""

    arrivals: list[Arrived] = []
    messages: list[Wrote] = []
    commands: list[Commanded] = []
    answers: list[Answered] = []
    customer_texts: list[str] = []
    log_files: list[str] = []
    settled: bool = False
    losses: list[LossWindow] = []


_decoder = msgspec.json.Decoder(EvidenceFile)


def read_evidence(path: Path) -> Evidence:
    """Read an evidence file and the logs that it names.

    Raises:
        ConfigInvalid: it, or one of its logs, cannot be read, or it is not of this form.
    """
    try:
        file = _decoder.decode(path.read_bytes())
        logs = [(path.parent / log).read_text(encoding="utf-8", errors="replace") for log in file.log_files]
    except OSError as error:
        raise ConfigInvalid(f"evidence: {error.filename} cannot be read ({error.strerror})") from error
    except msgspec.DecodeError as error:
        raise ConfigInvalid(f"evidence {path}: {error}; see cluster/invariants/evidence_file.py for its form") from error
    return Evidence(
        arrivals=file.arrivals,
        messages=file.messages,
        commands=file.commands,
        answers=file.answers,
        customer_texts=file.customer_texts,
        logs=logs,
        settled=file.settled,
        losses=file.losses,
    )
