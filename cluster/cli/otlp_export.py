"""Hands a trace over: to a file, or to a collector by OTLP over HTTP with a JSON body.

Keeps: a collector that refuses, or takes only a part, is an error that says what it said; nothing is sent twice by itself.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import ConfigInvalid, TrunklineError

TRACES_PATH = "/v1/traces"
TIMEOUT_S = 10.0
#: What the OTLP specification calls retryable.
RETRYABLE = frozenset({429, 502, 503, 504})


class CollectorRefused(TrunklineError):
    """The collector answered, and did not take the trace."""

    code = "FAILED_PRECONDITION"


class CollectorSilent(TrunklineError):
    """The collector cannot be reached, or asks to come back later."""

    code = "UNAVAILABLE"
    retryable = True


def write(path: Path, request: Mapping[str, object]) -> None:
    """Write the request to a file.

    Raises:
        ConfigInvalid: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(request, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigInvalid(f"--otlp {path}: {error.strerror}") from error


def post(endpoint: str, headers: Sequence[str], request: Mapping[str, object]) -> str:
    """Send the request to a collector.

    Args:
        endpoint: Its base URL, such as http://127.0.0.1:4318; `/v1/traces` is added unless it is there.
        headers: Further headers as NAME=VALUE, for instance a token.

    Returns:
        The URL that was used.

    Raises:
        ConfigInvalid: the URL or a header cannot be used.
        CollectorSilent: it does not answer, or not now.
        CollectorRefused: it does not take the trace, or not all of it.
    """
    if not endpoint.startswith(("http://", "https://")):
        raise ConfigInvalid(f"--otlp-endpoint {endpoint}: write a URL, such as http://127.0.0.1:4318")
    url = endpoint.rstrip("/")
    url = url if url.endswith(TRACES_PATH) else url + TRACES_PATH
    status, body = asyncio.run(_post(url, _headers(headers), json.dumps(request, ensure_ascii=False).encode()))
    if status in RETRYABLE:
        raise CollectorSilent(f"the collector at {url} answered HTTP {status}: try again later")
    if not 200 <= status < 300:
        raise CollectorRefused(f"the collector at {url} answered HTTP {status}: {body[:300]}")
    rejected = _rejected(body)
    if rejected:
        raise CollectorRefused(f"the collector at {url} did not take {rejected}")
    return url


async def _post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
    # Imported here because a trace that is only shown must not wait for it.
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.post(url, data=body, headers={**headers, "Content-Type": "application/json"}) as answer,
        ):
            return answer.status, await answer.text(errors="replace")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CollectorSilent(f"the collector at {url} does not answer: {error or type(error).__name__}") from error


def _headers(given: Sequence[str]) -> dict[str, str]:
    headers = {}
    for header in given:
        name, equals, value = header.partition("=")
        if not equals or not name.strip() or "\n" in header or "\r" in header:
            raise ConfigInvalid("--otlp-header: write NAME=VALUE, such as --otlp-header x-token=abc")
        headers[name.strip()] = value.strip()
    return headers


def _rejected(body: str) -> str:
    """What a partial success says was left out; empty when all was taken."""
    try:
        partial = json.loads(body or "{}").get("partialSuccess") or {}
        count = int(partial.get("rejectedSpans") or 0)
    except (ValueError, AttributeError, TypeError):
        return ""
    return f"{count} spans: {partial.get('errorMessage') or 'it does not say why'}" if count else ""
