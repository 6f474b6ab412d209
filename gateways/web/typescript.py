"""The pages' message contracts in TypeScript, generated from the servers' msgspec structs.

`python -m gateways.web.typescript` rewrites the files; a test fails when they differ from what the structs say.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import inspect as shape

from gateways.web.framing import ServerFrame

HEADER = "// Generated from {source} by `python -m gateways.web.typescript`; change that instead.\n"


class TypeScriptWriter:
    """Collects interfaces for everything that the given unions mention."""

    def __init__(self) -> None:
        self._interfaces: dict[str, str] = {}

    def module(self, source: str, unions: Mapping[str, object], constants: Mapping[str, str | int]) -> str:
        """A whole module: one exported type per union, and its constants."""
        lines = [f"export const {name} = {_literal(value)};" for name, value in constants.items()]
        for name, union in unions.items():
            members = shape.type_info(union)
            lines.append(f"\nexport type {name} = {self._type(members)};")
        return HEADER.format(source=source) + "\n".join([*lines, "", *self._interfaces.values()])

    def _type(self, info: shape.Type) -> str:
        match info:
            case shape.StrType():
                return "string"
            case shape.IntType() | shape.FloatType():
                return "number"
            case shape.BoolType():
                return "boolean"
            case shape.NoneType():
                return "null"
            case shape.LiteralType(values=values):
                return " | ".join(_literal(value) for value in values)
            case shape.EnumType(cls=cls):
                return " | ".join(_literal(member.value) for member in cls)
            case shape.ListType(item_type=item) | shape.VarTupleType(item_type=item):
                return self._array(item)
            case shape.DictType(value_type=value):
                return f"Record<string, {self._type(value)}>"
            case shape.UnionType(types=types):
                return " | ".join(self._type(member) for member in types)
            case shape.Metadata(type=inner):
                return self._type(inner)
            case shape.StructType():
                return self._interface(info)
        raise TypeError(f"no TypeScript type is known for {info}")

    def _array(self, item: shape.Type) -> str:
        inner = self._type(item)
        return f"({inner})[]" if " | " in inner else f"{inner}[]"

    def _interface(self, info: shape.StructType) -> str:
        name = info.cls.__name__
        if name not in self._interfaces:
            self._interfaces[name] = ""
            lines = [f"export interface {name} {{"]
            if info.tag is not None:
                lines.append(f"  {info.tag_field}: {_literal(info.tag)};")
            for field in info.fields:
                optional = "" if field.required or _from_server(info) else "?"
                lines.append(f"  {field.encode_name}{optional}: {self._type(field.type)};")
            doc = (info.cls.__doc__ or "").strip()
            comment = f"/** {doc} */\n" if doc and not doc.startswith(f"{name}(") else ""
            self._interfaces[name] = comment + "\n".join([*lines, "}", ""])
        return name


def _from_server(info: shape.StructType) -> bool:
    """The server always writes every field; a page may leave out those with a default."""
    return info.tag is None or issubclass(info.cls, ServerFrame)


def _literal(value: object) -> str:
    return msgspec.json.encode(value).decode()


def modules() -> dict[Path, str]:
    """Every generated file and what it should hold."""
    from gateways.desk import frames as desk
    from gateways.webchat import frames as webchat

    here = Path(__file__).parent.parent
    return {
        here / "webchat/widget/src/frames.ts": TypeScriptWriter().module(
            "gateways/webchat/frames.py",
            {"PageFrames": webchat.PageFrames, "ServerFrames": webchat.ServerFrames},
            {"SUBPROTOCOL": webchat.SUBPROTOCOL, "MAX_ATTACHMENTS": webchat.MAX_ATTACHMENTS},
        ),
        here / "desk/web/src/frames.ts": TypeScriptWriter().module(
            "gateways/desk/frames.py",
            {"PageFrames": desk.PageFrames, "ServerFrames": desk.ServerFrames},
            {"SUBPROTOCOL": desk.SUBPROTOCOL, "MAX_ATTACHMENTS": desk.MAX_ATTACHMENTS},
        ),
    }


def main() -> int:
    """Rewrite the generated files; the exit status is 0."""
    for path, content in modules().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
