"""Configuration files: one ``name = value`` per line, comments after ``#``; names and limits are those of `Settings`.

A line like ``[settings]`` is allowed and means nothing. Standard library only.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .settings import Settings

CONFIG_FOLDER = Path(__file__).resolve().parents[1] / "configs"
DEFAULT_PRESET = "default"
# A '#' starts a comment at the line's start or after a space, outside quotes.
_VALUE = re.compile(
    r"""\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<plain>(?:[^#]|(?<=\S)\#)*?))\s*(?:(?<!\S)\#.*)?"""
)
_KINDS: dict[str, type] = {item.name: type(item.default) for item in dataclasses.fields(Settings)}


def preset_names() -> list[str]:
    """Names of the presets that come with the program, the default first."""
    names = {path.stem for path in CONFIG_FOLDER.glob("*.ini")}
    return [DEFAULT_PRESET, *sorted(names - {DEFAULT_PRESET})]


def read_preset(name: str) -> dict[str, Any]:
    """The values of a preset, ready for `Settings.from_dict`. Raises SettingsError for a name that is none."""
    if name not in preset_names():
        raise SettingsError(f"There is no preset '{name}'.", f"The presets are: {', '.join(preset_names())}.")
    path = CONFIG_FOLDER / f"{name}.ini"
    return read_config(path) if path.exists() else {}


def read_config(path: Path) -> dict[str, Any]:
    """The values in a file, ready for `Settings.from_dict`, each checked.

    Raises:
        SettingsError: the file cannot be read, or a line is wrong; it names the line.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise SettingsError(f"The configuration '{path}' cannot be read: {reason}.", "Check the path.") from error
    values: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#") or re.fullmatch(r"\[[^\]]*\]\s*(#.*)?", bare):
            continue
        try:
            values.update([parse_assignment(bare)])
        except SettingsError as error:
            raise SettingsError(f"Line {number} of '{path}': {error.message}", error.remedy) from error
    return values


def parse_assignment(text: str) -> tuple[str, Any]:
    """Name and value of ``name = value``, the value of its setting's kind and within its limits; raises SettingsError."""
    name, equals, rest = text.partition("=")
    match = _VALUE.fullmatch(rest)
    if not equals or match is None:
        raise SettingsError(f"'{text}' is not of the form 'name = value'.", "Write one setting as 'name = value'.")
    name = name.strip()
    value = _converted(name, next(group for group in match.groups() if group is not None))
    Settings.from_dict({name: value})
    return name, value


def parse_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """`parse_assignment` of each; a later one wins."""
    return dict(parse_assignment(text) for text in texts)


def _converted(name: str, text: str) -> Any:
    kind = _KINDS.get(name, str)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise SettingsError(f"The setting '{name}' is '{text}'.", "It must be true or false.")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError as error:
        what = "a whole number" if kind is int else "a number"
        raise SettingsError(f"The setting '{name}' is '{text}'.", f"It must be {what}.") from error
