"""Files and keys of the reference program: what they mean here, and what is said where they mean nothing."""

import dataclasses
import re

import pytest
from nextgenface.engine import presets
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.reference_config import BASEL_FILES, KEYS
from nextgenface.engine.settings import Settings
from reference_files import FILES, LATER, NEXTFACE

REFERENCE_KEYS = re.findall(
    r"\w+",
    """device lamdmarksDetectorType path textureResolution trimPca bands envMapRes smoothSh saveExr maxResolution
    camFocalLength optimizeFocalLength iterStep1 iterStep2 iterStep3 weightLandmarksLossStep2 weightLandmarksLossStep3
    weightShapeReg weightExpressionReg weightAlbedoReg weightDiffuseSymmetryReg weightDiffuseConsistencyReg
    weightDiffuseSmoothnessReg weightSpecularSymmetryReg weightSpecularConsistencyReg weightSpecularSmoothnessReg
    weightRoughnessSymmetryReg weightRoughnessConsistencyReg weightRoughnessSmoothnessReg debugFrequency
    saveIntermediateStage verbose rtSamples rtTrainingSamples""",
)


def load(tmp_path, text, assignments=()):
    file = tmp_path / "old.ini"
    file.write_text(text, "utf-8")
    return presets.load(file, assignments)


def differing(loaded):
    """The settings that are not the default."""
    before = Settings().to_dict()
    return {name: value for name, value in Settings.from_dict(loaded.values).to_dict().items() if value != before[name]}


def test_every_key_of_the_reference_is_known_and_in_the_test_s_files():
    ours = {item.name for item in dataclasses.fields(Settings)}
    assert [name for name in REFERENCE_KEYS if name not in KEYS and name not in ours] == []
    assert [name for name in REFERENCE_KEYS if f"{name} =" not in NEXTFACE and f"{name}=" not in NEXTFACE] == []
    assert [name for name in KEYS if f"{name} =" not in NEXTFACE + LATER and f"{name}=" not in NEXTFACE] == []


def test_an_old_default_file_is_our_default_but_for_what_it_says_otherwise(tmp_path):
    loaded = load(tmp_path, NEXTFACE)
    assert differing(loaded) == {"texture_size": 512, "render_samples": 500, "roughness_consistency_weight": 0.0}
    assert loaded.values["device"] == "auto", "the reference's files say 'cuda' wherever they come from"
    assert sorted(notice.split()[0] for notice in loaded.notices) == [
        "The",
        "camFocalLength",
        "device",
        "weightLandmarksLossStep3",
    ]


@pytest.mark.parametrize("name", FILES)
def test_old_files_load_unchanged_and_each_notice_is_one_sentence(tmp_path, name):
    loaded = load(tmp_path, FILES[name])
    Settings.from_dict(loaded.values)
    for notice in loaded.notices:
        assert notice.endswith(".")
        assert ". " not in notice.replace("report.json", "")
    assert len(loaded.notices) == len(set(loaded.notices))


def test_the_shadows_file_asks_for_the_symmetry_that_it_asked_for(tmp_path):
    values = load(tmp_path, FILES["shadows.ini"]).values
    weights = [values[f"{name}_symmetry_weight"] for name in ("diffuse", "specular", "roughness")]
    assert weights == [4.0, 1.5, 1.5]
    assert (values["fit_size"], values["device"]) == (256, "cpu")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("textureResolution = 2048", {"texture_size": 2048}),
        ("maxResolution = 768", {"fit_size": 768}),
        ("envMapRes = 128", {"environment_height": 128}),
        ("trimPca = True", {"trim_modes": True}),
        ("lamdmarksDetectorType = 'fan'", {"landmark_detector": "fan"}),
        ("landmarksDetectorType = 'fan'", {"landmark_detector": "fan"}),
        ("iterStep1 = 1000", {"stage1_iterations": 20}),
        ("iterStep1 = 10", {"stage1_iterations": 1}),
        ("iterStep2 = 0", {"stage2_iterations": 0}),
        ("iterStep3 = 50", {"stage3_iterations": 100}),
        ("weightLandmarksLossStep2 = 0.002", {"landmark_weight": 2.0}),
        ("weightShapeReg = 0.0005", {"identity_weight": 0.5}),
        ("weightExpressionReg = 0.01", {"expression_weight": 10.0}),
        ("weightAlbedoReg = 0", {"albedo_weight": 0.0}),
        ("weightDiffuseConsistencyReg = 50", {"diffuse_consistency_weight": 0.5}),
        ("weightDiffuseSmoothnessReg = 0.003", {"diffuse_smoothness_weight": 3.0}),
        ("weightSpecularConsistencyReg = 4", {"specular_consistency_weight": 2.0}),
        ("weightSpecularSmoothnessReg = 0.002", {"specular_smoothness_weight": 2.0}),
        ("weightRoughnessConsistencyReg = 1", {"roughness_consistency_weight": 0.5}),
        ("weightRoughnessSmoothnessReg = 0.004", {"roughness_smoothness_weight": 2.0}),
        ("debugFrequency = 100", {"debug_every": 100}),
        ("saveIntermediateStage = True", {"checkpoints": True}),
        ("saveIntermediateStage = False", {}),
        ("rtSamples = 20000", {"render_samples": 20000}),
        ("rtTrainingSamples = 16", {"transfer_directions": 512}),
        ("verbose = True", {"verbose": True}),
        ("bands = 3", {"bands": 3}),
    ],
)
def test_a_key_keeps_its_meaning(tmp_path, line, expected):
    for loaded in (load(tmp_path, line), presets.load(None, [line])):
        assert loaded.values == expected
        assert loaded.notices == ()


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.no_effect])
def test_a_key_without_effect_says_why_where_something_was_asked_of_it(name):
    key = KEYS[name]
    other = {bool: not key.default, str: "something", int: 7, float: 0.7}[key.kind]
    loaded = presets.load(None, [f"{name} = {other}"])
    assert loaded.values == {}
    assert loaded.notices == (f"{name} has no effect: {key.no_effect}.",)
    assert presets.load(None, [f"{name} = {key.default}"]).notices == (loaded.notices if key.told_always else ())


@pytest.mark.parametrize("name", [name for name, key in KEYS.items() if key.setting])
def test_the_usual_value_of_a_key_is_our_default(name):
    key = KEYS[name]
    loaded = presets.load(None, [f"{name} = {key.usual}"])
    assert loaded.values == {key.setting: Settings().to_dict()[key.setting]}
    assert loaded.notices == ()


@pytest.mark.parametrize(
    "name", [name for name, key in KEYS.items() if key.kind in (int, float)] + ["texture_size", "seed"]
)
def test_a_number_that_no_float_can_hold_is_told(name, tmp_path):
    """400 digits; found by fuzzing."""
    file = tmp_path / "config.ini"
    file.write_text(f"{name} = {'9' * 400}\n", encoding="utf-8")
    with pytest.raises(SettingsError):
        Settings.from_dict(presets.load(file).values)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("textureResolution = 128", "textureResolution = 128 is taken as texture_size = 256,"),
        ("maxResolution = 5000", "maxResolution = 5000 is taken as fit_size = 2048,"),
        ("rtSamples = 1000000", "rtSamples = 1000000 is taken as render_samples = 65536,"),
        ("envMapRes = 4", "envMapRes = 4 is taken as environment_height = 16,"),
    ],
)
def test_what_lies_beyond_our_limits_is_moved_to_them_and_told(line, expected):
    loaded = presets.load(None, [line])
    Settings.from_dict(loaded.values)
    assert [notice.startswith(expected) for notice in loaded.notices] == [True]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_a_focal_length_that_is_not_optimised_counts_the_pixels_of_the_smaller_photo(order):
    lines = ["camFocalLength = 1000.0", "optimizeFocalLength = False", "maxResolution = 400"]
    loaded = presets.load(None, [lines[number] for number in order])
    assert loaded.values["focal_length_ratio"] == 2.5
    assert loaded.notices == ()


def test_a_focal_length_that_is_optimised_is_told_to_have_no_effect(tmp_path):
    loaded = load(tmp_path, "camFocalLength = 1000\n")
    assert loaded.values == {"focal_length_ratio": 0.0}
    assert "optimizeFocalLength" in loaded.notices[0]
    later = load(tmp_path, "camFocalLength = 1000\n", ["optimizeFocalLength=False"])
    assert later.values == {"focal_length_ratio": 1000 / 512}
    assert later.notices == ()


def test_a_path_with_the_basel_files_chooses_that_model_and_another_one_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs" / "models"
    folder.mkdir(parents=True)
    file = tmp_path / "configs" / "old.ini"
    file.write_text("path = './models'\n")
    loaded = presets.load(file)
    assert loaded.values == {}
    assert "Basel model is not in the folder path = './models'" in loaded.notices[0]
    for name in BASEL_FILES:
        (folder / name).write_bytes(b"")
    loaded = presets.load(file)
    assert loaded.values == {"face_model": "bfm2017", "face_model_folder": str(folder.absolute())}
    assert loaded.notices == ()
    Settings.from_dict(loaded.values)


def test_names_of_both_programs_mix_and_the_later_line_wins(tmp_path):
    assert load(tmp_path, "maxResolution = 256\nfit_size = 300\n").values == {"fit_size": 300}
    assert load(tmp_path, "fit_size = 300\nmaxResolution = 256\n").values == {"fit_size": 256}
    assert load(tmp_path, "maxResolution = 256\n", ["fit_size=300"]).values == {"fit_size": 300}


def test_only_in_the_reference_s_files_cuda_is_a_wish(tmp_path):
    assert load(tmp_path, "device = 'cuda'\nfit_size = 256\n").values["device"] == "cuda"
    assert load(tmp_path, "device = 'cuda'\nmaxResolution = 256\n").values["device"] == "auto"
    assert load(tmp_path, "maxResolution = 256\n", ["device=cuda"]).values["device"] == "cuda"


@pytest.mark.parametrize(
    "line",
    [
        "textureResolution = large",
        "textureResolution = 512.5",
        "textureResolution = 0",
        "textureResolution =",
        "textureResolution",
        "trimPca = 80",
        "smoothSh = maybe",
        "lamdmarksDetectorType = 'dlib'",
        "camFocalLength = -1",
        "weightShapeReg = nan",
        "weightShapeReg = -0.001",
        "weightShapReg = 0.001",
        "iterStep2 = 100000000000000000000000000000000000000 000",
        "rtSamples = inf",
        "device = 'tpu'",
        "bands = 0",
    ],
)
def test_a_wrong_line_of_an_old_file_is_named_with_its_file(tmp_path, line):
    with pytest.raises(SettingsError, match=r"Line 2 of '.*old\.ini': ") as caught:
        load(tmp_path, f"maxResolution = 256 # fine\n{line}\n")
    assert caught.value.remedy


def test_what_a_later_line_takes_back_is_not_told(tmp_path):
    loaded = load(tmp_path, "smoothSh = True\ntextureResolution = 64\n", ["smoothSh=False", "textureResolution=512"])
    assert loaded.notices == ()
    assert loaded.values == {"texture_size": 512}


def test_in_an_old_file_a_comment_needs_no_space_before_it_whatever_the_name(tmp_path):
    assert load(tmp_path, "maxResolution = 256\nbands = 3#few\ndevice = 'cpu'#'cuda' or 'cpu'\n").values == {
        "fit_size": 256,
        "bands": 3,
        "device": "cpu",
    }
