"""Turns pydantic's validation errors into problems that name the line and say what to write.

Invariants kept: every validation error becomes exactly one problem; no value of a secret field is ever repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from cluster.config.document import SECRETS, Document
from cluster.config.problems import ConfigProblems, Path, Problem, did_you_mean, listed

M = TypeVar("M", bound=BaseModel)


class Section(BaseModel):
    """Base of every configuration model: unknown keys are errors, types are not guessed, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def wrong(problem: str, write: str) -> PydanticCustomError:
    """What a validator raises: what is wrong, and what to write."""
    # The texts travel as context because pydantic would expand braces in them.
    return PydanticCustomError("config", "{problem}", {"problem": problem, "write": write})


def validate(document: Document, model: type[M], at: Path = ()) -> M:
    """Read the part of a document that stands at `at`.

    Raises:
        ConfigProblems: it does not fit the model.
    """
    value: Any = document.value
    for step in at:
        value = value[step]
    if value is None:
        value = {}
    try:
        return model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise ConfigProblems([_explain(document, model, at, detail) for detail in details]) from error


def _explain(document: Document, model: type[BaseModel], at: Path, detail: ErrorDetails) -> Problem:
    loc = tuple(detail["loc"])
    key = bool(loc) and loc[-1] == "[key]"
    loc = loc[:-1] if key else loc
    path = (*at, *loc)
    if detail["type"] == "missing":
        holder, name = loc[:-1], str(loc[-1])
        example = _example(model, loc)
        advice = f"add `{name}: {example}`" if example else f"add `{name}`"
        return document.problem((*at, *holder), f"`{name}` is missing", advice, key=True)
    if detail["type"] == "extra_forbidden":
        owner = _model_at(model, loc[:-1])
        known = set(owner.model_fields) if owner is not None else set()
        advice = did_you_mean(str(loc[-1]), known - _written(document, (*at, *loc[:-1])))
        if not advice.endswith("?"):
            advice = f"what can stand here: {listed(sorted(known), limit=20)}"
        return document.problem(path, "no such setting", advice, key=True)
    problem, write = _describe(detail, _example(model, loc), secret=str(loc[-1]) in SECRETS if loc else False)
    return document.problem(path, problem, write, key=key or not document.holds(path))


def _written(document: Document, path: Path) -> set[str]:
    value = document.value
    for step in path:
        value = value[step]
    return set(value) if isinstance(value, dict) else set()


def _describe(detail: ErrorDetails, example: str, secret: bool) -> tuple[str, str]:
    kind, context, value = detail["type"], detail.get("ctx", {}), detail["input"]
    such_as = f"write {example}" if example else "see docs/reference/configuration.md"
    if kind == "config":
        return str(context["problem"]), str(context["write"])
    shown = "this value" if secret else _show(value)
    if value is None:
        return "is empty", such_as
    if kind in _EXPECTED:
        return f"must be {_EXPECTED[kind]}" + ("" if secret else f", not {shown}"), _retype(
            kind, value, example, secret
        ) or such_as
    if kind == "literal_error":
        choices = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return f"{shown} is not one of the choices", f"write {'one of ' if ',' in choices else ''}{choices}"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        bound = context[name]
        return f"must be {words} {bound:.15g}, not {shown}", such_as
    if kind in ("too_short", "string_too_short"):
        return "is empty", such_as
    if kind in ("too_long", "string_too_long"):
        unit = "characters" if kind == "string_too_long" else "entries"
        return f"may have at most {context['max_length']} {unit}", "shorten it"
    return detail["msg"][:1].lower() + detail["msg"][1:], such_as


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a mapping (`name: value` lines)",
    "model_type": "a mapping (`name: value` lines)",
    "model_attributes_type": "a mapping (`name: value` lines)",
    "list_type": "a list (`- item` lines)",
}
_BOUNDS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def _retype(kind: str, value: object, example: str, secret: bool) -> str:
    """Advice for the commonest slips: quotes around a number, none around a text, yes for true."""
    if kind == "string_type" and isinstance(value, int | float):
        return (
            "put it in quotes" if secret else f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
        )
    if kind == "bool_type" and isinstance(value, str):
        said = value.casefold()
        if said in ("yes", "on", "y", "true"):
            return "write true"
        if said in ("no", "off", "n", "false"):
            return "write false"
    if kind in ("int_type", "float_type") and isinstance(value, str) and value.strip().rstrip("s").strip().isdigit():
        return f"write {value.strip().rstrip('s').strip()} without quotes or unit"
    if kind == "list_type" and isinstance(value, str) and not example.startswith("[{"):
        return f"write [{value}]"
    return ""


def _show(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"`{text if len(text) <= 40 else text[:37] + '...'}`".replace("\n", " ")


def _example(model: type[BaseModel], loc: Path) -> str:
    """What could stand at `loc`: the example of its field or type, or a mapping of what a section must have."""
    annotation: Any = model
    field: FieldInfo | None = None
    for step in loc:
        owner = _unwrap(annotation)
        is_model = isinstance(owner, type) and issubclass(owner, BaseModel)
        field = owner.model_fields.get(str(step)) if is_model else None
        annotation = _step(annotation, step)
    described = [field] if field is not None else [item for item in _metadata(annotation) if isinstance(item, FieldInfo)]
    for info in described:
        if info.examples:
            return str(info.examples[0])
    section = _unwrap(annotation)
    if isinstance(section, type) and issubclass(section, BaseModel):
        needed = {name: info for name, info in section.model_fields.items() if info.is_required()}
        return "{" + ", ".join(f"{name}: {(info.examples or ['…'])[0]}" for name, info in needed.items()) + "}"
    return ""


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return tuple(getattr(annotation, "__metadata__", ()))


def _model_at(model: type[BaseModel], loc: Path) -> type[BaseModel] | None:
    annotation: Any = model
    for step in loc:
        annotation = _step(annotation, step)
    found = _unwrap(annotation)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _step(annotation: Any, step: str | int) -> Any:
    owner = _unwrap(annotation)
    if isinstance(owner, type) and issubclass(owner, BaseModel):
        field = owner.model_fields.get(str(step))
        return field.annotation if field is not None else None
    arguments = get_args(owner)
    if get_origin(owner) in (dict, Mapping) and len(arguments) == 2:
        return arguments[1]
    if get_origin(owner) is list and arguments:
        return arguments[0]
    return None


def _unwrap(annotation: Any) -> Any:
    """Look through `Annotated[…]` and `… | None`."""
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if type(None) in get_args(annotation) and len(arguments) == 1:
        return _unwrap(arguments[0])
    return annotation
