"""A shell option for every setting, made from `Settings`. Standard library only."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import presets
from .setting_groups import setting_groups
from .settings import Settings

# --verbose is an option of the shell's own and sets it too.
_OWN = ("verbose",)


def add_setting_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--fit-size N`` and so on, in the groups of `setting_groups`; what is not given is None."""
    for title, items in setting_groups().items():
        group = parser.add_argument_group(f"settings: {title.lower()}")
        for item in items:
            if item.name not in _OWN:
                _add(group, item)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--config`` or ``--preset``, and ``--set``."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--config", type=Path, metavar="FILE", help="settings file, lines of 'name = value'")
    source.add_argument("--preset", choices=presets.preset_names(), help="settings that come with the program")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; may be given again"
    )


def add_landmark_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--landmarks``; what is given is for `engine.hints.read_hints`."""
    parser.add_argument(
        "--landmarks",
        nargs="+",
        default=[],
        metavar="FILE",
        help="points placed by hand, a JSON file for each photo in their order; '-' for a photo without",
    )


def loaded_of(options: argparse.Namespace, job: Mapping[str, Any] | None = None) -> presets.Loaded:
    """What a command asks for: preset or file, then the settings of a ``job`` file, ``--set``, and options of their own.

    Raises:
        SettingsError: the file cannot be read, or a line or a value is wrong.
    """
    path = presets.preset_path(options.preset) if options.preset is not None else options.config
    loaded = presets.load(path, options.set)
    values = loaded.values
    if job:
        values = presets.load(path).values | dict(job) | presets.load(None, options.set).values
    return dataclasses.replace(loaded, values=values | given_settings(options))


def given_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings that options were given for."""
    named = {item.name: getattr(options, item.name, None) for item in dataclasses.fields(Settings)}
    given = {name: value for name, value in named.items() if value is not None and name not in _OWN}
    return given | ({"verbose": True} if getattr(options, "verbose", False) else {})


def _add(group: argparse._ArgumentGroup, item: dataclasses.Field[Any]) -> None:
    flag, text = f"--{item.name.replace('_', '-')}", _help(item)
    kind = type(item.default)
    if kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
    elif item.metadata["choices"]:
        group.add_argument(flag, choices=item.metadata["choices"], help=text)
    else:
        metavar = {int: "N", float: "X"}.get(kind, "PATH")
        group.add_argument(flag, type=kind, metavar=metavar, help=text)


def _help(item: dataclasses.Field[Any]) -> str:
    """What a setting does, its limits and its default."""
    doc, low, high = (item.metadata[name] for name in ("doc", "low", "high"))
    text = doc[:1].lower() + doc[1:] if not doc[:2].isupper() else doc
    limits = f", {_short(low)} to {_short(high)}" if low is not None and high is not None else ""
    default = _short(item.default)
    return f"{text} ({default}{limits})".replace("%", "%%") if default != "" else text.replace("%", "%%")


def _short(value: Any) -> str:
    """A value as a configuration file has it, without needless digits."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
