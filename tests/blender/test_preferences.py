"""The preferences: what they draw, clear, open and copy, and FAN in the set-up."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import MagicMock

import bpy
import pytest
from nextgenface.operators import engine as engine_operators
from nextgenface.operators import preferences_caches, preferences_folders, preferences_report
from nextgenface.operators.engine_setup import COMPLETE, EngineSetup, Source, fan_steps, steps
from nextgenface.operators.session import session
from nextgenface.panels import export, face, preferences
from nextgenface.properties import places

pytestmark = pytest.mark.blender

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    """Nothing of the person's own is touched, and no job is left over."""
    session.close()
    session.forget()
    monkeypatch.setenv("NEXTGENFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(places, "user_folder", lambda name: tmp_path / "user" / name)
    preferences_caches._Sizes.when = -100.0
    yield
    session.close()
    session.forget()
    engine_operators.setup.current = None


class Clipboard:
    """A context whose clipboard can be looked at: a system without a screen has none."""

    def __init__(self):
        self.window_manager = MagicMock()

    def __getattr__(self, name):
        return getattr(bpy.context, name)


def drawn(draw):
    """All that ``draw`` puts into a layout, and that each operator which it names is there."""
    layout = MagicMock()
    for item in (layout, *(getattr(layout, name).return_value for name in ("row", "column", "box"))):
        item.panel.return_value = (layout.header, layout)
        for name in ("row", "column", "box"):
            getattr(item, name).return_value = layout
    draw(layout)
    calls = [(str(call[0]).rpartition(".")[2], call[1], call[2]) for call in layout.mock_calls]
    operators = [args[0] for name, args, _ in calls if name == "operator"]
    for name in operators:
        group, _, plain = name.partition(".")
        assert getattr(getattr(bpy.ops, group), plain).get_rna_type()
    labels = [more.get("text", "") for name, _, more in calls if name == "label"]
    return operators, labels


def test_the_page_is_drawn_whole(add_on, monkeypatch):
    page = type("Page", (), {"draw": preferences.NEXTGENFACE_AP_preferences.draw})()

    def draw(layout):
        page.layout = layout
        page.draw(bpy.context)

    operators, labels = drawn(draw)
    assert {"nextgenface.setup_engine", "nextgenface.check_engine", "nextgenface.copy_report"} <= set(operators)
    assert operators.count("nextgenface.clear_cache") == 6
    assert operators.count("wm.url_open") == 5
    assert any("Basel Face Model 2017" in label for label in labels)
    assert any(label.startswith("Logs: ") for label in labels)
    monkeypatch.setattr(session.check, "lines", [{"name": "CUDA", "ok": True, "detail": "fine", "remedy": ""}])
    assert any("CUDA: fine" in label for label in drawn(draw)[1])


def test_a_long_path_that_was_checked_is_seen_from_both_ends(add_on, monkeypatch):
    name = f"LLVM /home/anna/{'deep/' * 30}lib/libLLVM.so.19"
    monkeypatch.setattr(session.check, "lines", [{"name": name, "ok": True, "detail": "compiles", "remedy": ""}])
    _, labels = drawn(lambda layout: preferences._draw_check(layout, bpy.context))
    told = "".join(labels).replace(" ", "")
    assert told.startswith("LLVM/home/anna/") and told.endswith("/lib/libLLVM.so.19:compiles")
    assert len(told) <= 90


@pytest.mark.parametrize("outdated", [True, False])
def test_an_engine_that_lacks_packages_is_told_in_the_preferences_and_the_sidebar(add_on, monkeypatch, outdated):
    monkeypatch.setattr(preferences, "is_outdated", lambda _: outdated)
    monkeypatch.setattr(face, "is_outdated", lambda _: outdated)
    for draw in (preferences.draw_engine, face._draw_photo):
        operators, labels = drawn(lambda layout, draw=draw: draw(layout, bpy.context))
        assert (preferences.OUTDATED in " ".join(labels)) == outdated
        assert ("nextgenface.setup_engine" in operators) == (outdated or draw is preferences.draw_engine)


def test_a_wrong_index_is_told_below_its_field(add_on):
    own = bpy.context.preferences.addons["nextgenface"].preferences
    for address, told in (("http://packages.example", True), ("https://packages.example", False)):
        own.torch_index = address
        _, labels = drawn(lambda layout: preferences._draw_engine_and_fan(layout, bpy.context))
        assert ("The PyTorch Index must be a whole address" in " ".join(labels)) == told


def test_the_export_panel_is_drawn(add_on):
    panel = type("Panel", (), {"draw": export.NEXTGENFACE_PT_export.draw})()

    def draw(layout):
        panel.layout = layout
        panel.draw(bpy.context)

    operators, labels = drawn(draw)
    assert len(operators) == 5
    assert labels == ["No head is selected"]


def test_a_cache_is_cleared(add_on, tmp_path):
    models = tmp_path / "cache" / "models"
    models.mkdir(parents=True)
    (models / "a.npz").write_bytes(bytes(100))
    assert {cache.name: size for cache, size in preferences_caches.measured()}["models"] == 100
    assert bpy.ops.nextgenface.clear_cache(which="models") == {"FINISHED"}
    assert not models.exists()
    assert {cache.name: size for cache, size in preferences_caches.measured()}["models"] == 0


def test_nothing_is_cleared_while_a_face_is_reconstructed(add_on, monkeypatch):
    monkeypatch.setattr(type(session), "is_active", True)
    assert not bpy.ops.nextgenface.clear_cache.poll()


def test_a_folder_is_made_and_opened(add_on, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(preferences_folders, "open_in_system", opened.append)
    folder = tmp_path / "new" / "folder"
    assert bpy.ops.nextgenface.open_folder(path=str(folder)) == {"FINISHED"}
    assert folder.is_dir()
    assert opened == [str(folder)]
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="cannot be made"):
        bpy.ops.nextgenface.open_folder(path=str(tmp_path / "file" / "x"))


def test_the_report_tells_of_the_last_job_and_hides_whose_it_is(add_on, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("USER", "wilhelmine")
    path = photo("fails")
    path = path.rename(tmp_path / "fails.png")
    folder = tmp_path / "Wilhelmine Meyer"
    folder.mkdir()
    path = path.rename(folder / "fails.png")
    add_on.nextgenface.photo = str(path)
    add_on.nextgenface.advanced.seed = 7
    with pytest.raises(RuntimeError, match="No face was found"):
        bpy.ops.nextgenface.reconstruct()
    text = preferences_report.report_of_now(bpy.context)
    assert text.startswith("NextGenFace: 0.1.0\nBlender: ")
    assert "* state: failed" in text
    assert "* message: No face was found in" in text
    assert "* remedy: Choose a photo that shows a face." in text
    assert "* seed = 7" in text
    assert "PhotoError" in text, "the log's end"
    assert "<add-on>/engine/" in text, "places in the program stay"
    for secret in ("wilhelmine", "meyer", "fails.png", str(tmp_path), str(ROOT)):
        assert secret.lower() not in text.lower(), secret


def test_the_report_is_copied(add_on):
    context, operator = Clipboard(), MagicMock()
    assert preferences_report.NEXTGENFACE_OT_copy_report.execute(operator, context) == {"FINISHED"}
    assert context.window_manager.clipboard == preferences_report.report_of_now(bpy.context)


def test_a_report_can_be_made_whatever_is_wrong(add_on, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", "")
    add_on.nextgenface.preset = "FILE"
    text = preferences_report.report_of_now(bpy.context)
    assert "Engine: not set up" in text
    assert "No settings file is chosen" in text


def test_the_set_up_takes_fan_too_where_it_is_wanted():
    python = Path(sys.executable)
    source = Source(Path("packages"), False)
    plain = steps(python, Path("engine"), python, ROOT / "wheels", source)
    more = steps(python, Path("engine"), python, ROOT / "wheels", source, with_fan=True)
    assert more[: len(plain)] == plain
    ((title, command),) = more[len(plain) :]
    assert title == "Installing FAN"
    assert command[-2:] == ["--lists", "fan"]


@pytest.mark.parametrize(("code", "good"), [("pass", True), ("raise SystemExit(1)", False)])
def test_what_is_added_leaves_a_whole_engine_as_it_is(tmp_path, code, good):
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / COMPLETE).write_text("stamp", "utf-8")
    setup = EngineSetup([("Adding", [sys.executable, "-c", code])], folder, tmp_path / "log", adds=True)
    setup.start()
    setup.join(20)
    assert setup.ok == good
    assert (folder / COMPLETE).read_text("utf-8") == "stamp"


def test_fan_is_added_only_to_the_private_engine(add_on, monkeypatch):
    monkeypatch.setattr(engine_operators, "engine_folder", places.engine_folder)
    monkeypatch.setattr(engine_operators.NEXTGENFACE_OT_add_fan, "poll", classmethod(lambda *_: True))
    operator = MagicMock()
    assert not engine_operators.NEXTGENFACE_OT_add_fan.begin(operator, bpy.context)
    assert "not set up yet" in operator.report.call_args[0][1]
    assert fan_steps(Path("python"), ROOT / "wheels", Source(Path("packages"), False))
