"""The supervisor decides which host runs which shard, and sees to it that every shard is run."""
