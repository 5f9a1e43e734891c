"""Every setting of the engine in the sidebar: what is set there is what the engine gets, and a preset shows itself there."""

from __future__ import annotations

import bpy
import pytest
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.presets import preset_names, read_preset
from nextgenface.engine.setting_groups import heading_of, short_label_of
from nextgenface.engine.settings import Settings
from nextgenface.operators.session import session
from nextgenface.panels import engine_settings as panels
from nextgenface.properties.engine_settings import FIELDS, overrides
from nextgenface.properties.settings import engine_settings

pytestmark = pytest.mark.blender
DEFAULTS = Settings().to_dict()
# Letters that are seen left of a value, at the width that the sidebar has at first.
SEEN = 14


@pytest.fixture
def chosen(add_on):
    return add_on.nextgenface


def _other(item):
    """A value that is not the default."""
    if isinstance(item.default, bool):
        return not item.default
    if item.metadata["choices"]:
        return item.metadata["choices"][-1]
    if isinstance(item.default, str):
        return "/somewhere"
    low, high = item.metadata["low"], item.metadata["high"]
    return type(item.default)(high if item.default == low else low)


@pytest.mark.parametrize("item", FIELDS.values(), ids=lambda item: item.name)
def test_each_setting_reaches_the_engine_and_no_other_does(chosen, item):
    setattr(chosen.advanced, item.name, _other(item))
    assert getattr(chosen.advanced, item.name) == _other(item)
    assert engine_settings(chosen) == DEFAULTS | {item.name: _other(item)}
    assert list(overrides(chosen)) == [item.name]


@pytest.mark.parametrize("item", FIELDS.values(), ids=lambda item: item.name)
def test_each_has_its_tooltip_and_its_limits(chosen, item):
    shown = chosen.advanced.bl_rna.properties[item.name]
    assert shown.description == item.metadata["doc"]
    assert shown.name
    if item.metadata["choices"]:
        assert [choice.identifier for choice in shown.enum_items] == list(item.metadata["choices"])
    elif item.metadata["low"] is not None:
        assert shown.hard_min == pytest.approx(item.metadata["low"])
        assert shown.hard_max == pytest.approx(item.metadata["high"])
        setattr(chosen.advanced, item.name, type(item.default)(item.metadata["low"]) - 1)
        assert engine_settings(chosen)[item.name] == item.metadata["low"], "a script is held to the limits too"


def test_every_setting_is_in_one_panel():
    drawn = [name for panel in panels.CLASSES[1:] for name in panel.names]
    assert sorted([*drawn, *panels._ELSEWHERE]) == sorted(FIELDS)


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_shows_its_values_until_they_are_changed(chosen, preset):
    chosen.preset = preset
    expected = DEFAULTS | read_preset(preset)
    assert {name: getattr(chosen.advanced, name) for name in FIELDS} == pytest.approx(expected)
    chosen.advanced.fit_size = 300
    assert engine_settings(chosen) == expected | {"fit_size": 300}
    chosen.preset = "draft"
    assert engine_settings(chosen)["fit_size"] == 300, "a change outlives the preset"
    assert bpy.ops.nextgenface.reset_settings() == {"FINISHED"}
    assert engine_settings(chosen) == DEFAULTS | read_preset("draft")
    assert not bpy.ops.nextgenface.reset_settings.poll()


def test_a_float_stays_what_was_typed(chosen):
    chosen.advanced.light_weight = 0.1
    assert engine_settings(chosen)["light_weight"] == 0.1


def test_a_file_of_the_reference_program_can_be_chosen(chosen, photo, tmp_path):
    file = tmp_path / "optimConfig.ini"
    file.write_text("device = 'cuda'\nmaxResolution = 256 # pixels\nweightLandmarksLossStep3 = 0.001\n")
    chosen.preset, chosen.config_file = "FILE", str(file)
    assert chosen.advanced.fit_size == 256
    assert engine_settings(chosen) == DEFAULTS | {"fit_size": 256}
    chosen.photo = str(photo())
    assert bpy.ops.nextgenface.reconstruct() == {"FINISHED"}
    assert [warning.split()[0] for warning in session.status.warnings[:2]] == ["device", "weightLandmarksLossStep3"]


def test_a_file_is_read_again_when_it_has_changed(chosen, tmp_path):
    file = tmp_path / "a.ini"
    file.write_text("fit_size = 256\n")
    chosen.preset, chosen.config_file = "FILE", str(file)
    assert chosen.advanced.fit_size == 256
    file.write_text("fit_size = 1024\n")
    assert chosen.advanced.fit_size == 1024


@pytest.mark.parametrize("text", ["maxResolutoin = 256\n", None, ""])
def test_a_file_of_no_use_is_told_and_the_panel_still_draws(chosen, photo, tmp_path, text):
    file = tmp_path / "a.ini"
    if text is not None:
        file.write_text(text)
    chosen.preset, chosen.config_file = "FILE", str(file) if text != "" else ""
    assert chosen.advanced.fit_size == DEFAULTS["fit_size"]
    with pytest.raises(SettingsError) as caught:
        engine_settings(chosen)
    chosen.photo = str(photo())
    with pytest.raises(RuntimeError, match=caught.value.message.split("'")[0]):
        bpy.ops.nextgenface.reconstruct()


def test_changes_are_saved_with_the_file(chosen, tmp_path):
    chosen.advanced.stage2_iterations = 7
    path = str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert engine_settings(bpy.context.scene.nextgenface)["stage2_iterations"] == 7


class Layout:
    """Takes what a panel draws, as `bpy.types.UILayout` does; a property that is not there is an error."""

    def __init__(self, drawn=None):
        self.drawn = [] if drawn is None else drawn

    def row(self, **_):
        return Layout(self.drawn)

    column = row

    def prop(self, data, name, **_):
        getattr(data, name)
        self.drawn.append(name)

    def label(self, text="", icon="NONE"):
        self.drawn.append(text or icon)

    def operator(self, name, **_):
        self.drawn.append(name)


class Drawn:
    """A panel's self."""

    def __init__(self):
        self.layout = Layout()


def test_the_panels_draw_every_setting_and_mark_what_was_changed(chosen):
    chosen.advanced.bands = 3
    seen = []
    for panel in panels.CLASSES:
        drawn = Drawn()
        panel.draw(drawn, bpy.context)
        seen += drawn.layout.drawn
    assert [name for name in FIELDS if name not in seen] == list(panels._ELSEWHERE)
    assert "1 changed" in seen
    assert seen[seen.index("bands") + 1] == "DOT"
    assert seen.count("DOT") == 1


def test_no_name_is_cut_off_beside_its_value(add_on):
    known = add_on.nextgenface.advanced.bl_rna.properties
    beside = [name for name in FIELDS if known[name].type != "BOOLEAN" and name not in panels._ELSEWHERE]
    assert not [name for name in beside if len(short_label_of(name)) > SEEN]


@pytest.mark.parametrize("panel", panels.CLASSES[1:], ids=lambda panel: panel.bl_label)
def test_no_two_settings_of_a_panel_have_one_name(panel):
    heading, told = "", []
    for name in panel.names:
        heading = heading_of(name) or heading
        told.append((heading, short_label_of(name)))
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("runs", [True, False])
def test_they_are_grey_while_a_job_runs(add_on, monkeypatch, runs):
    monkeypatch.setattr(type(session), "is_active", runs)
    drawn = Drawn()
    panels.CLASSES[1].draw(drawn, bpy.context)
    assert drawn.layout.enabled is not runs


def test_the_panel_tells_what_is_wrong_with_a_file(chosen, tmp_path):
    chosen.preset, chosen.config_file = "FILE", str(tmp_path / "missing.ini")
    drawn = Drawn()
    panels.NEXTGENFACE_PT_advanced.draw(drawn, bpy.context)
    assert "cannot be" in " ".join(drawn.layout.drawn)


def test_every_choice_has_a_name_and_a_tooltip(add_on):
    known = add_on.nextgenface.advanced.bl_rna.properties
    enums = [known[name] for name in FIELDS if known[name].type == "ENUM"]
    assert enums and all(item.name and item.description for enum in enums for item in enum.enum_items)
    assert [item.name for item in known["face_model"].enum_items] == ["Bundled Head", "BFM 2017", "ICT-FaceKit"]


def test_a_unit_that_blender_shows_is_not_in_the_name(add_on):
    focal = add_on.nextgenface.advanced.bl_rna.properties["focal_length_mm"]
    assert (focal.name, focal.subtype) == ("Focal Length", "DISTANCE_CAMERA")
