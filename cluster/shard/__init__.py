"""A shard: a deterministic state machine that runs turns to quiescence and makes one commit of them."""
