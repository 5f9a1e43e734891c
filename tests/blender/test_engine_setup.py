"""Making the engine's environment: the steps, their end, cancel. The packages themselves are not fetched here."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import lockfile
import pytest
from nextgenface.operators.engine_setup import (
    COMPLETE,
    PYTHONS,
    EngineSetup,
    Source,
    being_made,
    find_python,
    reason_of,
    steps,
)
from nextgenface.properties import places

pytestmark = pytest.mark.blender

MAKE = "import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir(); print('made')"
FAIL = "print('ERROR: no space'); print('more'); raise SystemExit(1)"
HANG = "import time; print('waiting', flush=True); time.sleep(600)"


def run(tmp_path, *codes):
    """Start a set-up whose steps run these bits of Python."""
    folder = tmp_path / "engine"
    new = str(being_made(folder))
    commands = [(f"Step {number}", [sys.executable, "-c", code, new]) for number, code in enumerate(codes)]
    setup = EngineSetup(commands, folder, tmp_path / "setup.log")
    setup.start()
    return setup, folder


def test_a_whole_set_up_is_marked(tmp_path):
    setup, folder = run(tmp_path, MAKE, "print('second')")
    setup.join(20)
    assert setup.ok
    assert not setup.running
    assert (folder / COMPLETE).is_file()
    assert (tmp_path / "setup.log").read_text(encoding="utf-8") == "made\nsecond\n"


def test_an_engine_of_another_version_is_known(tmp_path, monkeypatch):
    folder = tmp_path / "engine"
    folder.mkdir()
    monkeypatch.setattr(places, "engine_folder", lambda: folder)
    monkeypatch.delenv("NEXTGENFACE_ENGINE_PYTHON", raising=False)
    python = places.environment_python(folder)
    (folder / COMPLETE).write_text(places.engine_stamp(), encoding="utf-8")
    assert places.engine_python("") == python
    assert not places.is_outdated(python)
    (folder / COMPLETE).write_text("of another version", encoding="utf-8")
    assert places.is_outdated(python)
    assert not places.is_outdated(Path(sys.executable)), "somebody's own Python is their own affair"


def test_the_engine_stays_unless_the_lock_of_this_platform_changes(monkeypatch):
    def stamp_of(change):
        lock = lockfile.read()
        change(lock["packages"])
        monkeypatch.setattr(places, "read_lock", lambda: lock)
        places.engine_stamp.cache_clear()
        return places.engine_stamp()

    def renew(name, target):
        def change(packages):
            package = next(each for each in packages if each["name"] == name)
            file = next(file for file in package["files"] if any(key.startswith(target) for key in file["targets"]))
            file["sha256"] = "0" * 64

        return change

    monkeypatch.setattr(places, "this_platform", lambda: "linux-x64")
    before = stamp_of(lambda _: None)
    assert stamp_of(renew("torch", "windows-x64")) == before
    assert stamp_of(renew("pip", "linux-x64")) == before, "another pip makes no other engine"
    assert stamp_of(renew("face-alignment", "linux-x64")) == before
    assert stamp_of(renew("torch", "linux-x64")) != before
    monkeypatch.undo()
    places.engine_stamp.cache_clear()


def test_a_folder_of_packages_needs_no_network(tmp_path, monkeypatch):
    monkeypatch.delenv(places.PACKAGES_VARIABLE, raising=False)
    assert places.offline_packages("") is None, "a checkout carries no packages"
    monkeypatch.setenv(places.PACKAGES_VARIABLE, str(tmp_path))
    assert places.offline_packages("") == tmp_path
    assert places.offline_packages(str(tmp_path / "mine")) == tmp_path / "mine"
    python = Path(sys.executable)
    for offline, word in ((True, "--offline"), (False, "--keep")):
        commands = steps(python, Path("e"), python, Path("w"), Source(tmp_path, offline), with_fan=True)
        assert [command[3:5] for _, command in commands[1:]] == [[word, str(tmp_path)]] * 2


def test_the_old_engine_stays_until_the_new_one_is_whole(tmp_path):
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "old").touch()
    for code, old_stays in ((FAIL, True), ("print('done')", False)):
        setup, _ = run(tmp_path, MAKE, code)
        setup.join(20)
        assert setup.ok != old_stays
        assert (folder / "old").exists() == old_stays
        assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["engine"]


def test_the_bar_follows_the_packages(tmp_path):
    setup, _ = run(tmp_path, MAKE, "print('2 of 4: torch 2.13.0'); print('Downloading')")
    setup.join(20)
    assert setup.fraction == pytest.approx((1 + 1 / 4) / 2)


def test_a_step_that_fails_is_told_and_leaves_nothing(tmp_path):
    setup, folder = run(tmp_path, MAKE, FAIL, "print('never')")
    setup.join(20)
    assert not setup.ok
    assert setup.message == "Step 1 failed. ERROR: no space"
    assert not folder.exists()
    assert "never" not in (tmp_path / "setup.log").read_text(encoding="utf-8")


def test_a_lost_connection_is_told_as_one():
    lines = [
        "WARNING: Retrying after connection broken by 'SSLError'",
        "ERROR: No matching distribution found for numpy",
    ]
    assert "could not be reached" in reason_of(lines)
    assert reason_of(["ERROR: no space", "more"]) == "ERROR: no space"
    assert reason_of([]) == ""


def test_cancel_ends_the_step_and_leaves_nothing(tmp_path):
    setup, folder = run(tmp_path, MAKE, HANG)
    ready = threading.Event()
    while setup.line != "waiting":
        assert setup.running
        ready.wait(0.01)
    setup.cancel()
    setup.join(20)
    assert not setup.running
    assert setup.message == "Cancelled."
    assert not folder.exists()


def test_cancel_ends_what_a_step_started_too(tmp_path):
    """The installer starts pip."""
    mark = tmp_path / "mark"
    child = f"import pathlib, time; print('waiting', flush=True); time.sleep(3); pathlib.Path({str(mark)!r}).touch()"
    setup, _ = run(tmp_path, f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])")
    ready = threading.Event()
    while setup.line != "waiting":
        assert setup.running
        ready.wait(0.01)
    setup.cancel()
    setup.join(20)
    ready.wait(4)
    assert not mark.exists()


def test_a_python_that_is_not_there_is_told(tmp_path):
    setup = EngineSetup([("Step", [str(tmp_path / "python")])], tmp_path / "engine", tmp_path / "log")
    setup.start()
    setup.join(20)
    assert not setup.ok
    assert "could not be set up" in setup.message


def test_the_steps_use_the_installer():
    python, root = Path(sys.executable), Path(__file__).resolve().parents[2]
    for _, command in steps(python, Path("engine"), python, root / "wheels", Source(Path("packages"), True)):
        assert "-I" in command, "nothing of the person's own Python gets in"
        for argument in command:
            assert not argument.endswith(".py") or Path(argument).is_file()


def test_a_python_of_another_version_is_not_taken(tmp_path):
    fake = tmp_path / "python"
    for version, taken in (("3 12", False), ("3 13", True)):
        fake.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        fake.chmod(0o755)
        assert (find_python(str(fake)) == fake) == taken
    assert find_python(str(fake), [(3, 11)]) != fake, "the packages at hand are for another"


def test_a_folder_of_packages_says_which_python_they_are_for(tmp_path):
    assert Source(tmp_path, offline=True).pythons == PYTHONS, "nothing tells"
    (tmp_path / "numpy-2.5.5-cp313-cp313-win_amd64.whl").touch()
    assert Source(tmp_path, offline=True).pythons == ((3, 13),)
    assert Source(tmp_path, offline=False).pythons == PYTHONS, "what is lacking is downloaded"
    (tmp_path / "numpy-1.26.4-cp311-cp311-win_amd64.whl").touch()
    assert Source(tmp_path, offline=True).pythons == PYTHONS
