"""Job files: what they may say, and how what is wrong is told."""

from __future__ import annotations

import json

import pytest
from nextgenface.engine.errors import SettingsError
from nextgenface.engine.job_file import KEYS, read_job

BUILD = ("camera", "light")


@pytest.fixture
def job(tmp_path):
    def make(text):
        path = tmp_path / "jobs" / "job.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text, indent=1), "utf-8")
        return read_job(path, BUILD)

    return make


def test_paths_are_relative_to_the_file(job, tmp_path):
    read = job({"photos": ["a.jpg", str(tmp_path / "b.jpg")], "output": "../out", "engine": "bin/python"})
    folder = tmp_path / "jobs"
    assert read["photos"] == [folder / "a.jpg", tmp_path / "b.jpg"]
    assert read["output"] == folder / "../out"
    assert read["engine"] == folder / "bin/python"


def test_all_keys_may_be_there(job):
    whole = dict.fromkeys(KEYS, "x") | {
        "photos": ["a.jpg"],
        "people": "different",
        "preset": "draft",
        "settings": {"texture_size": 2048, "device": "cpu", "checkpoints": False},
        "build": {"camera": False},
    }
    assert set(job(whole)) == set(KEYS)
    assert job({}) == {}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('{\n "photos": ["a.jpg"],\n "preste": "draft"\n}', 3, "no key named 'preste'. Did you mean preset"),
        ('{\n "photos": [\n  1\n ]\n}', 2, "'photos' is of the wrong kind. It must be a list of paths."),
        ('{\n\n "people": "both"}', 3, "'one' or 'different'"),
        ('{"preset":\n"none"}', 1, "one of default"),
        ('{\n "settings": {\n  "fit_size": 512,\n  "fit_sise": 3\n }\n}', 4, "Did you mean fit_size"),
        ('{\n "settings": {\n  "fit_size": 5\n }\n}', 3, "between 128"),
        ('{\n "settings": [1]\n}', 2, "in { and }"),
        ('{\n "build": {\n  "camera": 1\n }\n}', 3, "true or false"),
        ('{\n "build": {\n  "nose": true\n }\n}', 3, "There are: camera, light."),
        ('{\n "output": ""\n}', 2, "a path in quotes"),
        ('{\n "output": "a",\n "output": "b"\n}', 3, "there twice"),
        ('{\n "output": "a"\n "results": "b"\n}', 3, "is no JSON"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(job, text, line, words):
    with pytest.raises(SettingsError) as caught:
        job(text)
    said = str(caught.value)
    assert said.startswith(f"Line {line} of "), said
    assert words in said


@pytest.mark.parametrize("text", ["[1]", "3"])
def test_something_else_than_an_object_is_told(job, text):
    with pytest.raises(SettingsError, match="not an object"):
        job(text)


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_job(tmp_path / "none.json")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not a text file"):
        read_job(tmp_path / "a.json")
