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
    # Paths on somebody's machine, and their consent, have no place in a file that is passed on.
    hidden = {"landmark_model_file", "face_model_folder", "fan_model_folder", "allow_downloads"}
    assert set(FIELDS) - shown == hidden


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
        ("checkpoints = False", {"checkpoints": False}),
        ("device = 'cuda'", {"device": "cuda"}),
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
    "line",
    [
        "seed",
        "seed = four",
        "seed = 4.5",
        "sead = 4",
        "seed = -1",
        "device = 'cpu",
        "device = 'cpu' gpu",
        "= 4",
        "checkpoints = 1",
    ],
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


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("fit_sise = 512", "Did you mean fit_size"),
        ("texturResolution = 512", "Did you mean textureResolution"),
        ("zzz = 1", "The settings are: "),
    ],
)
def test_a_misspelt_name_is_answered_with_the_likely_one(line, remedy):
    with pytest.raises(SettingsError) as caught:
        presets.load(None, [line])
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize(("width", "height"), [(512, 512), (600, 400), (300, 900)])
def test_a_focal_length_over_the_longer_side_means_the_same_in_photos_of_all_shapes(width, height):
    np = pytest.importorskip("numpy")
    from nextgenface.engine.fit.observations import FaceObservation, given_focal_mm

    none = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    millimetres = given_focal_mm(Settings(focal_length_ratio=2.5), width, height)
    pixels = millimetres * FaceObservation(*none, width, height).pixels_per_35mm
    assert pixels == pytest.approx(2.5 * max(width, height))
    assert given_focal_mm(Settings(focal_length_ratio=2.5, focal_length_mm=35.0), width, height) == 35.0
    assert given_focal_mm(Settings(), width, height) == 0.0


def test_settings_are_written_as_they_are_read(tmp_path):
    values = {"seed": 5, "light_weight": 0.1, "checkpoints": False, "face_model_folder": "/it's # \\ here", "bands": 9}
    file = tmp_path / "a.ini"
    file.write_text(presets.config_text(values, "Mine: for tests"), "utf-8")
    assert presets.read_config(file) == {name: value for name, value in values.items() if name != "bands"}
    with pytest.raises(SettingsError, match="face_model_folder"):
        presets.config_text({"face_model_folder": "'\""}, "Mine")
