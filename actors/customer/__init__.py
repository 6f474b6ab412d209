"""The customer: what is remembered of one person between conversations."""

from actors.customer.customer import Customer

__all__ = ["Customer"]
