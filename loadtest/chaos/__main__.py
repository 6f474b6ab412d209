"""`python -m loadtest.chaos`: the command `trunkline chaos` by itself."""

from loadtest.chaos.command import app

app()
