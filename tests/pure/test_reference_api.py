"""The reference program's classes, as far as they need no renderer."""

import subprocess
import sys

import nextgenface
import pytest
from nextgenface import Config, Optimizer, Pipeline
from nextgenface.engine import reference_api
from nextgenface.engine.errors import EngineError, PhotoError, SettingsError
from nextgenface.engine.presets import load
from nextgenface.engine.reference_config import BASEL_FILES, KEYS
from nextgenface.engine.settings import Settings
from reference_files import FILES


def test_a_configuration_that_nothing_was_said_to_is_our_default():
    config = Config()
    assert config.settings() == Settings()
    assert (config.textureResolution, config.maxResolution, config.iterStep1, config.bands) == (1024, 512, 2000, 9)
    assert config.lamdmarksDetectorType == "mediapipe"
    assert config.notices() == []


@pytest.mark.parametrize("name", KEYS)
def test_every_key_is_an_attribute_and_its_usual_value_changes_nothing(name):
    config = Config()
    if name != "path":
        setattr(config, name, getattr(config, name))
        assert config.settings() == Settings()


@pytest.mark.parametrize("name", FILES)
def test_a_file_means_the_same_as_on_the_shell(tmp_path, name, capsys):
    (tmp_path / name).write_text(FILES[name])
    config = Config()
    config.fillFromDicFile(tmp_path / name)
    expected = load(tmp_path / name)
    assert config.settings() == Settings.from_dict(expected.values)
    assert [line.removeprefix("Note: ") for line in capsys.readouterr().err.splitlines()] == list(expected.notices)
    assert config.weightDiffuseSymmetryReg == (1200.0 if name == "shadows.ini" else 300.0)


def test_attributes_of_both_programs_can_be_set_and_the_later_one_wins():
    config = Config()
    config.maxResolution = 256
    config.textureResolution = "2048"
    config.fit_size = 300
    assert (config.settings().fit_size, config.settings().texture_size) == (300, 2048)
    assert (config.fit_size, config.textureResolution) == (300, 2048)
    config.optimizeFocalLength = False
    config.camFocalLength = 512
    assert config.settings().focal_length_ratio == 2.0
    config.smoothSh = True
    assert [notice.split()[0] for notice in config.notices()] == ["smoothSh"]


def test_a_path_is_looked_for_beside_the_file(tmp_path):
    (tmp_path / "old.ini").write_text("path = 'models'\n")
    (tmp_path / "models").mkdir()
    for name in BASEL_FILES:
        (tmp_path / "models" / name).write_bytes(b"")
    config = Config()
    config.fillFromDicFile(tmp_path / "old.ini")
    assert config.settings().face_model == "bfm2017"


@pytest.mark.parametrize(
    ("name", "value"), [("maxResolutoin", 256), ("maxResolution", "big"), ("fit_size", 1.5), ("bands", 99)]
)
def test_a_wrong_name_or_value_is_refused_at_once(name, value):
    config = Config()
    with pytest.raises(SettingsError):
        setattr(config, name, value)
    assert config.settings() == Settings()


def test_an_attribute_that_is_none_is_an_attribute_error():
    with pytest.raises(AttributeError, match="maxResolutoin"):
        _ = Config().maxResolutoin


def test_print_shows_all_values(capsys):
    config = Config()
    config.rtSamples = 9
    config.print()
    assert {"rtSamples => 9", "render_samples => 9", "bands => 9"} <= set(capsys.readouterr().out.splitlines())


@pytest.fixture
def calls(monkeypatch):
    """What the optimizer asks for; people whose photo is named bad fail."""
    made = []

    class Made:
        photos = ("one",)

    def reconstruct(photos, output, settings, reporter, *others):
        if photos[0].stem == "bad":
            raise PhotoError("No face.", "Choose another.")
        made.append(([photo.name for photo in photos], output, settings))
        return Made()

    monkeypatch.setattr(reference_api, "reconstruct", reconstruct)
    return made


@pytest.fixture
def folder(tmp_path):
    people = tmp_path / "people"
    people.mkdir()
    for name in ("anna.png", "bad.png", "zoe.JPG", "notes.txt"):
        (people / name).write_bytes(b"")
    return people


def test_a_folder_shows_different_people_and_bad_photos_are_skipped(tmp_path, folder, calls, capsys):
    config = Config()
    config.maxResolution = 256
    made = Optimizer(tmp_path / "out", config).run(folder)
    assert len(made) == 2
    assert [(names, output.name) for names, output, _ in calls] == [(["anna.png"], "anna"), (["zoe.JPG"], "zoe")]
    assert {settings.fit_size for *_, settings in calls} == {256}
    assert "bad.png: No face. Choose another." in capsys.readouterr().err


def test_a_shared_identity_takes_the_folder_s_photos_as_one_person(tmp_path, folder, calls):
    (folder / "bad.png").unlink()
    optimizer = Optimizer(str(tmp_path / "out"), Config())
    optimizer.run(str(folder), sharedIdentity=True)
    assert [(names, output) for names, output, _ in calls] == [(["anna.png", "zoe.JPG"], tmp_path / "out")]
    assert optimizer.pipeline.sharedIdentity


def test_one_photo_of_no_use_is_the_error_itself(tmp_path, folder, calls):
    with pytest.raises(PhotoError, match="No face"):
        Optimizer(tmp_path / "out", Config()).run(folder / "bad.png")


def test_a_pipeline_shows_nothing_before_a_run():
    for ask in (Pipeline(Config()).computeShape, Pipeline(Config()).render):
        with pytest.raises(EngineError, match="Nothing was fitted"):
            ask()


def test_the_package_brings_its_names_only_when_they_are_asked_for():
    code = (
        "import sys, nextgenface\n"
        "assert not [name for name in sys.modules if name.startswith('nextgenface.engine')]\n"
        "from nextgenface import Renderer, Pipeline, Optimizer, Config, reconstruct\n"
        "print(sorted({'mitsuba', 'torch', 'mediapipe', 'cv2', 'bpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(nextgenface.__all__) >= {"Renderer", "Pipeline", "Optimizer", "Config"}
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = nextgenface.nothing_such
