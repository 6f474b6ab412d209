"""What stops a demo or a benchmark before or while it runs; the detail says what to do."""

from __future__ import annotations


class DemoFailed(Exception):
    """Base; `code` is a gRPC status name, as in the product's own errors."""

    code = "FAILED_PRECONDITION"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SourceUnusable(DemoFailed):
    """The file of questions cannot be read."""

    code = "INVALID_ARGUMENT"


class ProductUnusable(DemoFailed):
    """The product does not run, cannot be started, or is not one that the demo can play at."""
