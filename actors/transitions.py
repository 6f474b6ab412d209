"""Declared transition tables: the only moves that a state may make (I14). The docs' diagrams are drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound=StrEnum)


class TransitionError(RuntimeError):
    """An actor tried a move that its table does not declare: a defect, so the turn fails and is undone."""


class Transitions(Generic[S]):
    """A table of allowed moves between the states of one enum."""

    def __init__(self, name: str, start: Iterable[S], moves: Mapping[S, Iterable[S]]) -> None:
        self.name = name
        self.start = frozenset(start)
        self.moves = {state: frozenset(targets) for state, targets in moves.items()}

    def allows(self, before: S | None, after: S) -> bool:
        """Whether `before -> after` is declared; `None` stands for "did not exist"."""
        if before is None:
            return after in self.start
        return after in self.moves.get(before, frozenset())

    def check(self, before: S | None, after: S) -> S:
        """Return `after` if the move is declared.

        Raises:
            TransitionError: it is not.
        """
        if not self.allows(before, after):
            raise TransitionError(f"{self.name}: {before} -> {after} is not a declared transition")
        return after

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, states in declared order."""
        lines = ["stateDiagram-v2", *(f"    [*] --> {state}" for state in sorted(self.start))]
        for state, targets in self.moves.items():
            lines += [f"    {state} --> {target}" for target in sorted(targets)] or [f"    {state} --> [*]"]
        return "\n".join(lines)
