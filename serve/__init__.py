"""Models behind one contract: deployments, the router between versions, registry, training and evaluation."""
