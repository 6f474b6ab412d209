"""One small language for requirements and scores: `cards >= 3 and (english >= 2 or group["night-shift"])`.

Of agents: a bare word is the agent's level in that skill, 0 without it; `skill["…"]`, `attribute["…"]` and `group["…"]`
take any name; `agent` is the agent's id. Of arrivals: `channel`, `entry_point`, `language`, `subject`, `intent` and
`sentiment`; `customer["…"]` and `attribute["…"]` are facts about the customer and about the interaction. Operators are
Python's: and, or, not, comparisons, in, + - * /.

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


@dataclass(frozen=True, slots=True)
class Arriving:
    """What can be asked about somebody at the door. Facts that read as numbers compare as numbers."""

    channel: str
    entry_point: str = ""
    language: str = ""
    subject: str = ""
    customer: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


Term = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """What words mean: by themselves, and with a name in brackets. Any other word is a name of the kind `others`."""

    words: Mapping[str, Term]
    lookups: Mapping[str, Callable[[Any, str], Any]]
    others: str = ""


_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge, ast.In: lambda one, many: one in many, ast.NotIn: lambda one, many: one not in many,
}  # fmt: skip
_ARITHMETIC: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def fact(facts: Mapping[str, str], name: str) -> str | float | None:
    """A fact as a number if it reads as one, else as text; None when it is not known."""
    text = facts.get(name)
    try:
        return float(text) if text is not None else None
    except ValueError:
        return text


OF_AGENTS: Final = Vocabulary(
    {"agent": lambda of: of.agent},
    {
        "skill": lambda of, name: of.skills.get(name, 0),
        "attribute": lambda of, name: of.attributes.get(name),
        "group": lambda of, name: name in of.groups,
    },
    others="skill",
)
OF_ARRIVALS: Final = Vocabulary(
    {
        "channel": lambda of: of.channel,
        "entry_point": lambda of: of.entry_point,
        "language": lambda of: of.language,
        "subject": lambda of: of.subject,
        "intent": lambda of: of.attributes.get("intent"),
        "sentiment": lambda of: fact(of.attributes, "sentiment"),
    },
    {
        "customer": lambda of, name: fact(of.customer, name),
        "attribute": lambda of, name: fact(of.attributes, name),
    },
)


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

    def holds(self, of: Qualities | Arriving) -> bool:
        """Whether it is true of this agent, or of this arrival."""
        return bool(_value(self._term, of))

    def score(self, qualities: Qualities) -> float:
        """Its value as a number; 0 where it has none."""
        value = _value(self._term, qualities)
        number = float(value) if isinstance(value, int | float) else 0.0
        return number if abs(number) < float("inf") else 0.0


@lru_cache(COMPILED)
def compiled(text: str, vocabulary: Vocabulary = OF_AGENTS) -> Expression:
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
    compiler = _Compiler(vocabulary)
    term = compiler.term(tree, 0)
    skills, attributes, groups = (frozenset(compiler.names.get(kind, ())) for kind in ("skill", "attribute", "group"))
    return Expression(text, skills, attributes, groups, term)


def _value(term: Term, of: Any) -> Any:
    try:
        return term(of)
    except (TypeError, ArithmeticError):
        return False


class _Compiler:
    """Turns a syntax tree into closures; whatever is not named here is refused."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.names: dict[str, set[str]] = {kind: set() for kind in vocabulary.lookups}

    def term(self, node: ast.expr, depth: int) -> Term:
        """One node, compiled."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"is nested more than {MAX_DEPTH} deep; write it flatter")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return lambda _: value
            case ast.Name(id=name):
                return self._word(name)
            case ast.Subscript(value=ast.Name(id=kind), slice=ast.Constant(value=str() as name)) if self._takes_names(kind):
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

    def _word(self, name: str) -> Term:
        if name in self.vocabulary.words:
            return self.vocabulary.words[name]
        if self.vocabulary.others:
            return self._lookup(self.vocabulary.others, name)
        words = [*self.vocabulary.words, *(f'{kind}["…"]' for kind in self.vocabulary.lookups)]
        raise ExpressionError(f"`{name[:60]}` is not known here; there are {', '.join(words)}")

    def _takes_names(self, kind: str) -> bool:
        return kind in self.vocabulary.lookups

    def _lookup(self, kind: str, name: str) -> Term:
        self.names[kind].add(name)
        look_up = self.vocabulary.lookups[kind]
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
