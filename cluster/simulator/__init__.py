"""Virtual time: the same actors and shards as in a cluster, driven by seeds instead of sockets."""
