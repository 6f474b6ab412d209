"""The runtime on Ray: the only part of `cluster` that imports it."""
