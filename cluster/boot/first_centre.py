"""Gives a new cluster its first configuration, through the same public interface as every later one."""

from __future__ import annotations

import asyncio
import time

import grpc

from cluster.errors import StartupFailed
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc

AUTHOR = "trunkline up"
KNOWN_TIMEOUT_S = 15.0
#: In literal mode the configuration's owner is a process of its own, which a busy machine takes long to start.
OWNER_TIMEOUT_S = 60.0
RETRY_S = 0.5
AGAIN = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE)


async def apply_first_centre(target: str, token: str, source: str, credentials: grpc.ChannelCredentials | None = None) -> int:
    """Apply a configuration unless the cluster has one already.

    Args:
        target: a gateway's address.
        token: an admin token.
        source: the configuration's YAML.

    Returns:
        The version in force.

    Raises:
        StartupFailed: the gateway refused it or does not answer.
    """
    channel = grpc.aio.secure_channel(target, credentials) if credentials else grpc.aio.insecure_channel(target)
    metadata = (("authorization", f"Bearer {token}"),)
    async with channel:
        admin = admin_pb2_grpc.AdminServiceStub(channel)
        try:
            version = await _version(admin, metadata)
            if not version:
                request = admin_pb2.ApplyConfigRequest(
                    yaml=source, author=AUTHOR, comment="first configuration", expected_version=0
                )
                version = int((await admin.ApplyConfig(request, metadata=metadata, timeout=30.0)).version)
            await _until_known(admin, metadata, version)
            return version
        except grpc.aio.AioRpcError as problem:
            raise StartupFailed(f"the first configuration was not taken: {problem.details()}") from problem


async def _version(admin: admin_pb2_grpc.AdminServiceAsyncStub, metadata: tuple[tuple[str, str], ...]) -> int:
    """The version in force, 0 for none; asked for again while its owner is not there yet."""
    deadline_s = time.monotonic() + OWNER_TIMEOUT_S
    while True:
        try:
            request = admin_pb2.GetConfigRequest()
            return int((await admin.GetConfig(request, metadata=metadata, timeout=30.0, wait_for_ready=True)).version)
        except grpc.aio.AioRpcError as problem:
            if problem.code() not in AGAIN or time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(RETRY_S)


async def _until_known(
    admin: admin_pb2_grpc.AdminServiceAsyncStub, metadata: tuple[tuple[str, str], ...], version: int
) -> None:
    """Wait until the gateway itself follows the configuration: only then can anybody sign in or arrive."""
    async with asyncio.timeout(KNOWN_TIMEOUT_S):
        known = 0
        while known < version:
            await asyncio.sleep(0.05)
            known = (await admin.Status(admin_pb2.StatusRequest(), metadata=metadata)).centre_version
