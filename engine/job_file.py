"""A job as a JSON file: photos, where the results go, and settings. For farms, and to do the same again. Standard library only.

    {
     "photos": ["left.jpg", "front.jpg"],
     "people": "one",
     "output": "out/face.blend",
     "glb": "out/face.glb",
     "preset": "high",
     "settings": {"texture_size": 2048},
     "build": {"light": false}
    }

Every key is optional. Paths are relative to the file's own folder.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .plain_json import parsed, read_text
from .presets import preset_names
from .settings import Settings

PEOPLE = ("one", "different")
# Key -> what its value is.
KEYS = {
    "photos": "photos and folders of photos",
    "people": "'one' or 'different': whether all photos show the same person",
    "output": "the .blend, or a folder",
    "results": "folder for maps, mesh and report",
    "glb": "the glTF file",
    "fbx": "the FBX file",
    "target": "the MakeHuman target",
    "json_report": "a report of the whole job",
    "engine": "the Python that has the engine's packages",
    "preset": "settings that come with the program",
    "config": "a settings file",
    "settings": "settings by name",
    "build": "what is built, by name: true or false",
}
_PATHS = ("output", "results", "glb", "fbx", "target", "json_report", "engine", "config")


def read_job(path: Path, build_names: tuple[str, ...] = ()) -> dict[str, Any]:
    """The keys of a job file with their values, checked; paths are absolute `Path`s, photos a list of them.

    Args:
        path: the file.
        build_names: the names that "build" may have.

    Raises:
        SettingsError: it cannot be read, is no JSON, or has a key or a value that is not known; it names the line.
    """
    text = _read(path)
    values = _parsed(text, path)
    for name, value in values.items():
        try:
            _check(name, value, build_names)
        except SettingsError as error:
            place = _place(text, path, error, name)
            raise SettingsError(f"{place}: {error.message}", error.remedy) from error
    folder = path.absolute().parent
    made = {name: folder / value if name in _PATHS else value for name, value in values.items()}
    return made | ({"photos": [folder / photo for photo in values["photos"]]} if "photos" in values else {})


class _NamedError(SettingsError):
    """An error about the key ``name``, which may stand inside of another."""

    def __init__(self, name: str, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.name = name


def _read(path: Path) -> str:
    try:
        return read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise SettingsError(f"The job '{path}' cannot be read: {reason}.", "Check the path.") from error


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        values = parsed(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        message = f"Line {error.lineno} of '{path}' is no JSON: {error.msg}."
        raise SettingsError(message, "Check commas, quotes and brackets there.") from error
    except _NamedError as error:
        raise SettingsError(f"{_place(text, path, error, '', -1)}: {error.message}", error.remedy) from error
    except ValueError as error:
        raise SettingsError(
            f"The job '{path}' is no JSON that can be read.", "Write numbers and lists plainly."
        ) from error
    if not isinstance(values, dict):
        raise SettingsError(f"The job '{path}' is not an object.", "Begin it with { and end it with }.")
    return values


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _NamedError(name, f"'{name}' is there twice.", "Keep one of the two.")
        seen.add(name)
    return dict(pairs)


def _place(text: str, path: Path, error: SettingsError, name: str, which: int = 0) -> str:
    """Where the key stands that ``error`` is about: the first of that name, or the last one with ``which`` -1."""
    inner = getattr(error, "name", name)
    found = [*re.finditer(re.escape(json.dumps(inner, ensure_ascii=False)) + r"\s*:", text)]
    line = text.count("\n", 0, found[which].start()) + 1 if found else 0
    return f"Line {line} of '{path}'" if line else f"In '{path}'"


def _check(name: str, value: Any, build_names: tuple[str, ...]) -> None:
    """Raise SettingsError where ``value`` is nothing for ``name``."""
    if name not in KEYS:
        raise _unknown(name, tuple(KEYS))
    if name == "photos":
        _need(_is_texts(value), name, "a list of paths")
    elif name == "people":
        _need(value in PEOPLE, name, "'one' or 'different'")
    elif name == "preset":
        _need(value in preset_names(), name, f"one of {', '.join(preset_names())}")
    elif name in ("settings", "build"):
        _need(isinstance(value, dict), name, "an object, in { and }")
        _check_settings(value) if name == "settings" else _check_build(value, build_names)
    else:
        _need(isinstance(value, str) and value != "", name, "a path in quotes")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _need(right: bool, name: str, what: str) -> None:
    if not right:
        raise _NamedError(name, f"'{name}' is of the wrong kind.", f"It must be {what}.")


def _check_settings(values: dict[str, Any]) -> None:
    known = tuple(Settings().to_dict())
    for name, value in values.items():
        if name not in known:
            raise _unknown(name, known)
        try:
            Settings.from_dict({name: value})
        except SettingsError as error:
            raise _NamedError(name, error.message, error.remedy) from error


def _check_build(values: dict[str, Any], names: tuple[str, ...]) -> None:
    for name, value in values.items():
        if name not in names:
            raise _unknown(name, names)
        _need(isinstance(value, bool), name, "true or false")


def _unknown(name: str, known: tuple[str, ...]) -> SettingsError:
    near = difflib.get_close_matches(name, known, 2, 0.6)
    remedy = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(sorted(known))}."
    return _NamedError(name, f"There is no key named '{name}'.", remedy)
