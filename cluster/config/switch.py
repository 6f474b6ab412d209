"""Throws the emergency switch in a configuration's text, leaving everything else as its author wrote it.

Invariants kept: what is returned says what was asked for, or an error says how to write it by hand.
"""

from __future__ import annotations

from cluster.config.document import Node, parse_document
from cluster.config.load import load_centre
from cluster.config.problems import ConfigProblems, Mark, Problem


def with_emergency(text: str, active: bool) -> str:
    """The configuration with `emergency.active` set.

    Args:
        text: The YAML of a valid configuration.
        active: What it is to say.

    Raises:
        ConfigProblems: the text is no valid configuration, or is written in a way that cannot be changed here.
    """
    if load_centre(text).centre.emergency.active is active:
        return text
    word = "true" if active else "false"
    root = parse_document(text, "centre.yaml").root
    section = root.children.get("emergency")
    switch = section.children.get("active") if section is not None else None
    if switch is not None:
        changed = _put(text, switch, word, replaces="false" if active else "true")
    elif section is not None:
        changed = _insert(text, section, f"active: {word}")
    elif text[_position(text, root.mark)] == "{":
        changed = _insert(text, root, f"emergency: {{active: {word}}}")
    else:
        changed = f"{text.rstrip()}\nemergency:\n  active: {word}\n"
    return _checked(changed, active)


def _checked(changed: str, active: bool) -> str:
    try:
        if load_centre(changed).centre.emergency.active is active:
            return changed
    except ConfigProblems:
        pass
    word = "true" if active else "false"
    problem = "is written in a way that cannot be changed by a command"
    raise ConfigProblems(
        [Problem("centre.yaml", Mark(0, 0), "emergency", problem, f"write `active: {word}` there by hand, and apply it")]
    )


def _put(text: str, node: Node, word: str, replaces: str) -> str:
    at = _position(text, node.mark)
    written = text[at : at + len(replaces)]
    return text[:at] + word + text[at + len(replaces) :] if written.casefold() == replaces else text


def _insert(text: str, mapping: Node, line: str) -> str:
    """Put a line before the first one of a mapping, in the style that it is written in."""
    at = _position(text, mapping.mark)
    if text[at : at + 1] == "{":
        comma = "" if text[at + 1 :].lstrip().startswith("}") else ", "
        return f"{text[: at + 1]}{line}{comma}{text[at + 1 :]}"
    return f"{text[:at]}{line}\n{' ' * (mapping.mark.column - 1)}{text[at:]}"


def _position(text: str, mark: Mark) -> int:
    lines = text.splitlines(keepends=True)
    return sum(len(line) for line in lines[: mark.line - 1]) + mark.column - 1
