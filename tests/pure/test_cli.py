"""The shell command with the stand-in engine: exit codes, sentences, nothing left behind."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from nextgenface.engine import blend, cli
from nextgenface.engine.blend import BlendBuilder, find_builder
from nextgenface.engine.cli import main, settings_of
from nextgenface.engine.command_run import CANCELLED, FAILED, OK, WRONG_USE
from nextgenface.engine.console import Console, progress_text
from nextgenface.engine.errors import Cancelled, OutputError
from nextgenface.engine.protocol import Progress
from nextgenface.engine.settings import Settings
from reference_files import NEXTFACE

TESTS = Path(__file__).resolve().parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="uses signals")


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXTGENFACE_WORK_FUNCTION", f"{TESTS / 'stand_in_engine.py'}:reconstruct")
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))


@pytest.fixture
def photo(tmp_path):
    def make(mode):
        path = tmp_path / f"{mode}.png"
        path.write_bytes(b"photo")
        return str(path)

    return make


def test_a_good_run_prints_the_result_and_ends_with_0(tmp_path, photo, capsys):
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out")]) == OK
    shown = capsys.readouterr()
    assert shown.out.startswith("Done in ")
    assert shown.out.rstrip().endswith(str(tmp_path / "out" / "result.json"))
    assert "Light, skin and shape" in shown.err
    assert "\r" not in shown.err, "no terminal, no overwriting"


@posix
@pytest.mark.parametrize(
    ("mode", "said"),
    [("fails", "No face was found"), ("dies", "SIGKILL"), ("memory", "out of memory"), ("raises", "KeyError")],
)
def test_a_failure_is_a_sentence_a_remedy_and_a_log_with_exit_code_1(tmp_path, photo, capsys, mode, said):
    assert main(["--input", photo(mode), "--output", str(tmp_path / "out")]) == FAILED
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-3]
    assert lines[-3].startswith("Error: ")
    assert Path(lines[-1].removeprefix("Log: ")).is_file()
    assert "Traceback" not in "".join(lines)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given", ["missing.png", "folder"])
def test_a_photo_that_is_no_file_is_told(tmp_path, capsys, given):
    (tmp_path / "folder").mkdir()
    assert main(["-i", str(tmp_path / given), "-o", str(tmp_path / "out")]) == FAILED
    assert "There is no photo" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_told(photo, capsys):
    name = photo("good")
    assert main(["-i", name, "-o", name]) == FAILED
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--set", "sead=1"],
        ["--set", "seed"],
        ["--texture-size", "7"],
        ["--config", "missing.ini"],
        ["--device", "abacus"],
        ["--preset", "missing"],
        ["--preset", "draft", "--config", "a.ini"],
        ["--frobnicate"],
    ],
)
def test_wrong_use_ends_with_2_and_starts_nothing(tmp_path, photo, capsys, arguments):
    try:
        code = main(["-i", photo("good"), "-o", str(tmp_path / "out"), *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == WRONG_USE
    assert capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["-i", "a.png"], ["-o", "out"]])
def test_input_and_output_are_needed(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == WRONG_USE
    assert "--input and --output" in capsys.readouterr().err


def test_single_settings_win_over_the_file_and_options_over_both(tmp_path):
    import argparse

    config = tmp_path / "a.ini"
    config.write_text("seed = 1\ntexture_size = 512\nfit_size = 256\n")
    options = argparse.Namespace(
        config=config, preset=None, set=["seed=2", "texture_size=2048"], texture_size=4096, device=None
    )
    settings = settings_of(options)
    assert (settings.seed, settings.texture_size, settings.fit_size, settings.device) == (2, 4096, 256, "auto")
    options = argparse.Namespace(config=None, preset="draft", set=[], texture_size=None, device="cpu")
    assert settings_of(options).fit_size == 256
    assert settings_of(options).device == "cpu"


def test_json_lines_are_all_that_standard_output_gets(tmp_path, photo, capsys):
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out"), "--json"]) == OK
    shown = capsys.readouterr()
    kinds = [json.loads(line)["kind"] for line in shown.out.splitlines()]
    assert kinds[0] == "ready"
    assert kinds[-1] == "done"
    assert shown.err == ""
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out"), "--json", "--set", "sead=1"]) == WRONG_USE
    assert json.loads(capsys.readouterr().out)["kind"] == "failed"


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("mode", ["slow", "writing"])
def test_a_signal_cancels_and_nothing_is_left(tmp_path, photo, number, mode):
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import stand_in_engine as s; sys.exit(s.engine('cli').main(sys.argv[1:]))"
    arguments = ["-i", photo(mode), "-o", str(tmp_path / "out"), "--json"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    lines = [json.loads(process.stdout.readline())]
    while lines[-1].get("stage") != "stage2":
        lines.append(json.loads(process.stdout.readline()))
    process.send_signal(number)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == CANCELLED
    assert json.loads(rest.splitlines()[-1])["kind"] == "job_cancelled"
    assert not (tmp_path / "out").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(lines[0]["pid"], 0)


# --- .blend -----------------------------------------------------------------------------------------------------------


def _fake_builder(tmp_path, code):
    script = tmp_path / "fake.py"
    script.write_text(code)
    return BlendBuilder((sys.executable, str(script)))


GOOD = "import sys, pathlib; pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).write_text('new')"
HALF = GOOD + "; sys.exit(3)"


def test_a_blend_appears_when_it_is_whole(tmp_path):
    target = tmp_path / "a" / "face.blend"
    _fake_builder(tmp_path, GOOD).build(tmp_path / "result.json", target)
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["face.blend"]


@pytest.mark.parametrize("code", [HALF, "pass"])
def test_a_blend_that_fails_leaves_the_earlier_one_and_names_the_log(tmp_path, code):
    target = tmp_path / "face.blend"
    target.write_text("old")
    with pytest.raises(OutputError, match="could not be made") as caught:
        _fake_builder(tmp_path, code).build(tmp_path / "result.json", target)
    assert target.read_text() == "old"
    assert Path(caught.value.remedy.removeprefix("See the log: ")).is_file()


def test_a_cancel_ends_the_making_of_a_blend(tmp_path):
    builder = _fake_builder(tmp_path, "import time; time.sleep(600)")
    with pytest.raises(Cancelled):
        builder.build(tmp_path / "result.json", tmp_path / "face.blend", lambda: True)
    assert not (tmp_path / "face.blend").exists()


def test_who_makes_a_blend_is_found_out_before_the_fit(tmp_path, photo, capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("BLENDER", raising=False)
    monkeypatch.setattr(blend.importlib.util, "find_spec", lambda name: None)
    arguments = ["-i", photo("good"), "-o", str(tmp_path / "out"), "--blend", str(tmp_path / "face.blend")]
    assert main(arguments) == FAILED
    assert "No Blender was found" in capsys.readouterr().err
    assert main([*arguments, "--blender", "no-such-blender"]) == FAILED
    assert "no-such-blender" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_blender_and_a_python_with_bpy_are_started_each_in_its_way(tmp_path):
    for name in ("blender", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    blender = find_builder(tmp_path / "blender").command
    assert blender[1:4] == ("-b", "--factory-startup", "--python-exit-code")
    assert blender[-2:] == (str(blend.SCRIPT), "--")
    assert find_builder(tmp_path / "python3.11").command[1:] == (str(blend.SCRIPT), "--")


def test_the_blend_is_made_from_the_result(tmp_path, photo, capsys, monkeypatch):
    monkeypatch.setattr(blend, "find_builder", lambda given: _fake_builder(tmp_path, GOOD))
    target = tmp_path / "face.blend"
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out"), "--blend", str(target)]) == OK
    assert target.read_text() == "new"
    assert f"Written: {target}" in capsys.readouterr().out


# --- several photos and several people -------------------------------------------------------------------------------


def _said(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text("utf-8"))


@pytest.mark.parametrize("flag", ["--shared-identity", "--sharedIdentity"])
def test_photos_of_one_person_make_one_result(tmp_path, photo, flag):
    arguments = ["-i", photo("good"), photo("better"), "-o", str(tmp_path / "out"), flag]
    assert main(arguments) == OK
    assert len(_said(tmp_path / "out")["photos"]) == 2
    assert not (tmp_path / "out" / "good").exists()


@posix
def test_a_bad_photo_of_one_person_leaves_nothing(tmp_path, photo, capsys):
    arguments = ["-i", photo("fails"), photo("good"), "-o", str(tmp_path / "out"), "--shared-identity"]
    assert main(arguments) == FAILED
    assert "No face was found in 'fails.png'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@posix
def test_a_folder_of_people_has_a_result_each_and_a_summary(tmp_path, capsys):
    folder = tmp_path / "people"
    (folder / "deeper").mkdir(parents=True)
    # One fails, one takes the worker with it; the others are not harmed.
    for name in ("anna.png", "dies.png", "fails.png", "zoe.jpg", "notes.txt", ".hidden.png"):
        (folder / name).write_bytes(b"photo")
    assert main(["-i", str(folder), "-o", str(tmp_path / "out")]) == FAILED
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["anna", "zoe"]
    assert [len(_said(tmp_path / "out" / name)["photos"]) for name in ("anna", "zoe")] == [1, 1]
    shown = capsys.readouterr()
    assert "2 of 4 reconstructed." in shown.out
    skipped = [line for line in shown.out.splitlines() if line.startswith("Skipped")]
    assert [Path(line.split(": ")[0].removeprefix("Skipped ")).name for line in skipped] == ["dies.png", "fails.png"]
    assert "No face was found" in skipped[1]
    assert "3 of 4: fails.png" in shown.err


def test_different_people_in_a_row_all_good_end_with_0(tmp_path, photo, capsys):
    other = tmp_path / "other"
    other.mkdir()
    (other / "GOOD.png").write_bytes(b"photo")
    assert main(["-i", photo("good"), str(other / "GOOD.png"), "-o", str(tmp_path / "out")]) == OK
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["GOOD-2", "good"]
    assert "2 of 2 reconstructed." in capsys.readouterr().out


def test_a_folder_with_one_photo_is_still_a_folder(tmp_path, photo):
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "anna.png").write_bytes(b"photo")
    assert main(["-i", str(folder), "-o", str(tmp_path / "out")]) == OK
    assert (tmp_path / "out" / "anna" / "result.json").is_file()
    assert main(["-i", str(folder), "-o", str(tmp_path / "one"), "--shared-identity"]) == OK
    assert (tmp_path / "one" / "result.json").is_file()


def test_of_several_people_each_gets_a_blend(tmp_path, photo, capsys, monkeypatch):
    monkeypatch.setattr(blend, "find_builder", lambda given: _fake_builder(tmp_path, GOOD))
    arguments = [
        "-i",
        photo("anna"),
        photo("zoe"),
        "-o",
        str(tmp_path / "out"),
        "--blend",
        str(tmp_path / "face.blend"),
    ]
    assert main(arguments) == OK
    assert [(tmp_path / "out" / name / "face.blend").is_file() for name in ("anna", "zoe")] == [True, True]
    assert not (tmp_path / "face.blend").exists()


@posix
def test_a_cancel_ends_the_whole_row(tmp_path, photo):
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r}); import stand_in_engine as s; sys.exit(s.engine('cli').main(sys.argv[1:]))"
    arguments = ["-i", photo("good"), photo("slow"), photo("zoe"), "-o", str(tmp_path / "out"), "--json"]
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    line = {}
    while line.get("kind") != "done":
        line = json.loads(process.stdout.readline())
    while line.get("stage") != "stage2":
        line = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == CANCELLED
    assert json.loads(rest.splitlines()[-1])["kind"] == "job_cancelled"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good"]


# --- the console ------------------------------------------------------------------------------------------------------


def test_a_line_of_progress():
    message = Progress("a", "stage2", 40, 160, 0.5, 0.38, 45.2)
    assert progress_text(message) == " 38 %  Light, skin and shape, 40 of 160, about 45 s left"
    assert "loss 0.5" in progress_text(message, True)
    assert progress_text(Progress("a", "render", 0, 1, None, 1.0, 125.0)) == "100 %  Final render, about 2 min 5 s left"


def test_on_a_terminal_one_line_is_written_over():
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    console = Console(out=io.StringIO(), err=terminal)
    for step in (1, 2):
        console.show(Progress("a", "stage2", step, 160))
    console.error("Broken.")
    text = terminal.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\rError: Broken.\n")


# --- settings as options ----------------------------------------------------------------------------------------------


def _value_for(item):
    """A value other than the default, and the arguments that ask for it."""
    flag, choices = f"--{item.name.replace('_', '-')}", item.metadata["choices"]
    if item.name == "verbose":
        return True, ["-v"]
    if isinstance(item.default, bool):
        return not item.default, [flag if not item.default else f"--no-{flag[2:]}"]
    if choices:
        return choices[-1], [flag, choices[-1]]
    if isinstance(item.default, str):
        return "somewhere", [flag, "somewhere"]
    value = type(item.default)(item.metadata["low"] if item.default != item.metadata["low"] else item.default + 1)
    return value, [flag, str(value)]


@pytest.mark.parametrize("item", dataclasses.fields(Settings), ids=lambda item: item.name)
def test_every_setting_is_an_option_and_in_the_help(item):
    value, arguments = _value_for(item)
    assert value != item.default
    parser = cli._parser()
    settings = settings_of(parser.parse_args(arguments))
    assert settings.to_dict() == Settings().to_dict() | {item.name: value}
    assert arguments[0] in parser.format_help()


def test_the_help_begins_with_what_most_people_need_and_groups_the_rest():
    lines = cli._parser().format_help().splitlines()
    assert lines[0] == "usage: nextgenface-reconstruct --input PHOTO ... --output FOLDER [option ...]"
    titles = [line for line in lines if line.startswith("settings: ")]
    assert titles[:3] == ["settings: model:", "settings: landmarks:", "settings: sizes:"]
    # A help that fills more than a page before it comes to the settings is not read.
    assert lines.index(titles[0]) < 36
    assert "(512, 128 to 2048)" in "\n".join(lines)


def test_an_old_file_is_read_and_what_means_nothing_is_said_once(tmp_path, photo, capsys):
    config = tmp_path / "optimConfig.ini"
    config.write_text(NEXTFACE)
    arguments = ["-i", photo("good"), photo("better"), "-o", str(tmp_path / "out"), "--config", str(config)]
    assert main(arguments) == OK
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("Note: weightLandmarks")]
    assert notes == ["Note: weightLandmarksLossStep3 has no effect: stage 3 reads the maps and moves no geometry."]
    logs = [path.read_text("utf-8") for path in (tmp_path / "state").rglob("*.log")]
    assert ["weightLandmarksLossStep3 has no effect" in text for text in logs] == [True]


def test_a_wrong_line_of_an_old_file_ends_with_2_and_names_it(tmp_path, photo, capsys):
    config = tmp_path / "optimConfig.ini"
    config.write_text("maxResolution = 256\nmaxResolutoin = 256\n")
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out"), "--config", str(config)]) == WRONG_USE
    assert "Line 2 of" in (said := capsys.readouterr().err) and "Did you mean maxResolution" in said


def test_old_names_work_with_set_too_and_options_win(photo):
    parsed = cli._parser().parse_args(
        ["--set", "textureResolution=2048", "--set", "maxResolution=256", "--fit-size", "300"]
    )
    settings = settings_of(parsed)
    assert (settings.texture_size, settings.fit_size) == (2048, 300)


def test_a_file_can_ask_for_every_step_to_be_told(tmp_path, photo, capsys):
    config = tmp_path / "a.ini"
    config.write_text("verbose = True\n")
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out"), "--config", str(config)]) == OK
    assert "loss 0.05" in capsys.readouterr().err


def test_a_target_of_a_head_that_is_not_makehuman_s_is_told_and_the_results_stay(tmp_path, photo, capsys):
    target = tmp_path / "face.target"
    assert main(["-i", photo("good"), "-o", str(tmp_path / "out"), "--target", str(target)]) == FAILED
    assert "not the vertices of MakeHuman" in capsys.readouterr().err
    assert (tmp_path / "out" / "result.json").is_file()
    assert not target.exists()


def test_points_placed_by_hand_go_to_their_photo(tmp_path, photo, capsys):
    file = tmp_path / "points.json"
    file.write_text('{"points": {"61": [0.25, 0.5]}}')
    command = ["-i", photo("anna"), photo("zoe"), "-o", str(tmp_path / "out"), "--landmarks"]
    assert main([*command, "-", str(file), "--json"]) == OK
    # The stand-in engine says which hints came with which photo.
    said = [line for line in capsys.readouterr().out.splitlines() if "warned" in line and ".png: {" in line]
    assert len(said) == 1 and "zoe.png" in said[0] and "0.25, 0.5, 1.0" in said[0]
    assert main([*command, "-", str(file), "--shared-identity", "--json"]) == OK
    assert "zoe.png: {" in capsys.readouterr().out
    assert main([*command, str(file)]) == WRONG_USE
    assert main([*command, "-", str(tmp_path / "none.json")]) == WRONG_USE
