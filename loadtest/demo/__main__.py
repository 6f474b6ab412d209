"""`python -m loadtest.demo`: the command without the rest of the command line."""

from __future__ import annotations

from loadtest.demo.command import app

app()
