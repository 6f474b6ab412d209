"""The router: proposals, from soft state only."""

from actors.router.router import Router

__all__ = ["Router"]
