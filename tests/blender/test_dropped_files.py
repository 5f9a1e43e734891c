"""Files that are dropped on a 3D view, by way of Blender's own operator for it; and what is no photo."""

from __future__ import annotations

import bpy
import pytest
from nextgenface.operators.photos import refusal
from nextgenface.properties.photos import chosen_photos

pytestmark = pytest.mark.blender
# What Blender itself offers for images; with more than one offer it would ask.
OTHERS = ("VIEW3D_FH_empty_image", "VIEW3D_FH_camera_background_image")


@pytest.fixture
def drop(add_on, tmp_path):
    """Drops files by their names on the 3D view: what the operator says, and the names on the list."""
    bpy.ops.wm.read_factory_settings()
    others = [getattr(bpy.types, name) for name in OTHERS if hasattr(bpy.types, name)]
    for other in others:
        bpy.utils.unregister_class(other)
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")

    def dropped(*names):
        with bpy.context.temp_override(window=window, area=area, region=region):
            files = [{"name": name} for name in names]
            end = bpy.ops.wm.drop_import_file("EXEC_DEFAULT", directory=f"{tmp_path}/", files=files)
        return end, [path.name for path in chosen_photos(bpy.context.scene.nextgenface)]

    yield dropped
    for other in others:
        bpy.utils.register_class(other)


def test_several_files_are_taken_at_once_and_others_left_out(drop, tmp_path):
    names = ["b.png", "a.JPEG", "notes.txt", "c.WebP", "scan.tif"]
    for name in names:
        (tmp_path / name).touch()
    assert drop(*names) == ({"FINISHED"}, ["b.png", "a.JPEG", "c.WebP", "scan.tif"])


@pytest.mark.parametrize(
    "name",
    [
        "with spaces .png",
        "Gesicht äöü 顔 😀.png",
        "a;b,c.png",
        "#1 100%20.png",
        'it\'s "me".png',
        ".hidden.png",
        "two\nlines.png",
        "n" * 240 + ".png",
    ],
)
def test_odd_names(drop, tmp_path, name):
    (tmp_path / name).touch()
    assert drop(name) == ({"FINISHED"}, [name])
    assert chosen_photos(bpy.context.scene.nextgenface)[0].is_file()


def test_a_folder_that_is_called_like_a_photo_is_refused(drop, tmp_path, capfd):
    (tmp_path / "holiday.png").mkdir()
    (tmp_path / "a.png").touch()
    assert drop("holiday.png", "a.png")[1] == ["a.png"]
    assert "'holiday.png' is a folder. Open it" in capfd.readouterr().out


def add(*paths):
    files = [{"name": path.name} for path in paths]
    return bpy.ops.nextgenface.add_photos(directory=str(paths[0].parent), files=files)


def test_what_is_no_photo_is_told_and_not_added(add_on, tmp_path, capfd):
    (tmp_path / "notes.txt").touch()
    assert add(tmp_path / "notes.txt", tmp_path / "gone.png", tmp_path) == {"CANCELLED"}
    said = capfd.readouterr().out
    assert "'notes.txt' is no photo" in said and "no file 'gone.png'" in said
    assert not add_on.nextgenface.photos


def test_of_many_refusals_only_some_are_told(add_on, tmp_path, capfd):
    assert add(*(tmp_path / f"{number}.png" for number in range(40))) == {"CANCELLED"}
    said = capfd.readouterr().out
    assert said.count("There is no file") == 3 and "40 of the files" in said


def test_the_file_browser_without_a_file_says_what_to_do(add_on, tmp_path, capfd):
    assert bpy.ops.nextgenface.add_photos(directory=str(tmp_path), files=[{"name": ""}]) == {"CANCELLED"}
    assert "Mark one or more photos" in capfd.readouterr().out


def test_a_refusal_says_what_to_do(tmp_path):
    for path in (tmp_path, tmp_path / "gone.png"):
        assert len(refusal(path).split(". ")) == 2
