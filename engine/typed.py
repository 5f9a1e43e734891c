"""Dataclasses made of values that came from outside: every value is of its field's type, or none is taken.

Standard library only.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Made = TypeVar("Made")


def made(kind: type[Made], values: Mapping[str, Any]) -> Made:
    """``kind(**values)``.

    Raises:
        TypeError: a name is no field of ``kind``, one is missing, or a value is of another type or no finite number.
    """
    hashed: Any = kind
    expected = _types(hashed)
    for name, value in values.items():
        if name in expected and not is_of(value, expected[name]):
            raise TypeError(f"'{name}' is no {expected[name]}")
    return kind(**values)


@functools.cache
def _types(kind: type[Any]) -> dict[str, Any]:
    """Type of each field."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def is_of(value: Any, expected: Any) -> bool:
    """Whether a JSON value is of a type: a plain one, a list, a dict or a union of such; whole numbers are floats too."""
    origin, arguments = get_origin(expected), get_args(expected)
    if expected is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(is_of(value, each) for each in arguments)
    if origin is list:
        return isinstance(value, list) and all(is_of(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(item, arguments[1]) for item in value.values())
    if expected is float:
        return is_number(value)
    return isinstance(value, expected) and (expected is bool or not isinstance(value, bool))


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number; a whole one that no float can hold is not."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
