"""Settings cross the border once and are checked there; configuration files name the line that is wrong."""

import dataclasses

import pytest
from nextgenface.engine import presets
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.settings import Settings

FIELDS = {item.name: item for item in dataclasses.fields(Settings)}


def test_settings_come_back_from_plain_values():
    settings = Settings(seed=5, device="cpu", focal_length_mm=50.0)
    assert Settings.from_dict(settings.to_dict()) == settings
    assert Settings.from_dict({}) == Settings()


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_documented_and_its_default_lies_within_its_limits(name):
    item = FIELDS[name]
    assert item.metadata["doc"]
    low, high = item.metadata["low"], item.metadata["high"]
    if isinstance(item.default, bool):
        with pytest.raises(SettingsError):
            Settings.from_dict({name: 1})
    elif isinstance(item.default, int | float):
        assert low <= item.default <= high
        with pytest.raises(SettingsError):
            Settings.from_dict({name: type(item.default)(high * 2 + 1)})
        with pytest.raises(SettingsError):
            Settings.from_dict({name: type(item.default)(low - 1)})
    elif item.metadata["choices"]:
        assert item.default in item.metadata["choices"]
        with pytest.raises(SettingsError):
            Settings.from_dict({name: "nothing"})


@pytest.mark.parametrize(
    "values",
    [
        {"sead": 1},
        {"seed": 1.5},
        {"seed": "1"},
        {"seed": True},
        {"seed": None},
        {"light_weight": float("nan")},
        {"device": 1},
    ],
)
def test_wrong_values_are_refused_with_a_sentence_and_a_remedy(values):
    with pytest.raises(SettingsError) as caught:
        Settings.from_dict(values)
    assert next(iter(values)) in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("name", presets.preset_names())
def test_every_preset_loads_and_only_the_default_changes_nothing(name):
    settings = Settings.from_dict(presets.read_preset(name))
    assert (settings == Settings()) == (name == presets.DEFAULT_PRESET)


def test_the_presets_are_those_that_the_panel_offers():
    assert presets.preset_names() == ["default", "draft", "high", "shadows"]


def test_the_default_file_shows_every_setting_that_has_a_place_in_it():
    shown = set(presets.read_preset("default"))
    # A path on somebody's machine has no place in a file that is passed on.
    assert set(FIELDS) - shown == {"landmark_model_file", "face_model_folder"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("seed = 4", {"seed": 4}),
        ("  seed=4   # four", {"seed": 4}),
        ("device = 'cpu'", {"device": "cpu"}),
        ('device = "cpu" # here', {"device": "cpu"}),
        ("landmark_model_file = 'a # b.task'", {"landmark_model_file": "a # b.task"}),
        ("landmark_model_file = a#b.task", {"landmark_model_file": "a#b.task"}),
        ("landmark_model_file =", {"landmark_model_file": ""}),
        ("light_weight = 1e-3", {"light_weight": 1e-3}),
        ("[anything] # a section", {}),
        ("# seed = 4", {}),
        ("", {}),
    ],
)
def test_a_line_of_a_configuration(tmp_path, line, value):
    file = tmp_path / "a.ini"
    file.write_text(f"\ufeff{line}\r\n", "utf-8")
    assert presets.read_config(file) == value


@pytest.mark.parametrize(
    "line", ["seed", "seed = four", "seed = 4.5", "sead = 4", "seed = -1", "device = 'cpu", "device = 'cpu' gpu", "= 4"]
)
def test_a_wrong_line_is_named_by_its_number(tmp_path, line):
    file = tmp_path / "a.ini"
    file.write_text(f"# comment\nseed = 1\n{line}\n")
    with pytest.raises(SettingsError, match=r"Line 3 of .*a\.ini") as caught:
        presets.read_config(file)
    assert caught.value.remedy


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path):
    (tmp_path / "a.ini").write_bytes(b"\xff\xfe\x00\x80")
    for name in ("a.ini", "b.ini"):
        with pytest.raises(SettingsError, match="cannot be read"):
            presets.read_config(tmp_path / name)
