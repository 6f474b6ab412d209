"""Customers and agents in real browser windows, against the whole product in one process."""
