"""The numbered invariants I1 to I15, judged over journals by code that shares no logic with the actors."""
