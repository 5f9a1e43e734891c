"""Moving points by hand without a window: what is near, who follows, what events do, what can be taken back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from nextgenface.engine.contours import CONTOURS
from nextgenface.engine.hints import POINT_COUNTS, PlacedPoint
from nextgenface.operators.landmark_editing import MOST_RADIUS, Answer, Editing, Editor
from nextgenface.operators.landmark_maths import View, discs, falloff, nearest, segments, small_square, upright

# A photo of 400 x 200 pixels, shown at twice its size with its top left corner at (100, 500) of the region.
VIEW = View(100.0, 500.0, 900.0, 100.0)


@pytest.fixture
def editing():
    """A grid of 17 x 17 points over the photo's middle."""
    x, y = np.meshgrid(np.linspace(0.3, 0.7, 17), np.linspace(0.1, 0.9, 17))
    return Editing(np.stack([x.ravel(), y.ravel()], -1), {}, 400, 200)


@pytest.fixture
def editor(editing):
    return Editor(editing)


MIDDLE = 144


def event(kind, value="PRESS", at=None, **modifiers):
    x, y = VIEW.to_region(np.array([0.5, 0.5])) if at is None else at
    values = {"ctrl": False, "shift": False, "oskey": False} | modifiers
    return SimpleNamespace(type=kind, value=value, mouse_region_x=x, mouse_region_y=y, **values)


def send(editor, *events):
    return [editor.handle(item, VIEW, True) for item in events]


def drag(editor, by=(40.0, 0.0)):
    """Take the middle point by some pixels of the region."""
    start = VIEW.to_region(editor.editing.now.places[MIDDLE])
    send(editor, event("MOUSEMOVE", at=start), event("LEFTMOUSE", at=start), event("MOUSEMOVE", at=start + by))
    return start


# --- maths ------------------------------------------------------------------------------------------------------------


def test_places_on_the_screen_and_back():
    np.testing.assert_allclose(VIEW.to_region([[0, 0], [1, 1], [0.5, 0.25]]), [[100, 500], [900, 100], [500, 400]])
    places = np.random.default_rng(0).random((5, 2))
    np.testing.assert_allclose(VIEW.to_photo(VIEW.to_region(places)), places)


def test_the_nearest_point_within_reach():
    points = np.array([[0.0, 0.0], [10.0, 0.0], [11.0, 0.0]])
    assert nearest(points, np.array([9.0, 1.0]), 5.0) == 1
    assert nearest(points, np.array([40.0, 0.0]), 5.0) == -1
    assert nearest(np.zeros((0, 2)), np.zeros(2), 5.0) == -1


def test_followers_follow_smoothly_and_not_beyond_the_radius():
    distance = np.linspace(0.0, 2.0, 201)
    weight = falloff(distance, 1.0)
    assert weight[0] == 1.0 and not weight[100:].any()
    assert (np.diff(weight[:101]) < 0.0).all() and np.abs(np.diff(weight, 2)).max() < 1e-3
    np.testing.assert_array_equal(falloff(distance, 0.0), distance == 0.0)


def test_what_is_drawn():
    ring = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert segments(ring, True).shape == (6, 2) and segments(ring, False).shape == (4, 2)
    np.testing.assert_array_equal(segments(ring, True)[-1], ring[0])
    corners = discs(ring, 2.0)
    assert corners.shape == (3 * 8 * 3, 2)
    away = np.linalg.norm(corners.reshape(3, -1, 2) - ring[:, None], axis=2)
    assert set(away.round(9).ravel()) == {0.0, 2.0}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_pillow_turns_it(orientation):
    pillow = pytest.importorskip("PIL.Image")
    from PIL import ImageOps

    stored = np.random.default_rng(0).integers(0, 255, (5, 7, 3)).astype(np.uint8)
    image = pillow.fromarray(stored)
    image.getexif()[0x0112] = orientation
    turned = upright(stored[::-1], orientation)[::-1]
    np.testing.assert_array_equal(turned, np.asarray(ImageOps.exif_transpose(image)))


@pytest.mark.parametrize("shape", [(70, 96), (33, 200), (20, 9), (1, 1)])
def test_an_icon_is_the_middle_of_a_photo(shape):
    pixels = np.zeros((*shape, 4), np.float32)
    pixels[:] = np.linspace(0.0, 1.0, shape[1])[None, :, None] if shape[1] > 1 else 0.5
    icon = small_square(pixels, 32)
    assert icon.shape == (32, 32, 4)
    assert icon.mean() == pytest.approx(0.5, abs=0.06) and (np.diff(icon[0, :, 0]) >= 0).all()


@pytest.mark.parametrize("detector", CONTOURS)
def test_contours_lead_through_points_that_there_are(detector):
    for contour in CONTOURS[detector]:
        assert len(set(contour.points)) == len(contour.points) > 2
        assert min(contour.points) >= 0 and max(contour.points) < POINT_COUNTS[detector]


# --- dragging ---------------------------------------------------------------------------------------------------------


def test_a_dragged_point_stays_under_the_mouse_and_its_neighbours_follow(editor):
    found = editor.editing.found.copy()
    drag(editor, by=(40.0, -20.0))
    moved = editor.editing.now.places - found
    np.testing.assert_allclose(moved[MIDDLE], [0.05, 0.05])
    assert 0.0 < moved[MIDDLE + 1, 0] < moved[MIDDLE, 0] and not moved[0].any()
    # 10 px of the photo to the right lie as far away as 10 px below.
    np.testing.assert_allclose(moved[MIDDLE + 1], moved[MIDDLE + 17])
    assert send(editor, event("LEFTMOUSE", "RELEASE")) == [Answer.USED]
    placed = editor.editing.placed()
    assert placed[MIDDLE].sureness == 1.0 and 0.0 < placed[MIDDLE + 1].sureness < 1.0 and 0 not in placed


def test_the_wheel_changes_how_far_neighbours_follow_while_one_is_dragged(editor):
    drag(editor)
    before = editor.editing.now.sureness.astype(bool).sum()
    send(editor, *[event("WHEELDOWNMOUSE")] * 3)
    wider = editor.editing.now.sureness.astype(bool).sum()
    send(editor, *[event("WHEELUPMOUSE")] * 9)
    narrower = editor.editing.now.sureness.astype(bool).sum()
    assert narrower < before < wider
    np.testing.assert_allclose(editor.editing.now.places[MIDDLE], [0.55, 0.5])
    send(editor, *[event("WHEELDOWNMOUSE")] * 99)
    assert editor.editing.radius == MOST_RADIUS
    send(editor, event("LEFTMOUSE", "RELEASE"))
    assert send(editor, event("WHEELDOWNMOUSE")) == [Answer.PASS], "else it zooms"


@pytest.mark.parametrize("how", ["ESC", "RIGHTMOUSE"])
def test_a_drag_is_cancelled_and_then_the_whole(editor, how):
    drag(editor)
    assert send(editor, event(how)) == [Answer.USED]
    assert not editor.editing.placed() and not editor.editing.is_changed
    assert send(editor, event(how)) == [Answer.CANCELLED]


def test_a_click_that_moves_nothing_places_nothing(editor):
    drag(editor, by=(0.0, 0.0))
    send(editor, event("LEFTMOUSE", "RELEASE"))
    assert not editor.editing.placed() and not editor.editing.is_changed


def test_steps_are_taken_back_and_made_again(editor):
    for _ in range(2):
        drag(editor)
        send(editor, event("LEFTMOUSE", "RELEASE"))
    twice = editor.editing.now.places.copy()
    send(editor, event("Z", ctrl=True))
    np.testing.assert_allclose(editor.editing.now.places[MIDDLE], [0.55, 0.5])
    send(editor, event("Z", ctrl=True), event("Z", ctrl=True))
    assert not editor.editing.placed()
    send(editor, *[event("Z", ctrl=True, shift=True)] * 3)
    np.testing.assert_array_equal(editor.editing.now.places, twice)
    send(editor, event("Z", ctrl=True))
    drag(editor)
    send(editor, event("LEFTMOUSE", "RELEASE"), event("Z", ctrl=True, shift=True))
    assert not editor.editing.redo(), "what was taken back is gone once something else is done"


def test_points_are_reset_around_the_mouse_and_all(editor):
    drag(editor)
    send(editor, event("LEFTMOUSE", "RELEASE"))
    far = VIEW.to_region(editor.editing.found[0])
    send(editor, event("MOUSEMOVE", at=far), event("LEFTMOUSE", at=far), event("MOUSEMOVE", at=far + np.array([8, 0])))
    send(editor, event("LEFTMOUSE", "RELEASE", at=far))
    assert {0, MIDDLE} <= set(editor.editing.placed())
    send(editor, event("MOUSEMOVE", at=far + np.array([8, 0])), event("BACK_SPACE"))
    assert 0 not in editor.editing.placed() and MIDDLE in editor.editing.placed()
    send(editor, event("BACK_SPACE", shift=True))
    assert not editor.editing.placed()
    np.testing.assert_array_equal(editor.editing.now.places, editor.editing.found)
    send(editor, event("Z", ctrl=True))
    assert MIDDLE in editor.editing.placed()


def test_what_was_placed_before_is_there_again(editing):
    again = Editing(editing.found, {3: PlacedPoint(0.2, 0.3, 0.5), 999: PlacedPoint(0, 0)}, 400, 200)
    assert again.placed() == {3: PlacedPoint(0.2, 0.3, 0.5)} and not again.is_changed


def test_enter_keeps_h_hides_and_other_events_pass(editor):
    assert send(editor, event("RET"), event("H"), event("A"), event("TIMER", "NOTHING")) == [
        *(Answer.DONE, Answer.USED, Answer.PASS, Answer.PASS),
    ]
    assert not editor.visible
    assert editor.handle(event("RET"), VIEW, False) is Answer.PASS, "the mouse is elsewhere"
