"""Between the wire contracts and the actors' messages: small pure functions and exhaustive tables, nothing else."""
