"""Pure behaviour: what every agent, queue, session, router and gateway does, without I/O, clock or randomness."""
