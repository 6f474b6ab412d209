"""The runtime that actors live in: shards, hosts, supervisor, stores, simulator, invariants, command line."""
