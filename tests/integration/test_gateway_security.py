"""Tokens and certificates: who gets in, and what the others are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
import trustme

from cluster.errors import StartupFailed
from gateways.sdk import AdminClient, CallFailed, DeskClient, LinkFailed, TlsOptions
from gateways.server.options import Role, ServerTls
from tests.fakes.serving import TOKENS, Serving, said, serving

CA, OTHER_CA = trustme.CA(), trustme.CA()
SERVER, CLIENT, STRANGER = CA.issue_cert("localhost"), CA.issue_cert("adapter"), OTHER_CA.issue_cert("adapter")


def chain(cert: trustme.LeafCert) -> bytes:
    """A certificate and those that signed it, as PEM."""
    return b"".join(blob.bytes() for blob in cert.cert_chain_pems)


def server_tls(client_ca: trustme.CA | None = None) -> ServerTls:
    """The gateway's certificate."""
    return ServerTls(chain(SERVER), SERVER.private_key_pem.bytes(), client_ca.cert_pem.bytes() if client_ca else None)


def client_tls(ca: trustme.CA = CA, cert: trustme.LeafCert | None = None) -> TlsOptions:
    """An adapter's view of TLS."""
    if cert is None:
        return TlsOptions(ca.cert_pem.bytes(), server_name="localhost")
    return TlsOptions(ca.cert_pem.bytes(), chain(cert), cert.private_key_pem.bytes(), "localhost")


@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        ("", "UNAUTHENTICATED", "TOKEN_MISSING"),
        ("not-a-token-of-ours", "UNAUTHENTICATED", "TOKEN_UNKNOWN"),
        (TOKENS[Role.DESK], "PERMISSION_DENIED", "TOKEN_ROLE"),
        (TOKENS[Role.ADMIN], "PERMISSION_DENIED", "TOKEN_ROLE"),
    ],
)
async def test_an_adapter_with_a_wrong_token_is_told_and_does_not_try_again(token: str, code: str, reason: str) -> None:
    """Trying again would not help, so the adapter stops with the reason."""
    async with serving() as gateway:
        with pytest.raises(LinkFailed) as failed:
            await gateway.adapter(token=token).open()
        assert (failed.value.code, failed.value.reason) == (code, reason)


@pytest.mark.parametrize(
    ("role", "ask"),
    [
        (Role.GATEWAY, lambda gateway, token: DeskClient(gateway.target, token).sign_in("alice", "x")),
        (Role.GATEWAY, lambda gateway, token: DeskClient(gateway.target, token).read_queues(["cards"])),
        (Role.GATEWAY, lambda gateway, token: DeskClient(gateway.target, token).read_directory()),
        (Role.DESK, lambda gateway, token: AdminClient(gateway.target, token).status()),
        (Role.GATEWAY, lambda gateway, token: AdminClient(gateway.target, token).drain()),
        (Role.DESK, lambda gateway, token: AdminClient(gateway.target, token).apply_config("", "me")),
    ],
)
async def test_a_role_opens_its_own_service_only(role: Role, ask: Callable[[Serving, str], Any]) -> None:
    """A channel adapter's token is no key to the desk, and neither is one to administration."""
    async with serving() as gateway:
        with pytest.raises(CallFailed) as failed:
            await ask(gateway, TOKENS[role])
        assert (failed.value.code, failed.value.reason) == ("PERMISSION_DENIED", "TOKEN_ROLE")


async def test_a_desk_link_needs_a_desk_token() -> None:
    """A channel adapter cannot act for agents."""
    async with serving() as gateway:
        with pytest.raises(LinkFailed, match="PERMISSION_DENIED"):
            await gateway.desk(token=TOKENS[Role.GATEWAY]).open()


async def test_a_link_over_tls_works() -> None:
    """The gateway shows a certificate that the adapter's authority signed."""
    async with serving(tls=server_tls()) as gateway, gateway.adapter(tls=client_tls()) as link:
        await link.send(said("hello"))


async def test_a_gateway_of_a_wrong_authority_is_not_spoken_to() -> None:
    """An adapter's token must not reach an impostor."""
    async with serving(tls=server_tls()) as gateway:
        with pytest.raises(LinkFailed, match=r"no gateway at .* took the link in time"):
            await gateway.adapter(tls=client_tls(OTHER_CA), connect_timeout_s=0.5).open()
        assert gateway.edge.links == {}


async def test_plain_text_to_a_tls_gateway_fails() -> None:
    """A token is never taken over an open line where TLS is required."""
    async with serving(tls=server_tls()) as gateway:
        with pytest.raises(LinkFailed, match="no gateway at"):
            await gateway.adapter(connect_timeout_s=0.5).open()


async def test_mutual_tls_lets_known_adapters_in() -> None:
    """Both sides show a certificate."""
    async with serving(tls=server_tls(CA)) as gateway, gateway.adapter(tls=client_tls(cert=CLIENT)) as link:
        await link.send(said("hello"))


@pytest.mark.parametrize("cert", [None, STRANGER], ids=["no certificate", "a stranger's certificate"])
async def test_mutual_tls_keeps_others_out(cert: trustme.LeafCert | None) -> None:
    """A token alone does not open a gateway that asks for certificates."""
    async with serving(tls=server_tls(CA)) as gateway:
        with pytest.raises(LinkFailed, match="no gateway at"):
            await gateway.adapter(tls=client_tls(cert=cert), connect_timeout_s=0.5).open()


async def test_mutual_tls_needs_a_token_too() -> None:
    """A certificate says which machine it is, the token what it may do."""
    async with serving(tls=server_tls(CA)) as gateway:
        with pytest.raises(LinkFailed, match="UNAUTHENTICATED"):
            await gateway.adapter(tls=client_tls(cert=CLIENT), token="").open()


async def test_certificates_that_are_none_stop_the_start() -> None:
    """A gateway does not start in a way that nobody could connect to."""
    with pytest.raises(StartupFailed, match="TLS"):
        async with serving(tls=ServerTls(b"no certificate", b"no key")):
            pass


async def test_details_are_there_for_any_client() -> None:
    """The status carries `google.rpc` details, which clients in every language can read."""
    from google.rpc import error_details_pb2, status_pb2

    from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc

    async with serving() as gateway, grpc.aio.insecure_channel(gateway.target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await admin_pb2_grpc.AdminServiceStub(channel).Status(admin_pb2.StatusRequest())
        metadata: Any = failed.value.trailing_metadata()
        status = status_pb2.Status.FromString(dict(metadata)["grpc-status-details-bin"])
        info = error_details_pb2.ErrorInfo()
        assert status.details[0].Unpack(info)
        assert (status.code, info.reason, info.domain) == (16, "TOKEN_MISSING", "trunkline")
