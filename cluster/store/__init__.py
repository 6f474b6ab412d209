"""Where accepted facts are kept: one fenced commit per shard and batch."""
