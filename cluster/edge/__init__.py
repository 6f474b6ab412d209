"""The cluster's client: what a gateway process uses to reach actors and to be reached by them."""

from cluster.edge.edge import Edge
from cluster.edge.link import Link, LinkStream

__all__ = ["Edge", "Link", "LinkStream"]
