# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a reconstruction cannot run: found out cheaply, for the button that says so is drawn many times a second."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from ..engine.errors import EngineError
from ..engine.user_folders import models_folder
from ..properties.photos import chosen_people
from ..properties.places import engine_python, output_base
from ..properties.preferences import chosen_python
from ..properties.settings import engine_settings
from .session import BUSY, session

NO_ENGINE = "The engine is not set up yet"


def why_not(context: bpy.types.Context) -> str:
    """One sentence for the person; empty where nothing is in the way."""
    chosen = context.scene.nextgenface
    if session.is_active:
        return BUSY
    if session.detection.is_running:
        return "Faces are being found. Wait a moment"
    return photos_missing(chosen) or engine_missing(context) or output_closed(chosen) or settings_wrong(chosen)


def photos_missing(chosen: bpy.types.PropertyGroup) -> str:
    """Whether there is nobody all of whose photos are there."""
    people = chosen_people(chosen)
    if not any(people):
        return "Add a photo first"
    lost = [photo for photos in people for photo in photos if not photo.is_file()]
    if any(photos and not set(photos) & set(lost) for photos in people):
        return ""
    return f"There is no photo at '{lost[0]}' any more"


def engine_missing(context: bpy.types.Context) -> str:
    """Whether there is no Python for the engine."""
    python = engine_python(chosen_python(context))
    if python is None:
        return f"{NO_ENGINE}. Press Set Up Engine"
    return "" if python.is_file() else f"There is no Python at '{python}'. Choose the engine's again"


def output_closed(chosen: bpy.types.PropertyGroup) -> str:
    """Whether the output folder cannot be made or written."""
    folder = output_base(chosen.output)
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path())
    if not there.is_dir():
        return f"The output folder cannot be made: '{there}' is a file"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"The output folder cannot be written: '{there}'"


def settings_wrong(chosen: bpy.types.PropertyGroup) -> str:
    """Whether the settings cannot be read, or name files that are not there."""
    try:
        settings = engine_settings(chosen)
    except EngineError as error:
        return str(error).rstrip(".")
    model, given = settings["face_model"], settings["face_model_folder"]
    if model == "bundled":
        return ""
    folder = Path(given).expanduser() if given else models_folder() / model
    return "" if folder.is_dir() else f"The face model's files are missing: there is no folder '{folder}'"
