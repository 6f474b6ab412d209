"""Tests of the actors, on a stage in memory."""
