"""Through the photo's camera and back, and the photo over the head."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import pytest
from drawing import Layout, drawn
from nextgenface.operators import view_photo
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.panels.result_view import NEXTGENFACE_PT_overlay, draw_camera_button
from small_result import make_result, photo_result

pytestmark = pytest.mark.blender


@pytest.fixture
def space(add_on, tmp_path):
    """A 3D view of a file with a head of two photos, as a person sees it."""
    bpy.ops.wm.read_factory_settings()
    photos = [photo_result(photo="a.png"), photo_result(photo="b.png")]
    build_result(bpy.context.scene, make_result(tmp_path / "result", photos), BuildOptions())
    screen = bpy.context.window_manager.windows[0].screen
    return next(area for area in screen.areas if area.type == "VIEW_3D").spaces.active


@pytest.fixture
def press(space):
    def pressed(operator):
        window = bpy.context.window_manager.windows[0]
        area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
        with bpy.context.temp_override(window=window, area=area, space_data=space):
            return operator()

    return pressed


def look(space):
    shading = space.shading
    return space.region_3d.view_perspective, shading.type, shading.light, shading.color_type


FLAT = ("CAMERA", "SOLID", "FLAT", "TEXTURE")


@pytest.mark.parametrize("kind", ["SOLID", "WIREFRAME"])
@pytest.mark.parametrize("perspective", ["PERSP", "ORTHO"])
def test_the_view_is_as_before_when_the_camera_is_left(space, press, kind, perspective):
    space.region_3d.view_perspective = perspective
    space.shading.light, space.shading.color_type, space.shading.type = "MATCAP", "RANDOM", kind
    before = look(space)
    assert press(bpy.ops.nextgenface.view_photo) == {"FINISHED"}
    assert look(space) == FLAT
    assert press(bpy.ops.nextgenface.leave_photo) == {"FINISHED"}
    assert look(space) == before


def test_pressing_twice_or_leaving_by_a_key_forgets_nothing(space, press):
    before = look(space)
    for _ in range(2):
        press(bpy.ops.nextgenface.view_photo)
    # Numpad 0.
    space.region_3d.view_perspective = "PERSP"
    press(bpy.ops.nextgenface.view_photo)
    press(bpy.ops.nextgenface.leave_photo)
    assert look(space) == before


def test_who_works_in_a_lit_view_keeps_it(space, press):
    space.shading.type = "MATERIAL"
    before = look(space)
    press(bpy.ops.nextgenface.view_photo)
    assert look(space) == ("CAMERA", *before[1:])
    press(bpy.ops.nextgenface.leave_photo)
    assert look(space) == before


def test_a_shading_that_was_chosen_meanwhile_stays(space, press):
    press(bpy.ops.nextgenface.view_photo)
    space.shading.type = "RENDERED"
    press(bpy.ops.nextgenface.leave_photo)
    assert look(space)[:2] == ("PERSP", "RENDERED")


def test_a_file_that_was_saved_in_the_camera_can_be_left(space, press):
    press(bpy.ops.nextgenface.view_photo)
    view_photo.forget()
    press(bpy.ops.nextgenface.leave_photo)
    assert look(space) == ("PERSP", "SOLID", "STUDIO", "MATERIAL")


def test_another_file_has_views_of_its_own(space, press):
    press(bpy.ops.nextgenface.view_photo)
    assert view_photo._before
    bpy.ops.wm.read_factory_settings()
    assert not view_photo._before


def test_the_button_says_what_it_does(space, press):
    def texts():
        layout = Layout()
        draw_camera_button(layout, SimpleNamespace(space_data=space))
        return layout.lines

    assert texts() == ["Look Through Camera"]
    press(bpy.ops.nextgenface.view_photo)
    assert texts() == ["Leave Camera"]


def test_the_overlay_belongs_to_the_photo_in_use(space, monkeypatch):
    assert {"Photo", "Opacity", "Depth"} <= set(drawn(NEXTGENFACE_PT_overlay))
    person = bpy.data.collections["Face"]
    seen = []
    monkeypatch.setattr(Layout, "prop", lambda _self, data, name, **_: seen.append((data.id_data.name, name)))
    for number, camera in enumerate(("Face Camera", "Face Camera 2")):
        seen.clear()
        person.nextgenface.photo = number
        drawn(NEXTGENFACE_PT_overlay)
        assert (bpy.data.objects[camera].data.name, "alpha") in seen


def test_a_head_without_its_camera_says_so(add_on, tmp_path):
    build_result(add_on, make_result(tmp_path / "result"), BuildOptions(camera=False))
    assert drawn(NEXTGENFACE_PT_overlay) == ["The camera was not built"]
