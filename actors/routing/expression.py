"""One small language for requirements and scores: `cards >= 3 and (english >= 2 or group["night-shift"])`.

A bare word is the agent's level in that skill, 0 without it; `skill["…"]`, `attribute["…"]` and `group["…"]` take any
name; `agent` is the agent's id. Operators are Python's: and, or, not, comparisons, in, + - * /.

Keeps: evaluating never fails. What an agent does not have compares as false, and a score that cannot be computed is 0;
equal text is compiled once.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

MAX_CHARACTERS: Final = 1_000
MAX_DEPTH: Final = 30
COMPILED: Final = 4_096

Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Qualities:
    """What can be asked about an agent."""

    agent: str
    skills: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    groups: Container[str] = frozenset()


Term = Callable[[Qualities], Any]

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda one, many: one in many, ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_LOOKUPS: Final[Mapping[str, Callable[[Qualities, str], Any]]] = {
    "skill": lambda of, name: of.skills.get(name, 0),
    "attribute": lambda of, name: of.attributes.get(name),
    "group": lambda of, name: name in of.groups,
}


class ExpressionError(ValueError):
    """The text is no expression of this language; the message says what is wrong and what to write."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression, and the names that it asks for."""

    text: str
    skills: frozenset[str]
    attributes: frozenset[str]
    groups: frozenset[str]
    _term: Term

    def holds(self, qualities: Qualities) -> bool:
        """Whether it is true of this agent."""
        return bool(_value(self._term, qualities))

    def score(self, qualities: Qualities) -> float:
        """Its value as a number; 0 where it has none."""
        value = _value(self._term, qualities)
        number = float(value) if isinstance(value, int | float) else 0.0
        return number if abs(number) < float("inf") else 0.0


@lru_cache(COMPILED)
def compiled(text: str) -> Expression:
    """Compile one expression.

    Raises:
        ExpressionError: it is none.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"is {len(text)} characters long; write at most {MAX_CHARACTERS}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(
            f"cannot be read: {getattr(error, 'msg', error)}; write it like `cards >= 3 and english`"
        ) from error
    compiler = _Compiler()
    term = compiler.term(tree, 0)
    skills, attributes, groups = (frozenset(compiler.names[kind]) for kind in ("skill", "attribute", "group"))
    return Expression(text, skills, attributes, groups, term)


def _value(term: Term, qualities: Qualities) -> Any:
    try:
        return term(qualities)
    except (TypeError, ArithmeticError):
        return False


class _Compiler:
    """Turns a syntax tree into closures; whatever is not named here is refused."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = {"skill": set(), "attribute": set(), "group": set()}

    def term(self, node: ast.expr, depth: int) -> Term:
        """One node, compiled."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"is nested more than {MAX_DEPTH} deep; write it flatter")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return lambda _: value
            case ast.Name(id="agent"):
                return lambda of: of.agent
            case ast.Name(id=name):
                return self._lookup("skill", name)
            case ast.Subscript(value=ast.Name(id=kind), slice=ast.Constant(value=str() as name)) if kind in _LOOKUPS:
                return self._lookup(kind, name)
            case ast.BoolOp(op=op, values=values):
                terms = [self.term(value, depth + 1) for value in values]
                return _all(terms) if isinstance(op, ast.And) else _any(terms)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                term = self.term(operand, depth + 1)
                return lambda of: not _value(term, of)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                term = self.term(operand, depth + 1)
                return lambda of: -term(of)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return _both(_ARITHMETIC[type(op)], self.term(left, depth + 1), self.term(right, depth + 1))
            case ast.Compare(left=left, ops=ops, comparators=comparators) if all(type(op) in _COMPARISONS for op in ops):
                return self._comparison(left, ops, comparators, depth)
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                members = [self.term(element, depth + 1) for element in elements]
                return lambda of: tuple(member(of) for member in members)
        raise ExpressionError(
            f"`{ast.unparse(node)[:60]}` has no meaning here; use names, numbers, texts, and, or, not, comparisons"
        )

    def _lookup(self, kind: str, name: str) -> Term:
        self.names[kind].add(name)
        look_up = _LOOKUPS[kind]
        return lambda of: look_up(of, name)

    def _comparison(self, left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr], depth: int) -> Term:
        sides = [self.term(side, depth + 1) for side in (left, *comparators)]
        links = [_both(_COMPARISONS[type(op)], *pair) for op, pair in zip(ops, pairwise(sides), strict=True)]
        return _all(links)


def _both(operation: Callable[[Any, Any], Any], left: Term, right: Term) -> Term:
    return lambda of: operation(left(of), right(of))


def _all(terms: list[Term]) -> Term:
    return lambda of: all(_value(term, of) for term in terms)


def _any(terms: list[Term]) -> Term:
    return lambda of: any(_value(term, of) for term in terms)
