"""`python -m gateways.webchat`: the web chat adapter as a program."""

from __future__ import annotations

import sys

from gateways.web.arguments import link_options, listen_address, page_server_parser, run
from gateways.webchat.server import WebChat, WebChatOptions


def main(arguments: list[str] | None = None) -> int:
    """Run the adapter; returns the exit status."""
    about = "Serves the web chat widget and links its conversations to a Trunkline gateway."
    given = page_server_parser("gateways.webchat", about, "127.0.0.1:7380", "webchat-1").parse_args(arguments)

    def make() -> WebChat:
        return WebChat(
            WebChatOptions(
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
