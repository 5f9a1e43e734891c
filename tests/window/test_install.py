"""A person installs a full zip from the disk, sets the engine up without network and reconstructs a photo, with mouse and keys.

See `mouse` and `screen` for what it needs; ``NEXTGENFACE_FULL_ZIP`` names the zip, which must be for the Python of that Blender.
Places of buttons are those of Blender 4.3, at 1280 x 800 pixels. Looking at the pictures is left to people. About ten minutes.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from window.mouse import _MOUSE, Person
from window.screen import MARKS, pictures_folder

ZIP = os.environ.get("NEXTGENFACE_FULL_ZIP", "")
SET_UP_SECONDS, JOB_SECONDS = 1500, 900

pytestmark = [
    *MARKS,
    pytest.mark.skipif(not (ZIP and _MOUSE), reason="no NEXTGENFACE_FULL_ZIP and NEXTGENFACE_WINDOW_MOUSE"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut):
    """An empty place, with the zip and the photo in folders of their own."""
    place = pictures_folder(tmp_path_factory, "install")
    shutil.rmtree(place)
    (place / "downloads").mkdir(parents=True)
    (place / "photos").mkdir()
    try:
        os.link(ZIP, place / "downloads" / Path(ZIP).name)
    except OSError:
        shutil.copyfile(ZIP, place / "downloads" / Path(ZIP).name)
    shutil.copyfile(astronaut, place / "photos" / "astronaut.png")
    yield place
    shutil.rmtree(place / "user", ignore_errors=True)
    shutil.rmtree(place / "downloads", ignore_errors=True)


@pytest.fixture(scope="module")
def story(folder):
    """What was there after each step."""
    person, seen = Person(folder), {}
    try:
        person.wait(bool, 60)
        install(person, folder, seen)
        set_up(person, seen)
        reconstruct(person, folder, seen)
    finally:
        person.picture("end")
        person.leave()
    return seen


def install(person, folder, seen):
    """Edit > Preferences > Get Extensions > Install from Disk."""
    # The splash asks for the first settings, and is shown once more.
    person.click(638, 607)
    person.click(600, 750)
    person.click(83, 14)
    person.picture("edit-menu")
    person.click(135, 283)
    person.place("Preferences")
    person.click(307, 284)
    person.click(1010, 139)
    person.picture("get-extensions")
    person.click(903, 261)
    person.choose_file(folder / "downloads")
    seen["installed"] = person.wait(lambda state: state.get("enabled"), 300)
    person.picture("installed")


def set_up(person, seen):
    """Add-ons > NextGenFace > Set Up Engine."""
    person.click(290, 318)
    person.click(560, 139)
    person.type("NextGen")
    person.click(438, 175)
    person.picture("preferences")
    person.click(730, 447)
    person.wait(lambda state: "unpacking" in state.get("setup", {}).get("line", ""), 120)
    person.picture("setting-up")
    seen["set up"] = person.wait(lambda state: not state.get("setup", {"running": True})["running"], SET_UP_SECONDS)
    person.picture("set-up")
    person.place("Preferences", away=True)


def reconstruct(person, folder, seen):
    """Sidebar > Face: a photo, the draft preset, the button."""
    person.key("n", 600, 500)
    person.click(1043, 245)
    person.click(908, 131)
    person.choose_file(folder / "photos")
    person.click(928, 378)
    person.click(924, 423)
    person.picture("ready")
    seen["ready"] = person.look()
    person.click(900, 408)
    person.wait(lambda state: state.get("job", {}).get("stage") == "stage2", JOB_SECONDS)
    person.picture("running")
    ends = ("done", "failed", "cancelled")
    seen["job"] = person.wait(lambda state: state.get("job", {}).get("phase") in ends, JOB_SECONDS)
    person.picture("done")
    # Hide Them, Look Through Camera, and the header's Rendered view, whose shaders take a while in software.
    person.click(900, 560)
    person.click(900, 520)
    person.click(1017, 41)
    person.wait(lambda _state: False, 25)


def test_it_installs_from_the_disk(story):
    assert story["installed"]["enabled"]
    assert not story["installed"]["online"], "Blender was never allowed online"


def test_the_button_sets_the_engine_up_without_network(story):
    assert story["set up"]["setup"]["ok"], story["set up"]["setup"]


def test_a_photo_is_reconstructed(story):
    assert (story["ready"]["photos"], story["ready"]["preset"]) == (1, "draft")
    assert story["job"]["job"]["phase"] == "done", story["job"]["job"]
    new = set(story["job"]["objects"]) - set(story["installed"]["objects"])
    assert {name.rsplit(" ", 1)[-1] for name in new} >= {"Head", "Eyes", "Camera"}


def test_what_was_set_up_lies_in_the_add_on_s_own_folder(story, folder):
    (engine,) = folder.glob("user/**/nextgenface/engine/complete")
    assert (engine.parent / "share" / "nextgenface" / "face_landmarker.task").is_file()
    shared = [path for path in folder.glob("user/**/site-packages/numpy") if engine.parent not in path.parents]
    assert not shared, "nothing of ours is put before other add-ons"
