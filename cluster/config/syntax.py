"""Says in plain words what a YAML parser objects to, since its own words are about tokens.

Invariants kept: every parser error becomes one problem with a line inside the text.
"""

from __future__ import annotations

import yaml

from cluster.config.problems import Mark, Problem

_QUOTE = "put the text in quotes"
_INDENT = "indent it like its neighbours, with spaces"
_CLOSE = "write a value, or close the bracket"
_ASTRAY = "this line does not belong to what stands above it"
#: What the parser says -> what is wrong, what to do. Both PyYAML's own parser and libyaml are covered.
_MEANINGS: tuple[tuple[str, str, str], ...] = (
    ("could not find expected ':'", "a key without `:`", "write `name: value`, with a space after the colon"),
    ("did not find expected key", _ASTRAY, _INDENT),
    ("did not find expected '-'", "a list item is expected here", "begin it with `- `, or indent the line like its neighbours"),
    ("expected <block end>", _ASTRAY, _INDENT),
    ("expected ',' or ']'", "a list in brackets is not closed", "separate its items with `,` and end it with `]`"),
    ("expected ',' or '}'", "a mapping in braces is not closed", "separate its entries with `,` and end it with `}`"),
    ("expected the node content", "a value is missing", _CLOSE),
    ("did not find expected node content", "a value is missing", _CLOSE),
    ("unexpected end of stream", "a quoted text is not closed", "close it with the quote that opened it"),
    ("block sequence entries are not allowed", "a list cannot begin here", "begin it on a line of its own, under its key"),
    ("block mapping keys are not allowed", "a key cannot begin here", "begin it on a line of its own"),
    ("unknown escape", "an unknown `\\` escape in double quotes", "double the backslash, or use single quotes"),
    ("undefined alias", "an alias (`*name`) that refers to nothing", "mark what it stands for with `&name` above this line"),
    ("duplicate anchor", "an anchor name is used twice", "rename one of them"),
    ("incompatible YAML document", "another version of YAML", "delete the line that begins with `%YAML`"),
    ("undefined tag handle", "a tag (`!…`) means nothing here", _QUOTE),
    ("alphabetic or numeric character", "a name is missing after `&` or `*`", _QUOTE),
)


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """One problem for one parser error."""
    lines = text.split("\n")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(file, Mark(1, 1), "", f"is not YAML: {error}", "save it as plain UTF-8 text")
    at = error.problem_mark or error.context_mark
    line, column = (at.line, at.column) if at is not None else (0, 0)
    line = min(line, len(lines) - 1)
    said = f"{error.context or ''} {error.problem or ''}".strip()
    for number in {line, max(0, line - 1)}:
        content = lines[number]
        indent = content[: len(content) - len(content.lstrip())]
        if "\t" in indent and content.strip():
            return Problem(file, Mark(number + 1, indent.index("\t") + 1), "", "a tab in the indentation", "indent with spaces")
    problem, write = _meaning(said, lines[line][column : column + 1])
    if "mapping values" in said:
        line, column, problem, write = _misplaced_colon(lines, line, column)
    opened = error.context_mark
    if opened is not None and opened.line < line:
        if problem.endswith("is not closed"):
            line, column = opened.line, opened.column
        elif "block" in said:
            problem += f" (the block that begins on line {opened.line + 1})"
    return Problem(file, Mark(line + 1, column + 1), "", problem, write)


def _misplaced_colon(lines: list[str], line: int, column: int) -> tuple[int, int, str, str]:
    """Which slip made a parser stumble over a colon: none on the line above, a step too far in, or two on one line."""
    content = lines[line]
    indent = len(content) - len(content.lstrip())
    key = content[indent:column]
    above = max((number for number in range(line) if lines[number].strip()), default=None)
    if above is not None and ": " not in key and not content.lstrip().startswith("-"):
        text = lines[above]
        indent_above = len(text) - len(text.lstrip())
        if ":" not in text and indent_above == indent:
            return above, indent_above, "a key without `:`", "write `name: value`, with a space after the colon"
        if indent > indent_above:
            return line, indent, "this line is indented further than the one above it", "indent it like its neighbours"
    return line, column, "a second `:` on this line", "put the text that holds `: ` in quotes"


def _meaning(said: str, character: str) -> tuple[str, str]:
    if "cannot start any token" in said:
        if character == "\t":
            return "a tab where a value should begin", "use spaces"
        return f"a value cannot begin with `{character}`", _QUOTE
    for words, problem, write in _MEANINGS:
        if words in said:
            return problem, write
    return f"is not YAML: {said}", "check the indentation, the quotes and the brackets on this line and above it"
