"""Answers a call whose request does not parse, which gRPC itself would take for a defect of the server.

Kept: bytes that are no message of the method end the call with INVALID_ARGUMENT and never reach the service or the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from gateways.server.failures import Failure, Reason


class _Unreadable:
    """Stands for a request that does not parse, until the call can be ended."""


class RefuseUnreadable(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Wraps every method that takes one request and gives one answer; streams read their frames themselves."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """See `grpc.aio.ServerInterceptor`."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        answer, parse = handler.unary_unary, handler.request_deserializer

        def read(content: bytes) -> Any:
            try:
                return parse(content)
            except DecodeError:
                return _Unreadable()

        async def call(request: Any, context: Any) -> Any:
            if isinstance(request, _Unreadable):
                detail = f"that is no request of {handler_call_details.method}: it does not parse as Protocol Buffers"
                await Failure("INVALID_ARGUMENT", Reason.INVALID_REQUEST, detail).abort(context)
            return await answer(request, context)

        return grpc.unary_unary_rpc_method_handler(call, read, handler.response_serializer)
