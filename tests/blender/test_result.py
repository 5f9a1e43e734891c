"""What can be done with a person that was built: photos, compare, rebuild, refine, relight, remove; also in a file opened again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import bpy
import numpy as np
import pytest
from nextgenface.operators import result_compare
from nextgenface.operators.build_scene import BuildOptions, build_result
from nextgenface.operators.people import chosen_person, part_of, people, result_path
from nextgenface.operators.picture_files import read_picture
from nextgenface.operators.result_refine import refine_settings
from nextgenface.operators.session import Phase, session
from small_result import make_result, photo_result, save_picture
from snapshots import snapshot

pytestmark = pytest.mark.blender


@pytest.fixture(autouse=True)
def fresh_session():
    session.close()
    session.forget()
    result_compare.shown = ""
    yield
    session.close()


def two_photos():
    return [
        photo_result(photo="a.png"),
        photo_result(48, 96, photo="b.png", light="envMap_1.exr", expression={"mouthPucker": 1.0}),
    ]


@pytest.fixture
def built(add_on, tmp_path):
    """A person of two photos; what is registered is remembered."""
    path = make_result(tmp_path / "result", two_photos())
    shutil.copyfile(path.with_name("envMap_0.exr"), path.with_name("envMap_1.exr"))
    report = {"seconds": {"total": 47.5}, "photos": [{"name": "left.jpg"}, {"name": "right.jpg"}]}
    path.with_name("report.json").write_text(json.dumps(report), encoding="utf-8")
    build_result(add_on, path, BuildOptions(), [tmp_path / "left.jpg", tmp_path / "right.jpg"])
    return bpy.data.collections["Face"]


# --- what is remembered -------------------------------------------------------------------------------------------------


def test_the_file_remembers_what_was_built(built, tmp_path):
    memory = built.nextgenface
    assert people() == [built]
    assert [photo.name for photo in memory.photos] == ["left", "right"]
    assert [photo.source for photo in memory.photos] == [str(tmp_path / "left.jpg"), str(tmp_path / "right.jpg")]
    assert memory.seconds == 47.5
    assert 0 < memory.build_seconds < 60
    assert result_path(built) == tmp_path / "result" / "result.json"


@pytest.mark.parametrize("role", ["head", "eyes", "camera 0", "camera 1", "light 0", "light 1", "skin material"])
def test_what_belongs_to_a_person_is_found_whatever_its_name_is(built, role):
    part = part_of(built, role)
    name, part.name = part.name, "renamed"
    assert part_of(built, role).name == "renamed"
    assert name.startswith("Face ")


def test_all_of_it_is_there_after_saving_moving_and_opening(built, tmp_path):
    (tmp_path / "work").mkdir()
    shutil.move(tmp_path / "result", tmp_path / "work" / "result")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work" / "face.blend"))
    shutil.move(tmp_path / "work", tmp_path / "elsewhere")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "elsewhere" / "face.blend"))
    (person,) = people()
    assert result_path(person) == tmp_path / "elsewhere" / "result" / "result.json"
    assert [photo.name for photo in person.nextgenface.photos] == ["left", "right"]
    images = [node.image for node in part_of(person, "skin material").node_tree.nodes if node.type == "TEX_IMAGE"]
    assert all(image.packed_file and image.size[0] for image in images)
    assert bpy.ops.nextgenface.use_photo(person=person.name, index=1) == {"FINISHED"}
    assert bpy.ops.nextgenface.rebuild(person=person.name) == {"FINISHED"}


def test_a_job_remembers_its_photos(add_on, photo):
    add_on.nextgenface.photo = str(photo("portrait"))
    bpy.ops.nextgenface.reconstruct()
    (person,) = people()
    assert [item.source for item in person.nextgenface.photos] == [add_on.nextgenface.photo]
    assert person.nextgenface.seconds == pytest.approx(0.3)
    assert session.status.build_seconds == pytest.approx(person.nextgenface.build_seconds)


# --- use this photo -----------------------------------------------------------------------------------------------------


def state(scene):
    keys = bpy.data.objects["Face Head"].data.shape_keys.key_blocks
    render = scene.render
    return (
        scene.camera.name,
        scene.world.name,
        (render.resolution_x, render.resolution_y),
        (keys["Expression left"].value, keys["Expression right"].value),
    )


def test_use_this_photo_switches_camera_light_expression_and_size(add_on, built):
    first = ("Face Camera", "Face Light", (64, 48), (1, 0))
    assert state(add_on) == first
    keys = bpy.data.objects["Face Head"].data.shape_keys.key_blocks
    keys["jawOpen"].value = 0.5
    assert bpy.ops.nextgenface.use_photo(person="Face", index=1) == {"FINISHED"}
    assert state(add_on) == ("Face Camera 2", "Face Light 2", (48, 96), (0, 1))
    assert keys["jawOpen"].value == 0.5, "what a person set stays"
    assert built.nextgenface.photo == 1
    bpy.ops.nextgenface.use_photo(person="Face", index=0)
    assert state(add_on) == first


def test_use_this_photo_copes_with_what_was_deleted(add_on, built):
    bpy.data.objects.remove(part_of(built, "camera 1"))
    bpy.data.worlds.remove(part_of(built, "light 1"))
    bpy.ops.nextgenface.use_photo(person="Face", index=1)
    assert state(add_on) == ("Face Camera", "Face Light", (64, 48), (0, 1))
    with pytest.raises(RuntimeError, match="no photo 3"):
        bpy.ops.nextgenface.use_photo(person="Face", index=2)


def test_one_person_is_shown_and_the_others_hidden(add_on, built, tmp_path):
    build_result(add_on, tmp_path / "result" / "result.json", BuildOptions())
    second = bpy.data.collections["Face.001"]
    assert chosen_person(bpy.context) == second, "the newest one is active"
    bpy.ops.nextgenface.show_person(person="Face")
    assert (built.hide_render, second.hide_render, second.hide_viewport) == (False, True, True)
    assert chosen_person(bpy.context) == built
    assert add_on.camera == part_of(built, "camera 0")
    bpy.ops.nextgenface.show_person(person="Face.001")
    assert (built.hide_render, second.hide_render, second.hide_viewport) == (True, False, False)
    assert bpy.context.view_layer.objects.active == part_of(second, "head")


# --- remove -------------------------------------------------------------------------------------------------------------


def test_remove_takes_all_of_the_person_and_nothing_else(add_on, tmp_path):
    before = snapshot(add_on)
    build_result(add_on, make_result(tmp_path / "result"), BuildOptions())
    assert bpy.ops.nextgenface.remove_person(person="Face") == {"FINISHED"}
    after = snapshot(add_on)
    assert after["data"] == before["data"]
    assert after["scene"][:2] == before["scene"][:2], "the scene has its own world and camera back"


def test_remove_leaves_other_people_and_what_was_put_into_the_collection(add_on, built, tmp_path):
    other = build_result(add_on, tmp_path / "result" / "result.json", BuildOptions())
    hat = bpy.data.objects.new("Hat", bpy.data.meshes.new("Hat"))
    built.objects.link(hat)
    hat.parent, hat.location = part_of(built, "head"), (0, 0, 0.2)
    part_of(built, "head").location.x = 1.0
    hat.data.materials.append(part_of(built, "skin material"))
    bpy.ops.nextgenface.remove_person(person="Face")
    assert [person.name for person in people()] == [other.collection]
    assert part_of(people()[0], "head") is not None
    assert "Hat" in add_on.collection.objects
    bpy.context.view_layer.update()
    assert np.allclose(hat.matrix_world.translation, (1, 0, 0.2)), "it stays where it was"
    assert hat.data.materials[0].name == "Face Skin"
    assert add_on.camera.name == other.camera


def test_remove_is_one_step_to_undo(add_on, built):
    bpy.ops.ed.undo_push(message="before")
    before = snapshot(add_on)
    assert bpy.ops.nextgenface.remove_person("EXEC_DEFAULT", True, person="Face") == {"FINISHED"}
    removed = snapshot(bpy.context.scene)
    assert not removed["data"]["collections"]
    bpy.ops.ed.undo()
    assert snapshot(bpy.context.scene) == before
    assert [person.name for person in people()] == ["Face"]
    bpy.ops.ed.redo()
    assert snapshot(bpy.context.scene) == removed


def test_the_scene_gets_its_own_world_and_camera_back_after_the_last_person(add_on, tmp_path):
    mine = bpy.data.objects.new("My Camera", bpy.data.cameras.new("My Camera"))
    add_on.collection.objects.link(mine)
    add_on.camera = mine
    path = make_result(tmp_path / "result")
    for _ in range(2):
        build_result(add_on, path, BuildOptions())
    for name in ("Face", "Face.001"):
        bpy.ops.nextgenface.remove_person(person=name)
    assert (add_on.world.name, add_on.camera) == ("My World", mine)


# --- rebuild ------------------------------------------------------------------------------------------------------------


def test_rebuild_takes_the_place_of_the_old_one(add_on, built):
    before = snapshot(add_on)
    uid = built.nextgenface.uid
    built.name = "Anna"
    bpy.data.objects["Face Head"].data.vertices[0].co.x += 1.0
    assert bpy.ops.nextgenface.rebuild(person="Anna") == {"FINISHED"}
    (person,) = people()
    assert person.name == "Anna"
    assert person.nextgenface.uid != uid
    assert person.nextgenface.previous_world.name == "My World"
    assert [photo.name for photo in person.nextgenface.photos] == ["left", "right"]
    assert person.nextgenface.photos[0].source.endswith("left.jpg")
    bpy.ops.nextgenface.remove_person(person="Anna")
    assert add_on.world.name == "My World"
    assert len(before["data"]["objects"]) == 5


def test_rebuild_keeps_names(add_on, built):
    before = snapshot(add_on)
    assert bpy.ops.nextgenface.rebuild(person="Face") == {"FINISHED"}
    assert snapshot(add_on) == before


def test_rebuild_is_one_step_to_undo(add_on, built):
    bpy.ops.ed.undo_push(message="before")
    before, uid = snapshot(add_on), built.nextgenface.uid
    assert bpy.ops.nextgenface.rebuild("EXEC_DEFAULT", True, person="Face") == {"FINISHED"}
    after = people()[0].nextgenface.uid
    bpy.ops.ed.undo()
    assert snapshot(bpy.context.scene) == before
    assert [person.nextgenface.uid for person in people()] == [uid]
    bpy.ops.ed.redo()
    assert [person.nextgenface.uid for person in people()] == [after]


def test_rebuild_beside_hides_the_old_one(add_on, built):
    assert bpy.ops.nextgenface.rebuild(person="Face", replace=False) == {"FINISHED"}
    assert [person.name for person in people()] == ["Face", "Face.001"]
    assert built.hide_render
    assert not people()[1].hide_render


def test_rebuild_follows_the_settings(add_on, built):
    add_on.nextgenface.build_eyes = False
    add_on.nextgenface.build_subsurface = True
    bpy.ops.nextgenface.rebuild(person="Face")
    (person,) = people()
    assert part_of(person, "eyes") is None
    shader = part_of(person, "skin material").node_tree.nodes["Skin"]
    assert shader.inputs["Subsurface Weight"].default_value == 1


def test_a_rebuild_that_fails_changes_nothing(add_on, built, tmp_path):
    (tmp_path / "result" / "head.npz").write_text("broken", encoding="utf-8")
    before = snapshot(add_on)
    with pytest.raises(RuntimeError, match="cannot be read"):
        bpy.ops.nextgenface.rebuild(person="Face")
    assert snapshot(add_on) == before
    shutil.rmtree(tmp_path / "result")
    assert not bpy.ops.nextgenface.rebuild.poll()
    assert not bpy.ops.nextgenface.compare.poll()


# --- refine -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def refinable(add_on, photo):
    """A person that the stand-in engine made, with a checkpoint."""
    add_on.nextgenface.photo = str(photo("portrait"))
    bpy.ops.nextgenface.reconstruct()
    (person,) = people()
    assert not bpy.ops.nextgenface.refine.poll(), "there is no checkpoint yet"
    checkpoint = result_path(person).parent / "checkpoints" / "stage2_output.npz"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(b"")
    return person


def test_refine_goes_on_from_the_checkpoint_and_hides_the_old_head(add_on, refinable, tmp_path):
    assert bpy.ops.nextgenface.refine(person=refinable.name, size="2048") == {"FINISHED"}
    assert session.status.phase is Phase.DONE
    checkpoint = tmp_path / "results" / "portrait" / "checkpoints" / "stage2_output.npz"
    assert f"Skipped [], checkpoint {checkpoint}." in session.status.warnings
    assert [person.name for person in people()] == ["Stand-in", "Stand-in.001"]
    old, new = people()
    assert (old.hide_render, new.hide_render) == (True, False)
    assert result_path(new).parent == tmp_path / "results" / "portrait-2"
    assert new.nextgenface.previous_world.name == "My World"


def test_refine_needs_the_photos(add_on, refinable):
    Path(refinable.nextgenface.photos[0].source).unlink()
    with pytest.raises(RuntimeError, match="There is no photo"):
        bpy.ops.nextgenface.refine(person=refinable.name)
    assert session.status.phase is Phase.FAILED
    assert people() == [refinable]


def test_refine_keeps_the_run_s_settings(add_on, built, tmp_path):
    report = tmp_path / "result" / "report.json"
    report.write_text(json.dumps({"settings": {"fit_size": 256, "stage3_iterations": 40, "of the future": 1}}))
    path = result_path(built)
    values = refine_settings(add_on, path, "LONGER")
    assert (values["fit_size"], values["stage3_iterations"], values["texture_size"]) == (256, 80, 1024)
    values = refine_settings(add_on, path, "4096")
    assert (values["stage3_iterations"], values["texture_size"]) == (40, 4096)
    report.unlink()
    add_on.nextgenface.preset = "draft"
    assert refine_settings(add_on, path, "2048")["fit_size"] == 256


# --- compare ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def comparable(add_on, tmp_path):
    """A photo that is bright at the lower left, and a render of a part of it that shows the lower half, a bit darker."""
    picture = np.zeros((40, 80, 3), np.float32)
    picture[14:, :40] = 0.8
    photo = photo_result(80, 40, render="reconstruction_0.png", window=[20.0, 4.0, 40.0, 20.0])
    path = make_result(tmp_path / "result", [photo])
    save_picture(path.parent / "photo.png", picture)
    render = bpy.data.images.new("scratch", 20, 10, alpha=True)
    pixels = np.zeros((10, 20, 4), np.float32)
    pixels[:5] = (0.7, 0.7, 0.7, 1.0)
    render.pixels.foreach_set(pixels.ravel())
    render.filepath_raw, render.file_format = str(path.parent / "reconstruction_0.png"), "PNG"
    render.save()
    bpy.data.images.remove(render)
    build_result(add_on, path, BuildOptions())
    return bpy.data.collections["Face"]


def shown_pixels():
    image = bpy.data.images[result_compare.IMAGE_NAME]
    width, height = image.size
    return np.array(image.pixels[:]).reshape(height, width, 4)


def test_compare_goes_from_photo_to_render_to_difference(comparable):
    """The first row of pixels is the lowest: there the render shows something, above it is empty."""
    assert bpy.ops.nextgenface.compare(person="Face") == {"FINISHED"}
    photo = shown_pixels()
    assert photo.shape == (10, 20, 4)
    assert np.allclose(photo[:5, :9, :3], 0.8, atol=0.01)
    assert np.allclose(photo[:, 11:, :3], 0.0, atol=0.01)
    assert np.allclose(photo[5:, :, :3], 0.0, atol=0.01)
    bpy.ops.nextgenface.compare(person="Face")
    render = shown_pixels()
    assert np.allclose(render[:5, :, :3], 0.7, atol=0.01)
    assert np.allclose(render[5:], photo[5:], atol=0.01)
    bpy.ops.nextgenface.compare(person="Face")
    apart = shown_pixels()
    assert np.allclose(apart[:5, :9, :3], 5 * 0.1, atol=0.03)
    assert np.allclose(apart[:5, 11:, :3], 1.0)
    assert np.allclose(apart[5:, :, :3], 0.0)
    bpy.ops.nextgenface.compare(person="Face")
    assert np.array_equal(shown_pixels(), photo), "and around again"


def test_compare_shows_a_view_by_name_in_an_image_editor_and_makes_one_image(comparable):
    for view in ("DIFFERENCE", "PHOTO", "PHOTO"):
        bpy.ops.nextgenface.compare(person="Face", view=view)
        assert result_compare.shown == view
    assert [image.name for image in bpy.data.images if "Compare" in image.name] == [result_compare.IMAGE_NAME]
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    (editor,) = [area for area in areas if area.type == "IMAGE_EDITOR"]
    assert editor.spaces.active.image.name == result_compare.IMAGE_NAME


def test_compare_tells_what_is_missing(comparable, tmp_path):
    (tmp_path / "result" / "reconstruction_0.png").unlink()
    with pytest.raises(RuntimeError, match="reconstruction_0"):
        bpy.ops.nextgenface.compare(person="Face")


def test_reading_a_picture_leaves_nothing_in_the_file(add_on, tmp_path):
    before = snapshot(add_on)
    save_picture(tmp_path / "large.png", np.full((30, 60, 3), 0.25, np.float32))
    picture = read_picture(tmp_path / "large.png", longest=20)
    assert picture.shape == (10, 20, 4)
    assert np.allclose(picture[..., :3], 0.25, atol=0.01)
    assert snapshot(add_on) == before


# --- relight ------------------------------------------------------------------------------------------------------------


def test_relight_by_a_picture_and_back(add_on, built, tmp_path):
    save_picture(tmp_path / "studio.exr", np.full((8, 16, 3), 0.5, np.float32), "OPEN_EXR")
    assert bpy.ops.nextgenface.relight(filepath=str(tmp_path / "studio.exr")) == {"FINISHED"}
    world = add_on.world
    assert world.name == "studio"
    picture = next(node.image for node in world.node_tree.nodes if node.type == "TEX_ENVIRONMENT")
    assert picture.packed_file
    assert picture.colorspace_settings.name == "Linear Rec.709"
    part_of(built, "light 0").nextgenface.angle = 1.0
    assert part_of(built, "light 0").nextgenface.angle == 1.0
    assert bpy.ops.nextgenface.photo_light(person="Face") == {"FINISHED"}
    assert add_on.world == part_of(built, "light 0")
    assert add_on.world.nextgenface.angle == 0
    bpy.ops.nextgenface.remove_person(person="Face")
    assert "studio" in bpy.data.worlds, "a light that a person chose is theirs"


def test_relight_by_what_is_no_picture_changes_nothing(add_on, built, tmp_path):
    (tmp_path / "broken.exr").write_text("no picture", encoding="utf-8")
    before = snapshot(add_on)
    for name in ("broken.exr", "missing.exr"):
        with pytest.raises(RuntimeError, match="no picture that Blender can read"):
            bpy.ops.nextgenface.relight(filepath=str(tmp_path / name))
    assert snapshot(add_on) == before
