"""The list of photos: what goes in, what is found in them, and what older files and scripts call it."""

from __future__ import annotations

import os

import bpy
import numpy as np
import pytest
from nextgenface.engine.hints import PlacedPoint
from nextgenface.operators import find_face, handlers, obstacles, open_image, reconstruct
from nextgenface.operators.photos import NEXTGENFACE_FH_photos
from nextgenface.operators.session import session
from nextgenface.panels import face
from nextgenface.panels import photos as panel
from nextgenface.properties import photos as kept

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("fresh_session")]


@pytest.fixture
def chosen(add_on):
    return add_on.nextgenface


def names(chosen):
    return [path.stem for path in kept.chosen_photos(chosen)]


def add(*paths):
    files = [{"name": path.name} for path in paths]
    assert bpy.ops.nextgenface.add_photos(directory=str(paths[0].parent), files=files) == {"FINISHED"}


# --- the list ---------------------------------------------------------------------------------------------------------


def test_a_photo_shows_its_size_as_soon_as_it_is_added(chosen, photo):
    add(photo("a"))
    assert panel.known_lines(chosen.photos[0]) == ["64 x 48 px, no focal length"]
    chosen.photo = str(photo("b"))
    assert chosen.photos[0].width == 64


def test_photos_move_and_the_active_one_goes_along(chosen, photo):
    add(*(photo(name) for name in "abc"))
    assert chosen.active_photo == 2
    bpy.ops.nextgenface.move_photo(direction="UP")
    assert (names(chosen), chosen.active_photo) == (["a", "c", "b"], 1)
    bpy.ops.nextgenface.move_photo(direction="DOWN")
    assert bpy.ops.nextgenface.move_photo(direction="DOWN") == {"CANCELLED"}
    assert (names(chosen), chosen.active_photo) == (["a", "b", "c"], 2)
    bpy.ops.nextgenface.remove_photo()
    assert (names(chosen), chosen.active_photo) == (["a", "b"], 1)
    bpy.ops.nextgenface.remove_photo(index=0)
    assert (names(chosen), chosen.active_photo) == (["b"], 0)
    bpy.ops.nextgenface.clear_photos()
    assert names(chosen) == [] and not bpy.ops.nextgenface.clear_photos.poll()


def test_dropped_files_are_added_without_a_file_browser(chosen, photo):
    """Blender invokes the operator with the files; only images are offered, and only on 3D views."""
    paths = [photo("a"), photo("b")]
    files = [{"name": path.name} for path in paths]
    done = bpy.ops.nextgenface.drop_photos("INVOKE_DEFAULT", directory=str(paths[0].parent), files=files)
    assert (done, names(chosen)) == ({"FINISHED"}, ["a", "b"])
    handler = NEXTGENFACE_FH_photos
    assert handler.is_registered and handler.bl_import_operator == "nextgenface.drop_photos"
    assert ".jpg;.jpeg;.png" in handler.bl_file_extensions

    class Context:
        area = None

    assert not handler.poll_drop(Context)
    for kind, wanted in (("VIEW_3D", True), ("IMAGE_EDITOR", False)):
        Context.area = type("Area", (), {"type": kind})
        assert handler.poll_drop(Context) is wanted


def test_scripts_that_know_of_one_photo_and_of_more_photos_still_work(chosen, photo):
    chosen.photo = str(photo("a"))
    chosen.more_photos.add().path = str(photo("b"))
    assert names(chosen) == ["a", "b"] and chosen.photo == str(photo("a"))
    chosen.photo = str(photo("c"))
    assert names(chosen) == ["c", "b"]
    add(photo("d"))
    assert names(chosen) == ["c", "b", "d"] and len(chosen.photos) == 3 and not chosen.more_photos
    chosen.photo = ""
    assert names(chosen) == ["b", "d"]


class OldPhoto(bpy.types.PropertyGroup):
    path: bpy.props.StringProperty(subtype="FILE_PATH")


class OldSettings(bpy.types.PropertyGroup):
    photo: bpy.props.StringProperty(subtype="FILE_PATH")
    more_photos: bpy.props.CollectionProperty(type=OldPhoto)


def test_photos_of_a_file_of_an_older_version_become_the_list(chosen, tmp_path):
    """Saved with the properties that the first version had."""
    import nextgenface

    nextgenface.unregister()
    for kind in (OldPhoto, OldSettings):
        bpy.utils.register_class(kind)
    bpy.types.Scene.nextgenface = bpy.props.PointerProperty(type=OldSettings)
    bpy.context.scene.nextgenface.photo = "//a.png"
    bpy.context.scene.nextgenface.more_photos.add().path = "//b.png"
    file = str(tmp_path / "old.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    del bpy.types.Scene.nextgenface
    for kind in (OldSettings, OldPhoto):
        bpy.utils.unregister_class(kind)
    nextgenface.register()
    bpy.ops.wm.open_mainfile(filepath=file)
    found = bpy.context.scene.nextgenface
    assert [item.path for item in found.photos] == ["//a.png", "//b.png"]
    assert found.photo == "//a.png" and not found.more_photos
    handlers.on_loaded()
    assert len(found.photos) == 2


# --- the image of an Image Editor -------------------------------------------------------------------------------------


def open_in_editor(image):
    """The first area becomes an Image Editor; the context to call operators in."""
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "IMAGE_EDITOR"
    area.spaces.active.image = image
    return bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area)


@pytest.fixture
def own_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(open_image, "user_folder", lambda name: tmp_path / "user" / name)
    return tmp_path / "user" / "photos"


def test_a_saved_image_is_used_as_it_is(chosen, photo, own_folder):
    image = bpy.data.images.load(str(photo("a")))
    with open_in_editor(image):
        assert bpy.ops.nextgenface.add_open_image() == {"FINISHED"}
        assert bpy.ops.nextgenface.add_open_image() == {"FINISHED"}
    assert kept.chosen_photos(chosen) == [photo("a")] and not own_folder.exists()


def pixels_of(image):
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    return values


@pytest.mark.parametrize("kind", ["generated", "packed", "edited"])
def test_an_image_without_a_file_of_its_pixels_is_copied_to_one(chosen, photo, own_folder, kind):
    image = bpy.data.images.new("A/B", 20, 10) if kind == "generated" else bpy.data.images.load(str(photo("A_B")))
    image.pixels.foreach_set(np.random.default_rng(0).random(len(image.pixels)).round(1).astype(np.float32))
    if kind == "packed":
        image.pack()
        photo("A_B").unlink()
    before = len(bpy.data.images)
    with open_in_editor(image):
        assert bpy.ops.nextgenface.add_open_image() == {"FINISHED"}
    (path,) = kept.chosen_photos(chosen)
    assert path == own_folder / "A_B.png" and len(bpy.data.images) == before
    copy = bpy.data.images.load(str(path))
    assert copy.size[:] == image.size[:]
    np.testing.assert_allclose(pixels_of(copy), pixels_of(image), atol=0.01)


def test_without_an_open_image_the_button_says_so(chosen):
    assert not bpy.ops.nextgenface.add_open_image.poll()
    with pytest.raises(RuntimeError, match="No image is open"):
        bpy.ops.nextgenface.add_open_image()


def test_that_the_active_photo_is_gone_is_told_once(chosen, photo):
    add(photo("a"), photo("b"))
    photo("b").unlink()
    reason = f"There is no photo at '{kept.photo_path(chosen.photos[1])}' any more"
    assert [face.is_told_above(chosen, reason) for chosen.active_photo in (0, 1)] == [False, True]


# --- finding faces ----------------------------------------------------------------------------------------------------


def test_what_is_found_is_kept_with_each_photo_and_saved(chosen, photo, tmp_path):
    add(photo("a"), photo("fails"))
    assert bpy.ops.nextgenface.find_face() == {"FINISHED"}
    good, bad = chosen.photos
    assert (good.width, good.height, good.exif_focal, good.detector) == (64, 48, 50.0, "mediapipe")
    assert panel.known_lines(good) == ["64 x 48 px, 50 mm equivalent"]
    assert panel.row_trouble(bad, photo("fails")) == "No Face" and not panel.row_trouble(good, photo("a"))
    assert panel.trouble_sentence(bad, photo("fails")).startswith("No face was found in fails.png. Choose")
    assert panel.row_trouble(good, photo("a").with_name("none.png")) == "Missing"
    assert panel.row_icon(bad, bad.message) == "ERROR" and panel.row_icon(good, "") == "CHECKMARK"
    places = kept.found_places(good)
    np.testing.assert_allclose(places[0], [0.5, 0.1], atol=1e-6)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    np.testing.assert_array_equal(kept.found_places(bpy.context.scene.nextgenface.photos[0]), places)


def test_only_photos_that_were_not_seen_or_have_changed_are_looked_at(add_on, chosen, photo):
    add(photo("a"), photo("b"))
    bpy.ops.nextgenface.find_face()
    assert find_face.unseen(add_on) == []
    os.utime(photo("b"), ns=(1, 1))
    assert [item.path for item in find_face.unseen(add_on)] == [str(photo("b"))]
    chosen.advanced.landmark_detector = "fan"
    assert len(find_face.unseen(add_on)) == 2, "another detector has other points"


def test_placed_points_stay_with_a_copy_of_the_photo_and_go_with_another_one(chosen, photo):
    add(photo("a"))
    bpy.ops.nextgenface.find_face()
    item = chosen.photos[0]
    kept.keep_placed(item, {61: PlacedPoint(0.25, 0.5)})
    assert panel.known_lines(item)[1:] == ["1 point moved by hand"]
    os.utime(photo("a"), ns=(1, 1))
    bpy.ops.nextgenface.find_face()
    assert kept.placed_points(item) == {61: PlacedPoint(0.25, 0.5)}
    with photo("a").open("ab") as file:
        file.write(b"more")
    hints, notice = kept.hints_of(item)
    assert not hints and "a.png has changed" in notice
    bpy.ops.nextgenface.find_face()
    assert kept.placed_points(item) == {}


def test_points_and_focal_length_go_into_the_fit(chosen, photo):
    """The stand-in engine says what it was given."""
    add(photo("a"), photo("b"))
    bpy.ops.nextgenface.find_face()
    kept.keep_placed(chosen.photos[1], {61: PlacedPoint(0.25, 0.5, 0.5)})
    chosen.photos[0].focal_length = 85.0
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    said = [line for line in session.status.warnings if ".png: {" in line]
    assert len(said) == 2
    assert said[0].startswith("a.png") and '"focal_length_mm": 85.0' in said[0]
    assert said[1].startswith("b.png") and '"61": [0.25, 0.5, 0.5]' in said[1]


def test_hints_keep_to_their_photos_where_one_is_not_in_the_list(add_on, chosen, photo):
    add(photo("a"))
    chosen.photos[0].focal_length = 85.0
    hints, notices = reconstruct.photo_hints(chosen, [photo("b"), photo("a")])
    assert [bool(hint) for hint in hints] == [False, True] and not notices


def test_a_search_whose_window_is_closed_does_not_stand_in_the_way(chosen, photo):
    add(photo("slow"))
    start(bpy.context)
    find_face.NEXTGENFACE_OT_find_face.cancel(None, bpy.context)
    assert not session.detection.is_running and obstacles.why_not(bpy.context) == ""


def test_a_photo_that_a_fit_failed_with_says_so_in_its_row(chosen, photo):
    add(photo("fails"), photo("b"))
    with pytest.raises(RuntimeError, match="No face"):
        bpy.ops.nextgenface.reconstruct()
    bad, good = chosen.photos
    assert panel.row_trouble(bad, photo("fails")) == "No Face" and not panel.row_trouble(good, photo("b"))
    assert "Choose a photo" in panel.trouble_sentence(bad, photo("fails"))


def start(context):
    find_face.start_search(context, context.scene)
    assert session.wait(20) and session.detection.is_running


def test_nothing_else_runs_meanwhile_and_a_cancel_ends_it(chosen, photo):
    add(photo("slow"))
    start(bpy.context)
    assert not bpy.ops.nextgenface.find_face.poll()
    assert obstacles.why_not(bpy.context).startswith("Faces are being found")
    worker = session._worker
    with pytest.raises(RuntimeError, match="Faces are being found"):
        bpy.ops.nextgenface.check_engine()
    assert session._worker is worker and session.detection.is_running
    bpy.ops.nextgenface.cancel_search()
    assert not bpy.ops.nextgenface.cancel_search.poll()
    while session.detection.is_running:
        assert session.wait(20)
    assert not session.detection.message and obstacles.why_not(bpy.context) == ""
    assert session._worker.is_alive


def test_opening_another_file_ends_the_search(chosen, photo, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    add(photo("slow"))
    start(bpy.context)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    assert not session.detection.is_running


def test_a_worker_that_dies_is_told(chosen, photo):
    add(photo("dies"))
    with pytest.raises(RuntimeError, match="unexpectedly"):
        bpy.ops.nextgenface.find_face()
    assert not session.detection.is_running


# --- why it cannot run ------------------------------------------------------------------------------------------------


def test_the_button_says_why_it_cannot_run(chosen, photo, tmp_path, monkeypatch):
    def said():
        reason = obstacles.why_not(bpy.context)
        assert bpy.ops.nextgenface.reconstruct.poll() is not bool(reason)
        return reason

    assert "Add a photo" in said()
    add(photo("a"), photo("b"))
    assert said() == ""
    photo("b")
    (tmp_path / "b.png").unlink()
    assert "b.png' any more" in said()
    chosen.people = "SEVERAL"
    assert said() == "", "the others can be reconstructed"
    chosen.advanced.face_model, chosen.advanced.face_model_folder = "bfm2017", str(tmp_path / "bfm")
    assert "face model's files" in said()
    bpy.ops.nextgenface.reset_settings()
    chosen.output = str(photo("c"))
    assert "is a file" in said()
    chosen.output = ""
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", str(tmp_path / "python"))
    assert "no Python" in said()
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", "")
    assert "not set up" in said()


def test_a_folder_that_cannot_be_written_is_told(chosen, photo, tmp_path, monkeypatch):
    add(photo("a"))
    chosen.output = str(tmp_path / "closed" / "faces")
    asked = []
    monkeypatch.setattr(obstacles.os, "access", lambda path, how: asked.append(path))
    assert "cannot be written" in obstacles.why_not(bpy.context)
    assert asked == [tmp_path], "the nearest folder that there is"


def test_a_turned_photo_has_an_upright_thumbnail(add_on, tmp_path):
    from nextgenface.panels.pictures import pictures
    from small_result import save_picture

    stored = np.zeros((40, 60, 3), np.float32)
    stored[:, :30] = 1.0
    save_picture(tmp_path / "a.png", stored)
    before = len(bpy.data.images)
    pictures().thumbnail(str(tmp_path / "a.png"), 6)
    assert len(bpy.data.images) == before
    (icon,) = (icon for key, icon in pictures()._icons.items() if key.endswith("|6"))
    width, height = icon.image_size
    assert (width, height) == (171, 256)
    rows = np.array(icon.image_pixels_float).reshape(height, width, 4)
    assert rows[-20:, :, 0].min() > 0.9 and rows[:20, :, 0].max() < 0.1, "what was left is above, turned clockwise"
    assert len(icon.icon_pixels_float) == 32 * 32 * 4
