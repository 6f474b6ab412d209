"""Tests of the checker: every invariant catches its violation and flags no clean journal."""
