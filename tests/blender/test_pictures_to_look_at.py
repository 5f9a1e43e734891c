"""Pictures that are only looked at: shown as Blender shows any image, and never a part of the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from nextgenface.operators.picture_files import refresh, scratch_file, show_picture, write_picture

pytestmark = pytest.mark.blender
NAME = "NextGenFace Compare"


@pytest.fixture
def shown(add_on):
    """The name of a picture in an Image Editor."""
    bpy.ops.wm.read_factory_settings()
    write_picture(scratch_file(NAME), np.full((4, 6, 4), 0.5, np.float32))
    show_picture(bpy.context, refresh(NAME))
    return NAME


def editors():
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    return [area.spaces.active for area in areas if area.type == "IMAGE_EDITOR"]


def images_in(place):
    """The names of the images in a file, which may be the open one."""
    copy = shutil.copyfile(place, place.with_stem("copy"))
    with bpy.data.libraries.load(str(copy)) as (there, _):
        return [name for name in there.images if name != "Render Result"]


def test_an_image_editor_does_not_show_its_name_in_red(shown):
    """Blender does so with the names of what has no user."""
    for _ in range(2):
        assert bpy.data.images[shown].users == 1
        show_picture(bpy.context, refresh(shown))


def test_it_is_not_saved_and_stays_in_sight(shown, tmp_path):
    kept = bpy.data.images.new("Texture", 2, 2)
    kept.use_fake_user = True
    place = tmp_path / "saved.blend"
    for _ in range(2):
        bpy.ops.wm.save_as_mainfile(filepath=str(place))
        assert [editor.image.name for editor in editors()] == [shown]
        assert bpy.data.images[shown].users == 1
        assert images_in(place) == ["Texture"]


def test_a_file_that_cannot_be_written_changes_nothing(shown, tmp_path):
    with pytest.raises(RuntimeError):
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "no folder" / "saved.blend"))
    assert bpy.data.images[shown].users == 1


def test_one_that_the_work_uses_is_saved(shown, tmp_path):
    material = bpy.data.materials.new("Mine")
    material.use_fake_user = True
    if material.node_tree is None:
        material.use_nodes = True
    material.node_tree.nodes.new("ShaderNodeTexImage").image = bpy.data.images[shown]
    place = tmp_path / "saved.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(place))
    assert shown in images_in(place)


def test_other_temporary_looking_images_are_left_alone(shown, tmp_path):
    other = bpy.data.images.load(str(scratch_file(NAME)), check_existing=False)
    other.filepath = str(Path(bpy.app.tempdir) / "folder" / "mine.png")
    other.use_extra_user = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert images_in(tmp_path / "saved.blend") == [other.name]
