"""`python -m loadtest.load`: the command without the rest of the command line."""

from __future__ import annotations

from loadtest.load.command import app

app()
