"""The entry of the `trunkline` command: which commands there are, in the order that help shows them."""

from __future__ import annotations

import typer

from cluster.cli import (
    actor_commands,
    config_commands,
    fleet_commands,
    interaction_commands,
    letter_commands,
    route_commands,
)
from cluster.cli.doctor_command import doctor
from cluster.cli.fleet_commands import drain, upgrade
from cluster.cli.group import RootGroup
from cluster.cli.run_commands import down, up
from cluster.cli.status_command import status
from cluster.cli.top_command import top
from cluster.cli.trace_command import trace
from cluster.cli.verify_command import verify

HELP = """Trunkline, an omnichannel contact-centre router.

Every command takes --json and then prints one JSON document, also for an error. Exit status: 0 done; 1 failed, or
found what it looks for (violations, failed checks); 2 used wrongly.
"""

app = typer.Typer(
    name="trunkline", cls=RootGroup, help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)
app.command()(up)
app.command()(down)
app.command()(status)
app.command()(top)
app.command()(doctor)
app.command()(drain)
app.command()(upgrade)
app.add_typer(fleet_commands.app, name="hosts")
app.add_typer(config_commands.app, name="config")
app.add_typer(actor_commands.app, name="actors")
app.add_typer(interaction_commands.app, name="interactions")
app.add_typer(letter_commands.app, name="dead-letters")
app.add_typer(route_commands.app, name="route")
app.command()(trace)
app.command()(verify)


def main() -> None:
    """Run the command line of this process."""
    app()


if __name__ == "__main__":
    main()
