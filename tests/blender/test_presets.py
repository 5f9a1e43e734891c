"""Presets: those that come along, the user's own, and what is made of them when they are saved and deleted."""

from __future__ import annotations

import bpy
import pytest
from nextgenface.engine.presets import load, read_preset
from nextgenface.engine.settings import Settings
from nextgenface.panels.presets import NEXTGENFACE_MT_presets
from nextgenface.properties import presets
from nextgenface.properties.settings import engine_settings

pytestmark = pytest.mark.blender
DEFAULTS = Settings().to_dict()


@pytest.fixture
def chosen(add_on, monkeypatch, tmp_path):
    monkeypatch.setattr(presets, "user_folder", lambda name: tmp_path / "user" / name)
    return add_on.nextgenface


def change(chosen):
    """Some of every kind; what the engine then gets."""
    chosen.preset, chosen.texture_size = "draft", "2048"
    chosen.advanced.light_weight, chosen.advanced.checkpoints = 0.1, False
    chosen.advanced.face_model_folder = "/models/it's # here"
    return engine_settings(chosen)


def test_a_preset_of_ones_own_brings_everything_back_and_the_shell_reads_it(chosen, tmp_path):
    before = change(chosen)
    assert bpy.ops.nextgenface.save_preset(name="My Look") == {"FINISHED"}
    assert presets.preset_label(chosen) == "My Look" and engine_settings(chosen) == before
    assert not chosen.advanced.changed and chosen.texture_size == "PRESET"
    file = tmp_path / "user" / "presets" / "My Look.ini"
    assert Settings.from_dict(load(file).values).to_dict() == before
    assert bpy.ops.nextgenface.use_preset(name="default") == {"FINISHED"}
    assert engine_settings(chosen) == DEFAULTS and presets.preset_label(chosen) == "Default"
    bpy.ops.nextgenface.use_preset(name="My Look", own=True)
    assert engine_settings(chosen) == before


def test_saving_again_replaces_it(chosen):
    bpy.ops.nextgenface.save_preset(name="Mine")
    chosen.advanced.fit_size = 300
    bpy.ops.nextgenface.save_preset(name="Mine")
    assert list(presets.own_presets()) == ["Mine"]
    bpy.ops.nextgenface.reset_settings.poll()
    assert engine_settings(chosen) == DEFAULTS | {"fit_size": 300}


def test_consent_to_downloads_is_not_saved_and_not_lost(chosen):
    chosen.advanced.allow_downloads = True
    bpy.ops.nextgenface.save_preset(name="Mine")
    assert "allow_downloads" not in load(presets.own_presets()["Mine"]).values
    assert engine_settings(chosen)["allow_downloads"] is True


@pytest.mark.parametrize("name", ["", "  ", "a/b", "..", "Draft", "from a file", "x" * 30 + "?"])
def test_names_that_cannot_be_are_told(chosen, tmp_path, name):
    with pytest.raises(RuntimeError, match="another name"):
        bpy.ops.nextgenface.save_preset(name=name)
    assert not (tmp_path / "user").exists()


def test_deleting_leaves_the_settings_as_they_were(chosen):
    before = change(chosen)
    bpy.ops.nextgenface.save_preset(name="Mine")
    assert bpy.ops.nextgenface.delete_preset() == {"FINISHED"}
    assert presets.own_presets() == {} and chosen.preset == "default"
    assert engine_settings(chosen) == before


def test_only_own_presets_can_be_deleted(chosen, tmp_path):
    chosen.preset = "draft"
    assert not bpy.ops.nextgenface.delete_preset.poll()
    (tmp_path / "a.ini").write_text("fit_size = 256\n")
    chosen.preset, chosen.config_file = "FILE", str(tmp_path / "a.ini")
    assert presets.preset_label(chosen) == "From a File"
    with pytest.raises(RuntimeError, match="your own"):
        bpy.ops.nextgenface.delete_preset()


def test_a_preset_that_is_gone_is_told(chosen):
    with pytest.raises(RuntimeError, match="Gone"):
        bpy.ops.nextgenface.use_preset(name="Gone", own=True)


class Layout:
    """Takes the menu's entries."""

    def __init__(self):
        self.entries = []

    def separator(self):
        self.entries.append(None)

    def operator(self, _name, text):
        class Entry:
            label = text

        self.entries.append(Entry())
        return self.entries[-1]


def test_the_menu_has_all_of_them_with_tooltips(chosen):
    bpy.ops.nextgenface.save_preset(name="Mine")

    class Menu:
        layout = Layout()
        _entry = NEXTGENFACE_MT_presets._entry

    NEXTGENFACE_MT_presets.draw(Menu(), bpy.context)
    entries = [entry for entry in Menu.layout.entries if entry]
    assert [entry.label for entry in entries] == ["Default", "Draft", "High", "Shadows", "Mine", "From a File"]
    assert all(entry.tooltip for entry in entries) and entries[4].own
    for entry in entries[:4]:
        bpy.ops.nextgenface.use_preset(name=entry.name)
        assert engine_settings(chosen) == DEFAULTS | read_preset(entry.name)
