"""Configuration files: one ``name = value`` per line, comments after ``#``; names and limits are those of `Settings`.

A line like ``[settings]`` is allowed and means nothing. Files of NextFace and NextGenFace are read too, and files that
mix both (see `reference_config`). Standard library only.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .plain_json import read_text
from .reference_config import KEYS, Translation, checked
from .settings import Settings

CONFIG_FOLDER = Path(__file__).resolve().parents[1] / "configs"
DEFAULT_PRESET = "default"
# A '#' starts a comment at the line's start or after a space, outside quotes.
_VALUE = re.compile(
    r"""\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<plain>(?:[^#]|(?<=\S)\#)*?))\s*(?:(?<!\S)\#.*)?"""
)
# In the reference's files it starts one anywhere: "8#samples".
_REFERENCE_VALUE = re.compile(r"""\s*(?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<plain>[^#]*?))\s*(?:\#.*)?""")
_KINDS: dict[str, type] = {item.name: type(item.default) for item in dataclasses.fields(Settings)}


def preset_names() -> list[str]:
    """Names of the presets that come with the program, the default first."""
    names = {path.stem for path in CONFIG_FOLDER.glob("*.ini")}
    return [DEFAULT_PRESET, *sorted(names - {DEFAULT_PRESET})]


def read_preset(name: str) -> dict[str, Any]:
    """The values of a preset, ready for `Settings.from_dict`. Raises SettingsError for a name that is none."""
    path = preset_path(name)
    return {} if path is None else read_config(path)


def preset_path(name: str) -> Path | None:
    """The file of a preset; None where the default has none. Raises SettingsError for a name that is none."""
    if name not in preset_names():
        raise SettingsError(f"There is no preset '{name}'.", f"The presets are: {', '.join(preset_names())}.")
    path = CONFIG_FOLDER / f"{name}.ini"
    return path if path.exists() else None


@dataclass(frozen=True)
class Loaded:
    """What configurations say.

    Attributes:
        values: ready for `Settings.from_dict`, each checked.
        notices: sentences on what means nothing here, or something else than it did in the reference.
    """

    values: dict[str, Any]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    """``text`` is ``name = value``; ``place`` says where it stands."""

    text: str
    place: str = ""

    @property
    def name(self) -> str:
        return self.text.partition("=")[0].strip()


def read_config(path: Path) -> dict[str, Any]:
    """`load` of one file: its values alone."""
    return load(path).values


def load(path: Path | None = None, assignments: Iterable[str] = ()) -> Loaded:
    """What the file ``path`` says and then, with more weight, ``assignments`` of the form ``name = value``.

    Raises:
        SettingsError: the file cannot be read, or a line or an assignment is wrong; it names the line.
    """
    lines = [] if path is None else _lines(path)
    is_old = any(line.name in KEYS for line in lines)
    folder = None if path is None else path.absolute().parent
    translation = Translation(() if folder is None else (folder, folder.parent))
    values: dict[str, Any] = {}
    for line in [*lines, *map(_Line, assignments)]:
        try:
            values.update(_meaning(line, is_old and bool(line.place), translation))
        except SettingsError as error:
            message = f"{line.place}: {error.message}" if line.place else error.message
            raise SettingsError(message, error.remedy) from error
    return Loaded(values, tuple(translation.notices))


def config_text(values: Mapping[str, Any], title: str) -> str:
    """A configuration that `load` reads: ``title`` as its first line, then those of ``values`` that are no defaults.

    Raises:
        SettingsError: a text cannot stand in a configuration.
    """
    defaults = Settings().to_dict()
    lines = [f"{name} = {_written(name, value)}" for name, value in values.items() if value != defaults[name]]
    return "\n".join([f"# {title}.", "[settings]", *lines, ""])


def _written(name: str, value: Any) -> str:
    """A value as a configuration has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(value)
    quote = "'" if "'" not in value else '"'
    if quote in value or "\n" in value:
        raise SettingsError(
            f"The setting '{name}' has a value that no file can hold: {value!r}.", "Choose another path."
        )
    return f"{quote}{value}{quote}"


def named_values(path: Path) -> list[tuple[str, Any]]:
    """Names and values of a file in its order, keys of the reference under their own names. Raises as `load`."""
    load(path)
    lines = _lines(path)
    is_old = any(line.name in KEYS for line in lines)
    found: list[tuple[str, Any]] = []
    for line in lines:
        if line.name in KEYS:
            found.append((line.name, checked(line.name, _text_of(line.text, _REFERENCE_VALUE))))
        else:
            found += _meaning(line, is_old, Translation()).items()
    return found


def _lines(path: Path) -> list[_Line]:
    """All lines of a file that say something."""
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
        raise SettingsError(f"The configuration '{path}' cannot be read: {reason}.", "Check the path.") from error
    bare = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [
        _Line(line, f"Line {number} of '{path}'")
        for number, line in bare
        if line and not line.startswith("#") and not re.fullmatch(r"\[[^\]]*\]\s*(#.*)?", line)
    ]


def _meaning(line: _Line, is_old: bool, translation: Translation) -> dict[str, Any]:
    """The settings that a line makes; ``is_old``: it stands in a file of the reference."""
    if line.name in KEYS:
        return translation.take(line.name, _text_of(line.text, _REFERENCE_VALUE))
    name, value = _assignment(line.text, _REFERENCE_VALUE if is_old else _VALUE)
    return translation.take_device(value) if is_old and name == "device" else {name: value}


def parse_assignment(text: str) -> tuple[str, Any]:
    """Name and value of ``name = value``, the value of its setting's kind and within its limits; raises SettingsError."""
    return _assignment(text, _VALUE)


def _assignment(text: str, form: re.Pattern[str]) -> tuple[str, Any]:
    value, name = _text_of(text, form), _Line(text).name
    if name not in _KINDS:
        near = difflib.get_close_matches(name, [*_KINDS, *KEYS], 3, 0.7)
        remedy = f"Did you mean {' or '.join(near)}?" if near else f"The settings are: {', '.join(sorted(_KINDS))}."
        raise SettingsError(f"There is no setting named '{name}'.", remedy)
    converted = _converted(name, value)
    Settings.from_dict({name: converted})
    return name, converted


def _text_of(text: str, form: re.Pattern[str]) -> str:
    """The value in ``name = value``, without quotes and comment."""
    _, equals, rest = text.partition("=")
    match = form.fullmatch(rest)
    if not equals or match is None:
        raise SettingsError(f"'{text}' is not of the form 'name = value'.", "Write one setting as 'name = value'.")
    return next(group for group in match.groups() if group is not None)


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
