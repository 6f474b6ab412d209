"""Gives a new cluster its first configuration, through the same public interface as every later one."""

from __future__ import annotations

import grpc

from cluster.errors import StartupFailed
from trunkline.admin.v1 import admin_pb2, admin_pb2_grpc

AUTHOR = "trunkline up"


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
            current = await admin.GetConfig(
                admin_pb2.GetConfigRequest(), metadata=metadata, timeout=30.0, wait_for_ready=True
            )
            if current.version:
                return int(current.version)
            request = admin_pb2.ApplyConfigRequest(yaml=source, author=AUTHOR, comment="first configuration", expected_version=0)
            applied = await admin.ApplyConfig(request, metadata=metadata, timeout=30.0)
            return int(applied.version)
        except grpc.aio.AioRpcError as problem:
            raise StartupFailed(f"the first configuration was not taken: {problem.details()}") from problem
