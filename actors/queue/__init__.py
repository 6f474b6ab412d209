"""The queue: who waits, in which order, and who each is held for."""

from actors.queue.queue import Queue

__all__ = ["Queue"]
