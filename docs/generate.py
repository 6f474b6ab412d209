"""Writes the parts of the documentation that are made from the code: diagrams, error codes, invariants, metrics.

`python -m docs.generate` writes them in place; `tests/contract/test_docs.py` fails where a page and the code differ. A part
stands between `<!-- generated:NAME -->` and `<!-- /generated -->`; everything else on a page is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from actors.values import INTERACTION, PRESENCE, RESERVATION, WAITING
from cluster.errors import STATUS_CODES, TrunklineError
from cluster.invariants.report import INVARIANTS
from cluster.telemetry.metrics import METRICS, Metric, Of

DOCS = Path(__file__).resolve().parent

_PART = re.compile(r"(<!-- generated:([a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def parts() -> dict[str, str]:
    """Every generated part by name, each ending with a line break."""
    diagrams = {f"{table.name}-diagram": _diagram(table.mermaid()) for table in (PRESENCE, RESERVATION, INTERACTION, WAITING)}
    metrics = {
        f"metrics-{of}": _table(
            ("metric", "type", "unit", "labels", "means"), (_metric(metric) for metric in METRICS.values() if metric.of is of)
        )
        for of in Of
    }
    return {
        **diagrams,
        **metrics,
        "status-codes": _table(
            ("code", "gRPC", "HTTP", "SIP"),
            ((f"`{code}`", str(to.grpc), str(to.http), str(to.sip)) for code, to in STATUS_CODES.items()),
        ),
        "errors": _table(("error", "code", "retryable", "outcome", "means"), _errors(TrunklineError)),
        "invariants": _table(("", "promise"), ((f"**{name}**", promise) for name, promise in INVARIANTS.items())),
    }


def renewed(page: str, known: dict[str, str]) -> str:
    """The page with every generated part as the code has it.

    Raises:
        KeyError: the page asks for a part that does not exist.
    """
    return _PART.sub(lambda found: found[1] + known[found[2]] + found[3], page)


def pages() -> list[Path]:
    """Every page with generated parts."""
    return [page for page in sorted(DOCS.rglob("*.md")) if "<!-- generated:" in page.read_text(encoding="utf-8")]


def _diagram(mermaid: str) -> str:
    return f"```mermaid\n{mermaid}\n```\n"


def _table(header: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _metric(metric: Metric) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in metric.all_labels)
    return f"`{metric.name}`", metric.kind.value, metric.unit or "-", labels or "-", metric.help


def _errors(base: type[TrunklineError]) -> Iterator[tuple[str, ...]]:
    """The errors of `cluster.errors`, in their order; commands and adapters define more specific ones of their own."""
    for error in base.__subclasses__():
        if error.__module__ == TrunklineError.__module__:
            code = "the refusal's" if error.__name__ == "Refused" else f"`{error.code}`"
            meaning = " ".join((error.__doc__ or "").split()).rstrip(".")
            yield f"`{error.__name__}`", code, "yes" if error.retryable else "no", f"`{error.outcome}`", meaning


def main() -> int:
    """Write all pages anew; the exit status is 0."""
    known = parts()
    for page in pages():
        page.write_text(renewed(page.read_text(encoding="utf-8"), known), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
