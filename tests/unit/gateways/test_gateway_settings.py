"""A gateway's settings: what a layout may say, and what it is told when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.errors import StartupFailed
from gateways.sdk.options import Backoff, LinkOptions
from gateways.server.factory import options_from
from gateways.server.options import GatewayOptions, Role, ServerTls

KEY = "a signing key of at least 32 bytes"
TOKEN = "a-token-that-is-long"


def test_settings_become_options() -> None:
    """What the layout says is what the server does."""
    options = options_from(
        "gateway-1", {"listen": ["127.0.0.1:1"], "tokens": {"desk": [TOKEN]}, "signing_key": KEY, "window": 7}
    )
    assert (options.name, options.listen, options.limits.window) == ("gateway-1", ("127.0.0.1:1",), 7)
    assert (options.tokens, options.signing_key) == ({Role.DESK: (TOKEN,)}, KEY.encode())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "signing_key: Field required"),
        ({"signing_key": KEY, "listen": []}, "listen: List should have at least 1 item"),
        ({"signing_key": KEY, "tokens": {"boss": ["x"]}}, "tokens.boss"),
        ({"signing_key": KEY, "window": 0}, "window"),
        ({"signing_key": KEY, "wimdow": 9}, "wimdow: Extra inputs are not permitted"),
        ({"signing_key": "short"}, "signing key must have at least 32 bytes"),
        ({"signing_key": KEY, "tokens": {"desk": ["short"]}}, "a token of role desk is shorter than 16 characters"),
        (
            {"signing_key": KEY, "tls": {"certificate": "/nowhere/c.pem", "key": "/nowhere/k.pem"}},
            "/nowhere/c.pem cannot be read",
        ),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], said: str) -> None:
    """The error names the setting and never shows a secret."""
    with pytest.raises(StartupFailed) as failed:
        options_from("gateway-1", settings)
    assert said in failed.value.detail
    assert KEY not in failed.value.detail


def test_tls_files_are_read(tmp_path: Path) -> None:
    """Paths become content at the start, so that a missing file stops it."""
    for name in ("c", "k", "ca"):
        (tmp_path / name).write_text(name)
    tls = {"certificate": str(tmp_path / "c"), "key": str(tmp_path / "k"), "client_ca": str(tmp_path / "ca")}
    options = options_from("gateway-1", {"signing_key": KEY, "tls": tls})
    assert options.tls is not None
    assert (options.tls.certificate, options.tls.key, options.tls.client_ca) == (b"c", b"k", b"ca")


def test_secrets_do_not_show() -> None:
    """Options end up in logs and tracebacks; their secrets must not."""
    options = GatewayOptions(signing_key=b"s" * 32, tokens={Role.DESK: (TOKEN,)}, tls=ServerTls(b"", b"ssss"))
    shown = repr(options) + repr(LinkOptions("t", "n", token="hush-hush"))
    assert "ssss" not in shown
    assert TOKEN not in shown
    assert "hush" not in shown


def test_attempts_slow_down_and_scatter() -> None:
    """Waits double up to a bound and are drawn at random, so that a thousand adapters do not come back at once."""
    backoff = Backoff(first_s=0.1, most_s=1.0)
    for failures, most in ((1, 0.1), (2, 0.2), (3, 0.4), (4, 0.8), (5, 1.0), (1_000, 1.0)):
        drawn = {backoff.delay_s(failures) for _ in range(20)}
        assert all(most / 2 <= delay <= most for delay in drawn)
        assert len(drawn) > 1
