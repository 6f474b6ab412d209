"""The numbered invariants I1 to I15, judged over journals by code that shares no logic with the actors."""

from cluster.invariants.checker import Bounds, Checker
from cluster.invariants.evidence import Evidence
from cluster.invariants.report import Report, Violation
from cluster.invariants.verify import verify_store

__all__ = ["Bounds", "Checker", "Evidence", "Report", "Violation", "verify_store"]
