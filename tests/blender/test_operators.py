"""The way a person goes, in background mode: button, worker, head; and every way it can go wrong."""

from __future__ import annotations

import os
import time
from pathlib import Path

import bpy
import pytest
from nextgenface.operators import reconstruct
from nextgenface.operators.session import Phase, session
from nextgenface.properties import places
from nextgenface.properties.settings import chosen_photos, engine_settings
from snapshots import snapshot

pytestmark = [pytest.mark.blender, pytest.mark.usefixtures("fresh_session")]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_photo_becomes_a_head(add_on, photo, tmp_path):
    before = snapshot(add_on)
    add_on.nextgenface.photo = str(photo())
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    assert session.status.phase is Phase.DONE
    assert "Stand-in" in bpy.data.collections
    assert snapshot(add_on) != before
    assert (tmp_path / "results" / "portrait" / "result.json").is_file()
    assert session.status.warnings == ["This is the stand-in engine."]
    assert session.status.in_the_way == ["Mine"], "an empty mesh at the origin stands inside the head"


def add_photos(*paths):
    files = [{"name": path.name} for path in paths]
    return bpy.ops.nextgenface.add_photos(directory=str(paths[0].parent), files=files)


def test_photos_are_added_once_and_taken_off(add_on, photo):
    paths = [photo(name) for name in ("a", "b", "c")]
    assert add_photos(*paths) == {"FINISHED"}
    assert add_photos(paths[1]) == {"CANCELLED"}, "nothing to undo"
    assert chosen_photos(add_on.nextgenface) == paths
    assert add_on.nextgenface.photo == str(paths[0])
    assert bpy.ops.nextgenface.remove_photo(index=1) == {"FINISHED"}
    assert chosen_photos(add_on.nextgenface) == [paths[0], paths[2]]
    assert bpy.ops.nextgenface.remove_photo(index=5) == {"CANCELLED"}


def test_photos_of_one_person_become_one_head_with_a_camera_each(add_on, photo, tmp_path):
    add_photos(photo("a"), photo("b"))
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    assert [collection.name for collection in bpy.data.collections] == ["Stand-in"]
    built = bpy.data.collections["Stand-in"]
    assert [item.name for item in built.objects if item.type == "CAMERA"] == ["Stand-in Camera", "Stand-in Camera 2"]
    keys = bpy.data.objects["Stand-in Head"].data.shape_keys.key_blocks
    assert (keys["Expression photo_0"].value, keys["Expression photo_1"].value) == (1.0, 0.0)
    assert add_on.world.name == "Stand-in Light"
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["a"]


def test_a_bad_photo_of_one_person_ends_the_job(add_on, photo):
    before = snapshot(add_on)
    add_photos(photo("fails"), photo("b"))
    with pytest.raises(RuntimeError, match="No face was found"):
        bpy.ops.nextgenface.reconstruct()
    assert not bpy.data.collections
    add_on.nextgenface.photo = ""
    add_on.nextgenface.more_photos.clear()
    assert snapshot(add_on) == before


def test_different_people_are_built_one_after_the_other_and_bad_photos_skipped(add_on, photo, tmp_path):
    add_photos(photo("anna"), photo("fails"), photo("missing"), photo("zoe"), photo("dies"))
    (tmp_path / "missing.png").unlink()
    add_on.nextgenface.people = "SEVERAL"
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    assert sorted(path.name for path in (tmp_path / "results").iterdir()) == ["anna", "zoe"]
    first, second = (bpy.data.collections[name] for name in ("Stand-in", "Stand-in.001"))
    assert first.hide_render and first.hide_viewport, "both stand at the same place"
    assert not second.hide_render
    assert add_on.camera.name in second.objects
    status = session.status
    assert (status.phase, status.summary) == (Phase.DONE, "2 of 5 reconstructed")
    assert Path(status.result).parent.name == "zoe"
    skipped = [line for line in status.warnings if line.startswith("Skipped")]
    assert [line.split(":")[0] for line in skipped] == ["Skipped fails.png", "Skipped missing.png", "Skipped dies.png"]
    assert "Stand-in Head" not in status.in_the_way


def test_different_people_of_whom_none_works_are_an_error(add_on, photo, tmp_path):
    add_photos(photo("fails"), photo("missing"))
    (tmp_path / "missing.png").unlink()
    add_on.nextgenface.people = "SEVERAL"
    with pytest.raises(RuntimeError, match="0 of 2"):
        bpy.ops.nextgenface.reconstruct()
    assert session.status.phase is Phase.FAILED
    assert not bpy.data.collections


def test_one_undo_takes_everything_back(add_on, photo):
    add_on.nextgenface.photo = str(photo())
    bpy.ops.ed.undo_push(message="before")
    before = snapshot(bpy.context.scene)
    assert bpy.ops.nextgenface.reconstruct("EXEC_DEFAULT", True) == {"FINISHED"}
    after = snapshot(bpy.context.scene)
    assert after != before
    bpy.ops.ed.undo()
    assert snapshot(bpy.context.scene) == before
    bpy.ops.ed.redo()
    assert snapshot(bpy.context.scene) == after


def test_the_worker_stays_warm(add_on, photo):
    add_on.nextgenface.photo = str(photo())
    bpy.ops.nextgenface.reconstruct()
    first = session._worker.pid
    bpy.ops.nextgenface.reconstruct()
    assert session._worker.pid == first
    assert sorted(collection.name for collection in bpy.data.collections) == ["Stand-in", "Stand-in.001"]


def test_a_job_that_fails_is_told_and_the_next_one_works(add_on, photo):
    before = snapshot(add_on)
    add_on.nextgenface.photo = str(photo("fails"))
    with pytest.raises(RuntimeError, match="No face was found"):
        bpy.ops.nextgenface.reconstruct()
    status = session.status
    assert (status.phase, status.remedy) == (Phase.FAILED, "Choose a photo that shows a face.")
    assert Path(status.log).is_file()
    assert snapshot(add_on) == before
    add_on.nextgenface.photo = str(photo())
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}


@pytest.mark.parametrize("how", ["dies", "leaves", "raises"])
def test_a_worker_that_ends_is_told_and_the_next_job_works(add_on, photo, tmp_path, how):
    before = snapshot(add_on)
    add_on.nextgenface.photo = str(photo(how))
    with pytest.raises(RuntimeError):
        bpy.ops.nextgenface.reconstruct()
    assert session.status.phase is Phase.FAILED
    assert session.status.message
    assert snapshot(add_on) == before
    assert not list((tmp_path / "results").rglob("*.json"))
    add_on.nextgenface.photo = str(photo())
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}


def test_a_build_that_fails_leaves_the_scene(add_on, photo, monkeypatch):
    before = snapshot(add_on)

    def broken(*_):
        raise RuntimeError("on purpose")

    monkeypatch.setattr(reconstruct, "build_result", broken)
    add_on.nextgenface.photo = str(photo())
    with pytest.raises(RuntimeError, match="could not be built"):
        bpy.ops.nextgenface.reconstruct()
    assert session.status.phase is Phase.FAILED
    assert snapshot(add_on) == before


def test_bad_choices_are_told_before_a_worker_starts(add_on, photo, monkeypatch, tmp_path):
    add_on.nextgenface.photo = str(tmp_path / "none.png")
    with pytest.raises(RuntimeError, match="no photo"):
        bpy.ops.nextgenface.reconstruct()
    add_on.nextgenface.photo = str(photo())
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", str(tmp_path / "python"))
    with pytest.raises(RuntimeError, match="no Python"):
        bpy.ops.nextgenface.reconstruct()
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", "")
    with pytest.raises(RuntimeError, match="not set up"):
        bpy.ops.nextgenface.reconstruct()
    assert session._worker is None
    add_on.nextgenface.photo = ""
    assert not bpy.ops.nextgenface.reconstruct.poll()


def test_an_output_that_is_a_file_is_told(add_on, photo, tmp_path):
    (tmp_path / "results").write_text("in the way", encoding="utf-8")
    add_on.nextgenface.photo = str(photo())
    with pytest.raises(RuntimeError, match="results' is a file"):
        bpy.ops.nextgenface.reconstruct()
    assert session._worker is None


def started(add_on, photo):
    """A job that is under way, as the modal operator leaves it; returns its worker."""
    add_on.nextgenface.photo = str(photo)
    reconstruct.start_job(bpy.context, add_on)
    while session.status.stage != "stage2":
        assert session.wait(20), "the worker says nothing"
    return session._worker


def test_only_one_job_at_a_time(add_on, photo):
    worker = started(add_on, photo("slow"))
    assert not bpy.ops.nextgenface.reconstruct.poll()
    assert not bpy.ops.nextgenface.check_engine.poll()
    with pytest.raises(RuntimeError, match="is being reconstructed"):
        bpy.ops.nextgenface.reconstruct()
    assert session._worker is worker


def test_cancel(add_on, photo):
    before = snapshot(add_on)
    worker = started(add_on, photo("slow"))
    assert bpy.ops.nextgenface.cancel() == {"FINISHED"}
    assert not bpy.ops.nextgenface.cancel.poll(), "once is enough"
    while session.is_active:
        assert session.wait(20), "the worker says nothing"
    assert session.status.phase is Phase.CANCELLED
    assert snapshot(add_on) == before
    assert worker.is_alive, "a job that obeys leaves the worker warm"


def test_opening_another_file_ends_the_job(add_on, photo, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"))
    started(add_on, photo("slow"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    assert session.status.phase is Phase.CANCELLED
    assert "another file" in session.status.message
    assert "Stand-in" not in bpy.data.collections
    bpy.context.scene.nextgenface.photo = str(photo())
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}, "the old job is not in the way"


def test_the_result_of_an_ended_job_is_not_built(add_on, photo):
    """Done may already be on its way when the file is changed."""
    add_on.nextgenface.photo = str(photo())
    reconstruct.start_job(bpy.context, add_on)
    session.abandon("Another file.", "")
    deadline = time.monotonic() + 20
    while session._worker.is_busy:
        assert time.monotonic() < deadline
        session.wait(0.1)
    session.pump()
    assert session.status.phase is Phase.CANCELLED
    assert "Stand-in" not in bpy.data.collections


def test_disabling_the_add_on_ends_the_worker(add_on, photo):
    import nextgenface

    worker = started(add_on, photo("slow"))
    nextgenface.unregister()
    assert not is_running(worker.pid)
    assert not hasattr(bpy.types.Scene, "nextgenface")
    nextgenface.register()


def test_registering_twice_leaves_one_handler(add_on):
    import nextgenface

    for _ in range(2):
        nextgenface.unregister()
        nextgenface.register()
    names = [handler.__name__ for handler in bpy.app.handlers.load_pre if "nextgenface" in handler.__module__]
    assert names == ["on_load"]


def test_status_is_never_saved(add_on, photo, tmp_path):
    started(add_on, photo("slow"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    session.close()
    session.forget()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert session.status.phase is Phase.IDLE


def test_settings_reach_the_engine(add_on):
    chosen = add_on.nextgenface
    assert engine_settings(chosen)["texture_size"] == 1024
    chosen.preset = "high"
    assert engine_settings(chosen)["texture_size"] == 2048
    assert engine_settings(chosen)["fit_size"] == 1024
    chosen.texture_size = "512"
    assert engine_settings(chosen)["texture_size"] == 512


def test_hide_what_is_in_the_way(add_on, photo):
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT"))
    far = bpy.data.objects.new("Far", bpy.data.meshes.new("Far"))
    far.location = (50, 0, 0)
    for item in (lamp, far):
        add_on.collection.objects.link(item)
    add_on.nextgenface.photo = str(photo())
    bpy.ops.nextgenface.reconstruct()
    assert sorted(session.status.in_the_way) == ["Lamp", "Mine"]
    bpy.ops.nextgenface.isolate()
    assert [bpy.data.objects[name].hide_render for name in ("Lamp", "Mine", "Far")] == [True, True, False]


def test_check_engine_reports(add_on):
    assert bpy.ops.nextgenface.check_engine() == {"FINISHED"}
    assert session.check.ok in (True, False)
    assert any(line["name"] == "numpy" for line in session.check.lines)


def test_setting_up_needs_permission_to_go_online(add_on):
    assert not bpy.app.online_access
    assert not bpy.ops.nextgenface.setup_engine.poll()


def test_setting_up_from_a_folder_needs_no_permission(add_on, monkeypatch, tmp_path):
    monkeypatch.setenv(places.PACKAGES_VARIABLE, str(tmp_path))
    assert bpy.ops.nextgenface.setup_engine.poll()
