"""What every method of every service has in common: the token is checked first, and errors end as statuses."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from cluster.errors import TrunklineError
from gateways.server.access import Access
from gateways.server.failures import Failure
from gateways.server.options import Role

Response = TypeVar("Response")




Method = Callable[[Any, Any, Any], Awaitable[Response]]


def guarded(role: Role) -> Callable[[Method[Response]], Method[Response]]:
    """Let only callers with a token of this role in, and turn `Failure` and `TrunklineError` into statuses."""

    def wrap(method: Method[Response]) -> Method[Response]:
        @functools.wraps(method)
        async def call(service: Any, request: Any, context: Any) -> Response:
            try:
                service.access.require(role, context)
                return await method(service, request, context)
            except Failure as failure:
                return await failure.abort(context)
            except TrunklineError as error:
                return await Failure.of(error).abort(context)

        return call

    return wrap
