"""What every method of every service has in common: the token is checked first, and errors end as statuses."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from cluster.errors import TrunklineError
from gateways.server.failures import Failure
from gateways.server.options import Role

Method = Callable[[Any, Any, Any], Awaitable[Any]]


def guarded(role: Role) -> Callable[[Method], Any]:
    """Let only callers with a token of this role in, and turn `Failure` and `TrunklineError` into statuses.

    The result is typed `Any` because the generated base classes allow methods of several shapes.
    """

    def wrap(method: Method) -> Method:
        @functools.wraps(method)
        async def call(service: Any, request: Any, context: Any) -> Any:
            try:
                service.access.require(role, context)
                return await method(service, request, context)
            except Failure as failure:
                return await failure.abort(context)
            except TrunklineError as error:
                return await Failure.of(error).abort(context)

        return call

    return wrap
