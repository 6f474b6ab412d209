"""`python -m gateways.desk`: the agent desk as a program."""

from __future__ import annotations

import sys

from gateways.desk.server import DeskOptions, DeskServer
from gateways.web.arguments import link_options, listen_address, page_server_parser, run


def main(arguments: list[str] | None = None) -> int:
    """Run the desk; returns the exit status."""
    about = "Serves the agent desk's page and links its agents to a Trunkline gateway."
    given = page_server_parser("gateways.desk", about, "127.0.0.1:7390", "desk-1").parse_args(arguments)

    def make() -> DeskServer:
        return DeskServer(
            DeskOptions(
                link=link_options(given),
                listen=listen_address(given),
                data_dir=given.data_dir,
                public_url=given.public_url.rstrip("/"),
                allow_origins=tuple(given.allow_origin),
                max_attachment_mb=given.max_attachment_mb,
            )
        )

    return run(make)


if __name__ == "__main__":
    sys.exit(main())
