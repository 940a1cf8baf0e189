"""Evolution API's JSON schemas, as far as they say what is wrong with a request.

The texts are those of the validator that the vendor uses, which reports all failures at
once. It calls the body `instance`; the vendor cuts that off where a property follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import json
import re

from .evolution_refusals import against_schema

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "array": (list,),
}


@dataclass(frozen=True)
class Field:
    """A property of an object in a request."""

    name: str
    type: str = "string"
    required: bool = False
    # Said instead of the validator's text.
    description: str = ""
    not_empty: bool = False
    pattern: str = ""
    choices: tuple[str, ...] = ()
    # Of a number.
    smallest: float | None = None
    largest: float | None = None
    # Of the letters in a text, or the items in an array.
    fewest: int = 0
    most: int | None = None
    # Each item of an array is another.
    unique: bool = False
    # Of each item in an array: its type, or what a text may be.
    items: str = ""
    item_pattern: str = ""
    item_choices: tuple[str, ...] = ()
    # What is in an object, or in each object of an array.
    fields: tuple[Field, ...] = ()


def check(given: Mapping[str, object], fields: Sequence[Field], where: str = "") -> None:
    """Refuse an object that the schema does not allow.

    Args:
        given: The object.
        fields: What the schema says.
        where: Path of the object in the request, "" for the body itself.

    """
    if failures := _failures(given, fields, where):
        raise against_schema(failures)


def _failures(given: Mapping[str, object], fields: Sequence[Field], where: str) -> list[str]:
    missing = [
        f'{where or "instance"} requires property "{field.name}"'
        for field in fields
        if field.required and field.name not in given
    ]
    prefix = f"{where}." if where else ""
    wrong = [
        failure
        for field in fields
        if field.name in given
        for failure in _failures_of(field, given[field.name], f"{prefix}{field.name}")
    ]
    empty = [
        f'The "{field.name}" cannot be empty' for field in fields if field.not_empty and given.get(field.name) == ""
    ]
    return missing + wrong + empty


def _failures_of(field: Field, value: object, path: str) -> list[str]:
    """Return what is wrong with a value and with what is in it."""
    if failure := _failure(field, value):
        return [field.description or f"{path} {failure}"]
    if isinstance(value, dict):
        return _failures(value, field.fields, path)
    if not isinstance(value, list) or not field.items:
        return []
    item = Field("", field.items, choices=field.item_choices, fields=field.fields)
    return [failure for number, each in enumerate(value) for failure in _failures_of(item, each, f"{path}[{number}]")]


def _failure(field: Field, value: object) -> str:
    """Return what is wrong with a value, "" if nothing is."""
    if not _is_of_type(value, field.type):
        return f"is not of a type(s) {field.type}"
    if isinstance(value, int | float):
        return _failure_of_number(field, value)
    if isinstance(value, list | str) and len(value) < field.fewest:
        return f"does not meet minimum length of {field.fewest}"
    if isinstance(value, list):
        return _failure_of_items(field, value)
    if isinstance(value, str) and field.pattern and not re.search(field.pattern, value):
        return f"does not match pattern {json.dumps(field.pattern)}"
    if field.choices and value not in field.choices:
        return f"is not one of enum values: {','.join(field.choices)}"
    return ""


def _failure_of_number(field: Field, value: float) -> str:
    if field.smallest is not None and value < field.smallest:
        return f"must be greater than or equal to {field.smallest}"
    if field.largest is not None and value > field.largest:
        return f"must be less than or equal to {field.largest}"
    return ""


def _failure_of_items(field: Field, items: list[object]) -> str:
    if field.most is not None and len(items) > field.most:
        return f"does not meet maximum length of {field.most}"
    if field.unique and any(item in items[:number] for number, item in enumerate(items)):
        return "contains duplicate item"
    if not field.item_pattern:
        return ""
    fits = all(isinstance(item, str) and re.search(field.item_pattern, item) for item in items)
    return "" if fits else f"does not match pattern {json.dumps(field.item_pattern)}"


def _is_of_type(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])
