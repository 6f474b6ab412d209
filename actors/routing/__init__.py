"""The pure parts of routing: who may serve whom, who goes first, and how much one agent can hold. No actor lives here."""
