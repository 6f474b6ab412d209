"""Tests of load and demo without a product."""
