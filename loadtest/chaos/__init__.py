"""Chaos: a product under load whose parts are broken at random, and a verdict on every promise that it made."""
