"""The pure parts of routing: frozen values and functions of them, no actor."""
