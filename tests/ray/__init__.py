"""Tests on a local Ray."""
