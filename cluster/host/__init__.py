"""A host: runs the turns of many shards in one process, one group commit after another."""
