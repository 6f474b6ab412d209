"""YAML text as plain values, with the line and column of every key and value.

The dialect is YAML 1.2's core: `yes` is text, `17:30` is text, `010` is text, only `true` and `false` are truth values.
Invariants kept: any text either becomes a document or raises `ConfigProblems` with a line; aliases cannot blow a small
file up into a large one, and nesting cannot exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml

from cluster.config.problems import ConfigProblems, Mark, Path, Problem, dotted
from cluster.config.syntax import syntax_problem

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 24
MAX_NODES = 1_000_000

#: Keys whose value must not appear in a message.
SECRETS = frozenset({"password", "password_hash", "token", "key"})

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,4})?")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
#: Everything that YAML does not let stand in a text (YAML 1.2, 5.1).
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


@dataclass(slots=True)
class Node:
    """One value and where it stands. `size` counts the values in it, aliases expanded.

    `origin` names what set the value when that is not the file: an environment variable or a flag.
    """

    value: Any
    mark: Mark
    size: int = 1
    children: dict[str | int, Node] = field(default_factory=dict)
    key_marks: dict[str, Mark] = field(default_factory=dict)
    origin: str = ""


class Document:
    """A parsed file: `value` is plain data, and every part of it has a place."""

    def __init__(self, file: str, root: Node) -> None:
        self.file = file
        self.root = root

    @property
    def value(self) -> Any:
        """Mappings, lists, text, numbers, truth values and None."""
        return self.root.value

    def mark(self, path: Path, key: bool = False) -> Mark:
        """Where the value at `path` stands, or its key.

        A part that does not exist is placed at what would hold it, and a value that begins below its key at the key.
        """
        node, at = self.root, self.root.mark
        for step in path:
            child = node.children.get(step)
            if child is None:
                # Text that was taken as a list of one, or as a name in one language, is itself the place.
                return at if isinstance(node.value, dict | list) else node.mark
            key_mark = node.key_marks.get(step) if isinstance(step, str) else None
            at = key_mark or child.mark
            node = child
        return at if key or node.mark.line > at.line else node.mark

    def holds(self, path: Path) -> bool:
        """Whether something is written at this path."""
        node: Node | None = self.root
        for step in path:
            node = node.children.get(step) if node is not None else None
        return node is not None

    def problem(self, path: Path, problem: str, write: str = "", key: bool = False) -> Problem:
        """A problem with what stands at `path`."""
        origin = self._origin(path)
        if origin:
            return Problem(origin, Mark(0, 0), dotted(path), problem, write)
        return Problem(self.file, self.mark(path, key), dotted(path), problem, write)

    def replace(self, path: Path, node: Node) -> None:
        """Put a value at `path`, which a mapping or list must be able to hold.

        Raises:
            LookupError: part of the path is neither a mapping nor an item of a list.
        """
        holder = self.root
        for step, following in pairwise(path):
            empty = isinstance(holder.value, dict) and holder.value.get(step) is None
            if empty and isinstance(following, str):
                _put(holder, step, Node({}, node.mark, origin=node.origin))
            holder = holder.children[step]
        _put(holder, path[-1], node)

    def _origin(self, path: Path) -> str:
        node, origin = self.root, ""
        for step in path:
            child = node.children.get(step)
            if child is None:
                break
            node, origin = child, child.origin or origin
        return origin


def _put(holder: Node, step: str | int, node: Node) -> None:
    value = holder.value
    known = isinstance(value, dict) or (isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value))
    if not known:
        raise LookupError(step)
    value[step] = node.value
    holder.children[step] = node


def parse_scalar(text: str) -> Any:
    """What a plain (unquoted) scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def decode_text(content: bytes, file: str) -> str:
    """Bytes of a configuration file as text.

    Raises:
        ConfigProblems: they are not UTF-8, or too many.
    """
    if len(content) > MAX_BYTES:
        raise ConfigProblems([Problem(file, Mark(1, 1), "", f"is {len(content)} bytes", f"keep it below {MAX_BYTES} bytes")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise ConfigProblems(
            [Problem(file, Mark(line, column), "", "is not UTF-8 text", "save the file with the encoding UTF-8")]
        ) from error


def parse_document(text: str, file: str) -> Document:
    """Parse one YAML document.

    Raises:
        ConfigProblems: it is not YAML, or uses what configurations may not (tags, several documents, duplicate keys).
    """
    text = text.removeprefix("\ufeff")
    found = _UNPRINTABLE.search(text)
    if found is not None:
        mark = _mark_of_offset(text, found.start())
        name = f"the character U+{ord(found.group()):04X}"
        raise ConfigProblems([Problem(file, mark, "", f"{name} cannot stand in YAML", "delete it")])
    builder = _Builder(text, file)
    try:
        root = builder.document()
    except yaml.YAMLError as error:
        raise ConfigProblems([syntax_problem(error, text, file)]) from error
    if builder.problems:
        raise ConfigProblems(builder.problems)
    return Document(file, root)


def _mark_of_offset(text: str, offset: int) -> Mark:
    return Mark(text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1)


def _mark(event: yaml.Event) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1) if start is not None else Mark(1, 1)


def _is_secret(path: Path) -> bool:
    return bool(path) and path[-1] in SECRETS


class _Builder:
    """Builds nodes from parser events, because PyYAML's own composer recurses without bound and forgets duplicates."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._events: Iterator[yaml.Event] = iter(yaml.parse(text, Loader=_Loader))
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0

    def document(self) -> Node:
        next(self._events)  # the stream's start
        start = next(self._events)
        if isinstance(start, yaml.StreamEndEvent):
            raise self._stop(Mark(1, 1), (), "the file is empty", "write at least `version: 1`")
        root = self._node(next(self._events), ())
        next(self._events)  # the document's end
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._stop(_mark(after), (), "a second document begins here", "keep one document in a file: delete the `---`")
        return root

    def _stop(self, mark: Mark, path: Path, problem: str, write: str) -> ConfigProblems:
        return ConfigProblems([*self.problems, Problem(self.file, mark, dotted(path), problem, write)])

    def _node(self, event: yaml.Event, path: Path) -> Node:
        mark = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, mark, path)
        if len(path) > MAX_DEPTH:
            raise self._stop(
                mark, path[:3], f"is nested more than {MAX_DEPTH} levels deep", "check the brackets and the indentation"
            )
        assert isinstance(event, yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent)
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            shown = "a tag" if _is_secret(path) else f"the tag `{tag}`"
            raise self._stop(mark, path, f"{shown} means nothing here", "put text that begins with `!` in quotes")
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style in (None, "") and tag is None
            node = Node(parse_scalar(event.value) if plain else event.value, mark)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(mark, path)
        else:
            node = self._mapping(mark, path)
        if anchor is not None:
            self._anchors[anchor] = node
        self._count(node.size if isinstance(event, yaml.ScalarEvent) else 1, mark, path)
        return node

    def _count(self, nodes: int, mark: Mark, path: Path) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise self._stop(
                mark, path, f"the file holds more than {MAX_NODES} values", "remove aliases that repeat large parts"
            )

    def _alias(self, event: yaml.AliasEvent, mark: Mark, path: Path) -> Node:
        name = str(event.anchor)
        if name not in self._anchors:
            shown = "an alias" if _is_secret(path) else f"`*{name}`"
            raise self._stop(mark, path, f"{shown} refers to nothing", "put text that begins with `*` in quotes")
        node = self._anchors[name]
        if node is None:
            raise self._stop(mark, path, f"`*{name}` contains itself", "write the part out")
        self._count(node.size, mark, path)
        return node

    def _sequence(self, mark: Mark, path: Path) -> Node:
        node = Node([], mark)
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            index = len(node.value)
            child = self._node(event, (*path, index))
            node.value.append(child.value)
            node.children[index] = child
            node.size += child.size
        return node

    def _mapping(self, mark: Mark, path: Path) -> Node:
        node = Node({}, mark)
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key_mark = _mark(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._stop(
                    key_mark, path, "a key must be a plain word", "write `name: value`; put text with brackets in quotes"
                )
            key = event.value
            if key == "<<" and event.style in (None, ""):
                raise self._stop(key_mark, path, "`<<` (merge) is not supported", "write the keys out")
            child = self._node(next(self._events), (*path, key))
            if key in node.value:
                first = node.key_marks[key].line
                message = f"is written twice; the first is on line {first}"
                self.problems.append(
                    Problem(self.file, key_mark, dotted((*path, key)), message, "delete or rename one of them")
                )
                continue
            node.value[key] = child.value
            node.children[key] = child
            node.key_marks[key] = key_mark
            node.size += child.size + 1
        return node
