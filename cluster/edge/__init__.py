"""The cluster's client: what a gateway process uses to reach actors and to be reached by them."""

from cluster.edge.edge import Edge, Link, LinkStream

__all__ = ["Edge", "Link", "LinkStream"]
