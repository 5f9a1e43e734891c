"""Results appear whole or not at all, and what a dead process left is swept away."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nextgenface.engine.errors import Cancelled, OutputError
from nextgenface.engine.results import writing
from nextgenface.engine.results.writing import RESULT_NAME, ResultFolder, check_output, clean_up


def _content(folder):
    return {path.name: path.read_text() if path.is_file() else None for path in folder.iterdir()}


def _write(output, **files):
    with ResultFolder(output) as folder:
        for name, text in files.items():
            (folder.path / name.replace("__", ".")).write_text(text)


def _earlier(output):
    result = '{"mesh": "mesh.obj", "photos": [{"photo": "photo_1.png", "mesh": "mesh1.obj"}]}'
    _write(output, result__json=result, mesh__obj="old", mesh1__obj="old", mesh1__mtl="old")
    (output / "photo_1.png").write_text("old photo")
    (output / "mine.txt").write_text("not ours")
    return _content(output)


def test_files_are_all_there_at_the_end_and_none_before(tmp_path):
    output = tmp_path / "a" / "b"
    with ResultFolder(output) as folder:
        (folder.path / RESULT_NAME).write_text("{}")
        (folder.path / "mesh0.obj").write_text("v")
        assert [name for name in _content(output) if not name.startswith(".")] == []
    assert _content(output) == {RESULT_NAME: "{}", "mesh0.obj": "v"}


def test_a_new_result_replaces_the_earlier_one_and_only_its_files(tmp_path):
    _earlier(tmp_path)
    _write(tmp_path, result__json="{}", mesh0__obj="new")
    assert _content(tmp_path) == {RESULT_NAME: "{}", "mesh0.obj": "new", "mine.txt": "not ours"}


def test_an_earlier_result_cannot_name_files_elsewhere(tmp_path):
    (tmp_path / "precious").write_text("x")
    output = tmp_path / "out"
    _write(output, result__json='{"mesh": "../precious", "head": "/etc/hostname", "photos": []}')
    _write(output, result__json="{}")
    assert (tmp_path / "precious").read_text() == "x"


@pytest.mark.parametrize("error", [Cancelled(), ValueError("x"), KeyboardInterrupt()])
def test_any_end_but_the_good_one_leaves_what_was_there(tmp_path, error):
    before = _earlier(tmp_path)
    with pytest.raises(type(error)), ResultFolder(tmp_path) as folder:
        (folder.path / RESULT_NAME).write_text("half")
        raise error
    assert _content(tmp_path) == before


def test_folders_made_for_a_failed_result_are_gone(tmp_path):
    with pytest.raises(Cancelled), ResultFolder(tmp_path / "a" / "b"):
        raise Cancelled
    assert _content(tmp_path) == {}


@pytest.mark.parametrize("failing", range(4))
def test_a_file_that_cannot_be_exchanged_brings_all_old_ones_back(tmp_path, monkeypatch, failing):
    """As on Windows, when a viewer has one of them open."""
    before = _earlier(tmp_path)
    real, count = Path.replace, iter(range(100))

    def replace(self, target):
        if next(count) == failing:
            raise PermissionError(errno.EACCES, "in use", str(self))
        return real(self, target)

    with pytest.raises(OutputError), ResultFolder(tmp_path) as folder:
        (folder.path / RESULT_NAME).write_text("{}")
        (folder.path / "mesh.obj").write_text("new")
        monkeypatch.setattr(Path, "replace", replace)
    assert _content(tmp_path) == before


KILLED = """
import os, sys, pathlib
sys.path.insert(0, {tests!r})
import stand_in_engine
writing = stand_in_engine.engine("results.writing")
count = 0
real = pathlib.Path.replace
def replace(self, target):
    global count
    if count == {after}: os._exit(9)
    count += 1
    return real(self, target)
pathlib.Path.replace = replace
with writing.ResultFolder(pathlib.Path({output!r})) as folder:
    for name in ("a.txt", "z.txt", "result.json"):
        (folder.path / name).write_text("new")
    if {after} < 0: os._exit(9)
"""


@pytest.mark.parametrize("after", range(-1, 6))
def test_a_process_killed_at_any_point_leaves_the_old_or_the_new_result(tmp_path, after):
    output = tmp_path / "out"
    output.mkdir()
    old = dict.fromkeys(("a.txt", "z.txt", RESULT_NAME), "old")
    for name, text in old.items():
        (output / name).write_text(text)
    code = KILLED.format(tests=str(Path(__file__).parents[1]), output=str(output), after=after)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    visible = {name: text for name, text in _content(output).items() if not name.startswith(".")}
    assert RESULT_NAME not in visible or (len(visible) == 3 and len(set(visible.values())) == 1), "mixed"
    clean_up(output)
    assert _content(output) == (old if after < 0 else dict.fromkeys(old, "new"))


def test_what_a_dead_process_left_goes_with_the_folders_it_made_and_a_living_one_s_stays(tmp_path):
    output = tmp_path / "new" / "out"
    code = KILLED.format(tests=str(Path(__file__).parents[1]), output=str(output), after=-1)
    subprocess.run([sys.executable, "-c", code], check=False)
    assert output.exists()
    clean_up(output)
    assert _content(tmp_path) == {}
    with ResultFolder(output) as folder:
        clean_up(output)
        assert folder.path.is_dir()


def test_a_check_leaves_no_trace(tmp_path):
    check_output(tmp_path / "a" / "b", 1000)
    assert _content(tmp_path) == {}


def test_a_check_tells_of_too_little_room(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(100, 90, 10_000_000))
    check_output(tmp_path / "out", 9_000_000)
    with pytest.raises(OutputError, match="10 MB free; about 20 MB") as caught:
        check_output(tmp_path / "out", 20_000_000)
    assert caught.value.remedy
    assert _content(tmp_path) == {}


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OutputError, match="cannot be written") as caught:
            check_output(place)
        assert caught.value.remedy
    assert _content(tmp_path) == {"file": "x"}


@contextlib.contextmanager
def _mounted(path, *options):
    """A file system of its own on ``path``; needs the rights to mount."""
    path.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(path)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no rights to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


mounts = pytest.mark.skipif(sys.platform != "linux" or shutil.which("mount") is None, reason="mounts as Linux does")


@mounts
def test_a_folder_without_the_right_to_write_is_told(tmp_path):
    with _mounted(tmp_path / "disk", "-o", "ro"):
        with pytest.raises(OutputError, match="cannot be written to") as caught:
            check_output(tmp_path / "disk" / "out")
        with pytest.raises(OutputError, match="cannot be written to"), ResultFolder(tmp_path / "disk"):
            pass
    assert "permissions" in caught.value.remedy


@mounts
def test_a_disk_that_fills_up_is_told_and_left_as_it_was(tmp_path):
    with _mounted(tmp_path / "disk", "-o", "size=1m"):
        output = tmp_path / "disk" / "out"
        with pytest.raises(OutputError, match="disk is full"), ResultFolder(output) as folder:
            (folder.path / "a.bin").write_bytes(bytes(4 << 20))
        assert _content(tmp_path / "disk") == {}


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="the superuser may write everywhere")
def test_permissions_are_told(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="cannot be written to"):
            check_output(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_nothing_is_finished_after_the_process_gave_up(tmp_path):
    code = f"""
import pathlib, sys, threading
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import stand_in_engine
writing = stand_in_engine.engine("results.writing")
with writing.ResultFolder(pathlib.Path({str(tmp_path / "out")!r})) as folder:
    (folder.path / "result.json").write_text("new")
    giver = threading.Thread(target=writing.give_up_open_results)
    giver.start()
    giver.join()
    threading.Timer(0.2, lambda: __import__("os")._exit(7)).start()
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert _content(tmp_path) == {}


def test_the_sentences_for_other_errors_name_folder_and_reason(tmp_path):
    error = writing.output_error(tmp_path, OSError(errno.ENAMETOOLONG, "File name too long"))
    assert str(tmp_path) in error.message
    assert "File name too long" in error.message
