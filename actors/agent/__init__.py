"""The agent: presence, capacity, reservations and wrap-up."""

from actors.agent.agent import Agent

__all__ = ["Agent"]
