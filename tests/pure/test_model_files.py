"""Which files of models are looked for, and where."""

from __future__ import annotations

from nextgenface.engine import model_files as files
from nextgenface.engine.faces import basel_files, ict_files
from nextgenface.engine.faces.places import model_folder
from nextgenface.engine.landmarks import fan_weights
from nextgenface.engine.model_files import model_files
from nextgenface.engine.settings import Settings


def test_they_are_looked_for_where_the_engine_does():
    found = {file.name: file for file in model_files()}
    assert set(found) == {
        basel_files.SHAPE_FILE,
        basel_files.ALBEDO_FILE,
        ict_files.NEUTRAL,
        fan_weights.POINTS_NETWORK.name,
        fan_weights.FACES_NETWORK.name,
    }
    assert found[basel_files.SHAPE_FILE].folders == (model_folder("bfm2017", ""),)
    assert found[ict_files.NEUTRAL].folders == (model_folder("ict", ""),)
    assert list(found[fan_weights.FACES_NETWORK.name].folders) == fan_weights.folders(Settings())
    for file in found.values():
        assert file.title and file.licence and file.page.startswith("https://")


def test_a_folder_that_is_set_counts_for_its_model_alone(tmp_path):
    settings = Settings(face_model="ict", face_model_folder=str(tmp_path))
    found = {file.name: file for file in model_files(settings)}
    assert found[files.ICT_FILE].folders == (tmp_path,)
    assert found[files.SHAPE_FILE].folders == (model_folder("bfm2017", ""),)
    assert found[files.ICT_FILE].found is None
    (tmp_path / files.ICT_FILE).touch()
    assert found[files.ICT_FILE].found == tmp_path
