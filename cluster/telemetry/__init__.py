"""What operators see of a running cluster: logs and metrics."""
