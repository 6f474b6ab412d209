"""Edges of the cluster: the gateway that serves the link protocol, its SDK, and one folder for each channel."""
