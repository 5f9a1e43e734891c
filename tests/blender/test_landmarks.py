"""Edit Landmarks as far as it goes without a window: when it may begin, what it shows, what it keeps."""

from __future__ import annotations

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from nextgenface.engine.hints import PlacedPoint
from nextgenface.operators import landmarks
from nextgenface.operators.landmark_editing import Editing, Editor
from nextgenface.operators.landmark_image import shown_image
from nextgenface.operators.landmark_overlay import overlay
from nextgenface.operators.session import session
from nextgenface.properties import photos as kept

pytestmark = pytest.mark.blender


@pytest.fixture
def item(add_on, photo):
    """A photo whose face was found."""
    session.close()
    session.forget()
    add_on.nextgenface.photo = str(photo("a"))
    assert bpy.ops.nextgenface.find_face() == {"FINISHED"}
    yield add_on.nextgenface.photos[0]
    overlay.end()
    session.close()


def test_the_button_says_why_it_cannot_begin(add_on, photo):
    assert not bpy.ops.nextgenface.edit_landmarks.poll()
    add_on.nextgenface.photo = str(photo("a"))
    assert bpy.ops.nextgenface.edit_landmarks.poll()
    photo("a").unlink()
    with pytest.raises(RuntimeError, match="not there any more"):
        bpy.ops.nextgenface.edit_landmarks()


def test_without_a_window_it_says_so(item):
    with pytest.raises(RuntimeError, match="window only"):
        bpy.ops.nextgenface.edit_landmarks()


def test_reset_forgets_what_was_moved(item):
    assert not bpy.ops.nextgenface.reset_landmarks.poll()
    kept.keep_placed(item, {61: PlacedPoint(0.25, 0.5)})
    assert bpy.ops.nextgenface.reset_landmarks() == {"FINISHED"}
    assert not item.placed


class Region(SimpleNamespace):
    """A region that shows the photo 640 x 480 pixels large."""

    view2d = SimpleNamespace(view_to_region=lambda x, y, clip: (int(x * 640), int(y * 480)))


class Area(SimpleNamespace):
    type = "IMAGE_EDITOR"

    def tag_redraw(self):
        pass

    def header_text_set(self, text):
        self.text = text


def modal(operator, area, *events):
    """Send events to the operator as Blender does; what it says to each."""
    context = SimpleNamespace(
        area=area,
        region=Region(width=640, height=480),
        workspace=SimpleNamespace(status_text_set=lambda text: None),
        window_manager=bpy.context.window_manager,
    )
    return [landmarks.NEXTGENFACE_OT_drag_landmarks.modal(operator, context, event) for event in events]


@pytest.fixture
def started(item):
    """The modal operator under way, and the area that it is in."""
    image = shown_image(kept.photo_path(item), 1)
    editing = Editing(kept.found_places(item), kept.placed_points(item), item.width, item.height)
    overlay.begin(image.name, item.detector, Editor(editing))
    area = Area(spaces=SimpleNamespace(active=SimpleNamespace(image=image)))
    kind = landmarks.NEXTGENFACE_OT_drag_landmarks
    operator = SimpleNamespace(scene=bpy.context.scene.name, path=item.path, close=False, timer=None)
    for name in ("_is_shown", "_item", "_end", "_clean_up", "_stop_timer"):
        setattr(operator, name, getattr(kind, name).__get__(operator))
    return operator, area


def event(kind, value, x, y):
    return SimpleNamespace(
        type=kind, value=value, mouse_region_x=x, mouse_region_y=y, ctrl=False, shift=False, oskey=False
    )


# The stand-in engine's first point lies in the middle of the photo's upper edge, a tenth of its height below it.
DRAG = (
    event("MOUSEMOVE", "NOTHING", 320, 432),
    event("LEFTMOUSE", "PRESS", 320, 432),
    event("MOUSEMOVE", "NOTHING", 352, 408),
    event("LEFTMOUSE", "RELEASE", 352, 408),
)


def test_what_is_dragged_is_kept_when_it_ends(item, started):
    assert modal(*started, *DRAG)[-1] == {"RUNNING_MODAL"}
    assert not item.placed, "nothing is kept before the end"
    assert modal(*started, event("RET", "PRESS", 10, 10)) == [{"FINISHED"}]
    first = kept.placed_points(item)[0]
    np.testing.assert_allclose((first.x, first.y, first.sureness), (0.55, 0.15, 1.0), atol=2e-3)
    assert overlay.editor is None and started[1].text is None


def test_what_is_dragged_is_forgotten_when_it_is_cancelled(item, started):
    modal(*started, *DRAG)
    assert modal(*started, event("ESC", "PRESS", 10, 10)) == [{"CANCELLED"}]
    assert not item.placed and overlay.editor is None


def test_it_ends_and_keeps_what_was_done_when_another_image_is_shown(item, started):
    operator, area = started
    modal(operator, area, *DRAG)
    area.spaces.active.image = bpy.data.images.new("other", 8, 8)
    assert modal(operator, area, DRAG[0]) == [{"FINISHED"}]
    assert item.placed


def test_it_ends_well_when_the_photo_was_taken_off_the_list(item, started):
    modal(*started, *DRAG)
    bpy.ops.nextgenface.clear_photos()
    assert modal(*started, event("RET", "PRESS", 10, 10)) == [{"CANCELLED"}]


def test_the_add_on_ends_in_the_middle(item, started):
    import nextgenface

    nextgenface.unregister()
    assert overlay.editor is None and overlay._handle is None
    nextgenface.register()


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_the_photo_is_shown_upright(add_on, tmp_path, orientation):
    from small_result import save_picture

    stored = np.zeros((4, 6, 3), np.float32)
    stored[0, 0] = 1.0
    save_picture(tmp_path / "a.png", stored)
    image = shown_image(tmp_path / "a.png", orientation)
    width, height = image.size
    assert (width, height) == ((4, 6) if orientation in (6, 8) else (6, 4))
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    # The top left pixel, counted from the lowest row.
    places = {1: (height - 1, 0), 3: (0, width - 1), 6: (height - 1, width - 1), 8: (0, 0)}
    bright = np.argwhere(pixels.reshape(height, width, 4)[..., 0] > 0.5)
    assert bright.tolist() == [list(places[orientation])]
    assert shown_image(tmp_path / "a.png", orientation) == image
