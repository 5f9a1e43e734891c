"""``blender -c nextgenface``: what it writes, what it says, how it ends. Called as Blender calls it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import bpy
import nextgenface
import pytest
from nextgenface.operators import command
from nextgenface.operators.command import BUILD_NAMES, run_command
from nextgenface.operators.command_options import make_parser, parse_command

pytestmark = pytest.mark.blender

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    return run_command([str(argument) for argument in arguments])


def objects_in(path):
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return sorted(item.name for item in bpy.data.objects)


def report_of(path):
    return json.loads(path.read_text("utf-8"))


def test_blender_is_told_of_the_command_and_of_its_end(empty_file, monkeypatch):
    told = []
    monkeypatch.setattr(bpy.utils, "register_cli_command", lambda name, execute: told.append((name, execute)) or "mark")
    monkeypatch.setattr(bpy.utils, "unregister_cli_command", told.append)
    nextgenface.register()
    assert told == [("nextgenface", run_command)]
    nextgenface.unregister()
    assert told[1:] == ["mark"]


def test_blender_takes_it(add_on):
    assert command._Registered.handle is not None


def test_a_photo_becomes_all_files(add_on, photo, tmp_path, capsys):
    out = tmp_path / "out"
    more = ["--glb", out / "face.glb", "--fbx", out / "face.fbx", "--json-report", out / "report.json"]
    assert run(photo(), "-o", out / "face.blend", *more) == 0
    assert "Stand-in Head" in objects_in(out / "face.blend")
    assert {path.name for path in out.iterdir()} == {"face.blend", "face.glb", "face.fbx", "report.json", "portrait"}
    assert {"result.json", "render_0.png", "diffuseMap_0.png"} <= {path.name for path in (out / "portrait").iterdir()}
    report = report_of(out / "report.json")
    assert (report["version"], report["done"], report["count"]) == (1, 1, 1)
    (row,) = report["people"]
    assert (row["state"], row["glb"]) == ("done", str(out / "face.glb"))
    assert row["vertices"] > 0 and Path(row["result"]).is_file()
    shown = capsys.readouterr()
    assert "Light, skin and shape" in shown.err
    assert f"Written: {out / 'face.blend'}" in shown.out


def test_a_folder_of_people_becomes_a_file_each_and_bad_photos_are_skipped(add_on, photo, tmp_path, capsys):
    people = tmp_path / "people"
    people.mkdir()
    for name in ("anna", "fails", "zoe"):
        photo(name).rename(people / f"{name}.png")
    out = tmp_path / "out"
    assert run(people, "-o", out, "--glb", "face.glb", "--json-report", out / "report.json") == 1
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.[bg]l*"))
    assert made == ["anna/anna.blend", "anna/face.glb", "zoe/face.glb", "zoe/zoe.blend"]
    shown = capsys.readouterr()
    assert "2 of 3 reconstructed." in shown.out
    assert "Skipped" in shown.out and "No face was found" in shown.out
    states = {Path(row["photos"][0]).stem: row["state"] for row in report_of(out / "report.json")["people"]}
    assert states == {"anna": "done", "fails": "failed", "zoe": "done"}
    failed = next(row for row in report_of(out / "report.json")["people"] if row["state"] == "failed")
    assert failed["remedy"] == "Choose a photo that shows a face."


def test_who_is_in_the_photos(add_on, photo, tmp_path):
    def outputs(*arguments):
        parser = make_parser("x", BUILD_NAMES)
        found = parse_command(parser, [str(a) for a in (*arguments, "-o", tmp_path / "out")], BUILD_NAMES)
        return [(len(goal.person.photos), goal.person.output.name) for goal in found.goals]

    a, b = photo("a"), photo("b")
    folder = tmp_path / "folder"
    folder.mkdir()
    photo("c").rename(folder / "c.png")
    assert outputs(a, b) == [(2, "out")]
    assert outputs(a, b, "--different-people") == [(1, "a"), (1, "b")]
    assert outputs(a, folder) == [(1, "a"), (1, "c")]
    assert outputs(a, folder, "--one-person") == [(2, "out")]


def test_a_job_file_says_the_same_and_options_win(add_on, photo, tmp_path):
    job = tmp_path / "job.json"
    values = {
        "photos": [photo().name],
        "output": "out/face.blend",
        "preset": "draft",
        "settings": {"texture_size": 512, "seed": 3},
        "build": {"camera": False, "light": False},
    }
    job.write_text(json.dumps(values), "utf-8")

    def parsed(*arguments):
        return parse_command(make_parser("x", BUILD_NAMES), ["--job", str(job), *arguments], BUILD_NAMES)

    plain = parsed()
    assert plain.goals[0].files["blend"] == tmp_path / "out" / "face.blend"
    assert (plain.asked.values["texture_size"], plain.asked.values["seed"]) == (512, 3)
    assert plain.build == {"camera": False, "light": False}
    won = parsed("--preset", "high", "--set", "seed=4", "--texture-size", "1024", "--camera")
    assert (won.asked.values["texture_size"], won.asked.values["seed"]) == (1024, 4)
    assert won.build == {"camera": True, "light": False}
    assert won.options.preset == "high"
    assert run("--job", job) == 0
    assert objects_in(tmp_path / "out" / "face.blend") == ["Stand-in Eyes", "Stand-in Head"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "a photo and --output are needed"),
        (("a.png",), "a photo and --output are needed"),
        (("a.png", "-o", "out", "--fit-size", "big"), "invalid int value"),
        (("a.png", "-o", "out", "--fit-size", "5"), "between 128"),
        (("a.png", "-o", "out", "--nose"), "unrecognized arguments"),
        (("a.png", "-o", "out", "--job", "none.json"), "cannot be read"),
    ],
)
def test_wrong_use_ends_with_2(add_on, capsys, arguments, words):
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err


def test_help_ends_with_0_and_begins_with_what_matters(add_on, capsys):
    assert run("--help") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "usage: blender -c nextgenface PHOTO ... -o FILE.blend|FOLDER [option ...]"
    assert any("--json-report" in line for line in lines)
    assert any(line.startswith("Exit codes: 0 done") for line in lines[-2:])


def test_what_goes_wrong_ends_with_1_and_leaves_nothing(add_on, photo, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out"
    for name, words in (("fails", "No face was found"), ("dies", "ended unexpectedly")):
        assert run(photo(name), "-o", out / "face.blend") == 1
        assert words in capsys.readouterr().err
    assert run(photo(), "-o", out, "--engine", tmp_path / "python") == 1
    assert "no Python" in capsys.readouterr().err
    monkeypatch.setenv("NEXTGENFACE_ENGINE_PYTHON", "")
    assert run(photo(), "-o", out) == 1
    assert "not set up" in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / "file").write_text("in the way")
    assert run(photo(), "-o", tmp_path / "file" / "face.blend", "--engine", sys.executable) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_target_of_another_head_is_an_error_but_the_blend_stays(add_on, photo, tmp_path, capsys):
    out = tmp_path / "out"
    more = ["--target", out / "face.target", "--json-report", out / "report.json"]
    assert run(photo(), "-o", out / "face.blend", *more) == 1
    assert "not the vertices of MakeHuman" in capsys.readouterr().err
    assert (out / "face.blend").is_file() and not (out / "face.target").exists()
    assert report_of(out / "report.json")["people"][0]["state"] == "failed"


def test_json_lines(add_on, photo, tmp_path, capfd):
    assert run(photo(), "-o", tmp_path / "out", "--json") == 0
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[0] == "ready" and kinds[-1] == "done" and "progress" in kinds


def test_check_says_what_works(add_on, capsys):
    code = run("--check")
    assert code in (0, 1)
    assert "The engine" in capsys.readouterr().out


@pytest.mark.skipif(os.name != "posix", reason="uses signals")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_it_without_orphans(photo, tmp_path, times):
    environment = os.environ | {
        "NEXTGENFACE_ENGINE_PYTHON": sys.executable,
        "NEXTGENFACE_WORK_FUNCTION": f"{ROOT / 'tests' / 'stand_in_engine.py'}:reconstruct",
    }
    script = ROOT / "tools" / "reconstruct_in_blender.py"
    asked = [photo("slow" if times == 1 else "stuck"), photo("b"), "--different-people", "-o", tmp_path / "out"]
    more = ["--json", "--json-report", tmp_path / "report.json"]
    process = subprocess.Popen(
        [sys.executable, str(script), *map(str, [*asked, *more])],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
    )  # fmt: skip
    worker = 0
    for line in process.stdout:
        message = json.loads(line) if line.startswith("{") else {"kind": ""}
        worker = message.get("pid", worker)
        if message["kind"] == "progress" and (times == 1 or message["stage"] == "stage1"):
            break
    for _ in range(times):
        os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert [row["state"] for row in report_of(tmp_path / "report.json")["people"]] == ["cancelled", "cancelled"]
    assert not list(tmp_path.rglob("*.blend"))
