"""Load from outside: customers, agents and benchmarks over the public interfaces only."""
