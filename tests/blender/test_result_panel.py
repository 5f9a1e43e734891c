"""What the result's panels and the running panel show, in every state."""

from __future__ import annotations

import shutil

import bpy
import numpy as np
import pytest
from drawing import Layout, drawn
from nextgenface.engine.protocol import Preview, Progress
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.live_preview import IMAGE_NAME, live_preview
from nextgenface.operators.people import part_of
from nextgenface.operators.session import Phase, Status, session
from nextgenface.panels.face import NEXTGENFACE_PT_face
from nextgenface.panels.result import NEXTGENFACE_PT_look, NEXTGENFACE_PT_relight, NEXTGENFACE_PT_result
from nextgenface.panels.running import draw_running
from small_result import make_result, photo_result, save_picture

pytestmark = pytest.mark.blender


@pytest.fixture(autouse=True)
def fresh_session():
    session.close()
    session.forget()
    yield
    session.close()
    session.status = Status()


@pytest.fixture
def built(add_on, tmp_path):
    photos = [photo_result(photo="a.png"), photo_result(photo="b.png")]
    build_result(add_on, make_result(tmp_path / "result", photos), BuildOptions())
    return bpy.data.collections["Face"]


def test_nothing_is_shown_without_a_person(add_on):
    bpy.context.scene.collection.children.link(bpy.data.collections.new("Not a Person"))
    assert [drawn(panel) for panel in (NEXTGENFACE_PT_result, NEXTGENFACE_PT_relight, NEXTGENFACE_PT_look)] == [
        None
    ] * 3


def test_a_person(built):
    lines = drawn(NEXTGENFACE_PT_result)
    for text in ("Contact Sheet", "Folder", "a", "b", "Photo", "Render", "Difference", "Rebuild", "Refine", "Remove"):
        assert text in lines
    assert any(line.startswith("Built in") for line in lines)
    assert "Face.001" not in lines


def test_two_people_can_be_chosen(add_on, built, tmp_path):
    build_result(add_on, tmp_path / "result" / "result.json", BuildOptions())
    assert {"Face", "Face.001"} <= set(drawn(NEXTGENFACE_PT_result))


def test_a_result_that_is_gone(built, tmp_path):
    shutil.rmtree(tmp_path / "result")
    lines = drawn(NEXTGENFACE_PT_result)
    assert any("is gone" in line for line in lines)
    assert "Contact Sheet" not in lines


def test_what_was_deleted_is_left_out(add_on, built):
    assert drawn(NEXTGENFACE_PT_look) == ["Subsurface", "Depth", "Eye Gloss", "Subdivision"]
    bpy.data.objects.remove(part_of(built, "head"))
    bpy.data.materials.remove(part_of(built, "eyes material"))
    assert drawn(NEXTGENFACE_PT_look) == ["Subsurface", "Depth"]
    assert drawn(NEXTGENFACE_PT_relight) == [
        "Light",
        "Angle",
        "Strength",
        "Choose a Light",
        "Back to the Photo's Light",
    ]
    add_on.world = None
    assert drawn(NEXTGENFACE_PT_relight)[0] == "Light"


def running(**values):
    """The panel of a job with such a status."""
    layout = Layout()
    draw_running(layout, bpy.context, Status(Phase.RUNNING, **values))
    return layout.lines


def test_a_running_job(add_on, photo):
    lines = running(
        stage="stage2", step=30, steps=160, loss=365.92, fraction=0.46, seconds_left=12, photos=[str(photo())]
    )
    # Without a window Blender has no icons, so there is no picture.
    assert lines == ["Light, skin and shape", "46%, 12 s left", "Step 30 of 160", "Loss 365.9", "Cancel"]
    assert running(stage="photos", steps=1) == ["Reading the photo", "0%", "Cancel"]


def test_the_steps_reach_the_panel(add_on):
    session._job, session.status = "job", Status(Phase.RUNNING)
    session._take(Progress("job", "stage3", 7, 200, 0.25, 0.5, -1.0))
    lines = drawn(NEXTGENFACE_PT_face)
    assert {"Fine textures", "50%", "Step 7 of 200", "Loss 0.25"} <= set(lines)


@pytest.fixture
def previewed(add_on, tmp_path):
    """A running job; returns what shows the next preview as the timer does."""
    session._job, session.status = "job", Status(Phase.RUNNING, photos=[str(tmp_path / "none.png")])

    def show(level, width=384, height=300):
        path = tmp_path / f"preview_{level}.png"
        save_picture(path, np.full((height, width, 3), level, np.float32))
        session._take(Preview("job", str(path), width, height))
        live_preview().follow(bpy.context, session.status.preview)
        path.unlink()

    return show


def test_the_fit_is_seen_in_the_panel(previewed):
    assert not bpy.ops.nextgenface.show_preview.poll()
    previewed(0.25)
    assert "Show in Image Editor" in drawn(NEXTGENFACE_PT_face)
    icon = live_preview()._icons["fit"]
    assert tuple(icon.image_size) == (384, 300)
    assert icon.image_pixels_float[0] == pytest.approx(0.25, abs=0.01)
    assert not [image.name for image in bpy.data.images], "nobody asked for an image"


def test_the_fit_is_watched_in_an_image_editor_until_it_ends(previewed):
    previewed(0.25)
    assert bpy.ops.nextgenface.show_preview() == {"FINISHED"}
    image = bpy.data.images[IMAGE_NAME]
    assert image.pixels[0] == pytest.approx(0.25, abs=0.01)
    previewed(0.75, 200, 100)
    assert tuple(image.size) == (200, 100)
    assert image.pixels[0] == pytest.approx(0.75, abs=0.01)
    assert not image.is_dirty, "Blender would ask to save it"
    live_preview().forget()
    assert live_preview().picture is None


def test_what_is_watched_is_not_saved(previewed, tmp_path):
    previewed(0.25)
    bpy.ops.nextgenface.show_preview()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "face.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "face.blend"))
    assert IMAGE_NAME not in bpy.data.images


def test_an_undo_does_not_end_the_watching(previewed):
    previewed(0.25)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.nextgenface.show_preview()
    bpy.ops.ed.undo_push(message="a step of the person's own")
    bpy.ops.ed.undo()
    previewed(0.5)
    previewed(0.75)
    bpy.ops.ed.redo()
    previewed(0.8)
    assert bpy.data.images[IMAGE_NAME].pixels[0] == pytest.approx(0.8, abs=0.01)


def test_a_preview_that_is_gone_or_huge_does_no_harm(previewed, tmp_path):
    previewed(0.25)
    session.status.preview = str(tmp_path / "gone.png")
    live_preview().follow(bpy.context, session.status.preview)
    assert live_preview().picture.shape == (300, 384, 4)
    previewed(0.5, 2000, 1000)
    assert live_preview().picture.shape == (256, 512, 4)
