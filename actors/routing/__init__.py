"""The pure parts of routing: functions over frozen values, which the router, the queues and the agents put together."""
