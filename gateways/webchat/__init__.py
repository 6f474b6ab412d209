"""Web chat: a channel adapter with an embeddable widget."""
