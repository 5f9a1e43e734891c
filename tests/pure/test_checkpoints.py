"""Checkpoints come back as they were, and whatever else is in such a file is refused with a sentence and never run."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nextgenface.engine.errors import CheckpointError
from nextgenface.engine.results import checkpoints
from nextgenface.engine.results.checkpoints import (
    VERSION,
    Checkpoint,
    PhotoMark,
    checkpoint_name,
    keep_checkpoint,
    read_checkpoint,
    write_checkpoint,
)


def a_checkpoint(stage=2, **arrays):
    chance = np.random.default_rng(0)
    values = {
        "stage1_identity": chance.normal(size=5),
        "stage2_lights": chance.normal(size=(2, 9, 3)).astype(np.float32),
        "stage2_searches": np.array([3, 4]),
        "picture_0": chance.integers(0, 256, (4, 6, 3), np.uint8),
    }
    photos = (PhotoMark("grüße.png", "ab" * 32), PhotoMark("b.png", "cd" * 32))
    return Checkpoint(stage, "bundled", "ef" * 32, photos, {"seed": 3, "device": "auto"}, values | arrays, "0.1.0")


def _written(path: Path, **arrays) -> Path:
    write_checkpoint(path, a_checkpoint(**arrays))
    return path


def _changed(path: Path, change) -> Path:
    """The checkpoint at ``path`` after ``change`` of its parts, name -> bytes, packed anew."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return path


def _with_header(path: Path, **values) -> Path:
    def change(parts):
        parts["header.json"] = json.dumps(json.loads(parts["header.json"]) | values).encode()

    return _changed(path, change)


def _refused(path: Path, said: str) -> CheckpointError:
    with pytest.raises(CheckpointError, match=said) as caught:
        read_checkpoint(path)
    assert caught.value.message.endswith(".")
    assert caught.value.remedy.endswith(".")
    return caught.value


# --- there and back ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    before = a_checkpoint()
    write_checkpoint(tmp_path / "a.npz", before)
    after = read_checkpoint(tmp_path / "a.npz")
    for item in dataclasses.fields(Checkpoint):
        if item.name != "arrays":
            assert getattr(after, item.name) == getattr(before, item.name)
    assert after.arrays.keys() == before.arrays.keys()
    for name, array in before.arrays.items():
        assert after.arrays[name].dtype == array.dtype
        assert after.arrays[name].flags.writeable
        np.testing.assert_array_equal(after.arrays[name], array)


def test_numpy_reads_the_arrays_without_pickle(tmp_path):
    with np.load(_written(tmp_path / "a.npz"), allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["stage2_lights"], a_checkpoint().arrays["stage2_lights"])


def test_the_same_state_gives_the_same_bytes(tmp_path):
    first, second = _written(tmp_path / "a.npz"), _written(tmp_path / "b.npz")
    assert first.read_bytes() == second.read_bytes()


def test_arrays_in_another_order_in_memory_come_back_right(tmp_path):
    turned = np.arange(12, dtype=np.float32).reshape(3, 4).T
    found = read_checkpoint(_written(tmp_path / "a.npz", turned=turned)).arrays["turned"]
    np.testing.assert_array_equal(found, turned)


# --- in a run's folder ------------------------------------------------------------------------------------------------


def test_a_stage_done_anew_takes_the_later_ones_with_it_and_leaves_the_others(tmp_path):
    for stage in (1, 2, 3):
        keep_checkpoint(tmp_path / "out", a_checkpoint(stage))
    kept = keep_checkpoint(tmp_path / "out", a_checkpoint(2))
    assert kept == tmp_path / "out" / "checkpoints" / "stage2_output.npz"
    assert sorted(path.name for path in kept.parent.iterdir()) == [checkpoint_name(1), checkpoint_name(2)]


def test_a_result_in_the_checkpoints_folder_is_not_taken_for_an_older_one(tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / "diffuseMap_0.png").write_bytes(b"a map")
    (folder / "result.json").write_text('{"diffuse": "diffuseMap_0.png", "photos": []}')
    keep_checkpoint(tmp_path, a_checkpoint(1))
    assert {path.name for path in folder.iterdir()} == {"diffuseMap_0.png", "result.json", checkpoint_name(1)}


def test_a_checkpoint_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    before = keep_checkpoint(tmp_path, a_checkpoint(1)).read_bytes()

    def breaks(path, checkpoint):
        path.write_bytes(b"half")
        raise ZeroDivisionError

    monkeypatch.setattr(checkpoints, "write_checkpoint", breaks)
    with pytest.raises(ZeroDivisionError):
        keep_checkpoint(tmp_path, a_checkpoint(1, more=np.ones(3)))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [checkpoint_name(1)]
    assert (tmp_path / "checkpoints" / checkpoint_name(1)).read_bytes() == before


# --- what is not run --------------------------------------------------------------------------------------------------


class Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


def test_a_planted_pickle_is_refused_and_not_run(tmp_path):
    mark = tmp_path / "it ran"

    def change(parts):
        buffer = io.BytesIO()
        np.save(buffer, np.array([Planted(mark)], object), allow_pickle=True)
        parts["stage1_identity.npy"] = buffer.getvalue()

    path = _changed(_written(tmp_path / "a.npz"), change)
    _refused(path, "'stage1_identity.npy' in the checkpoint 'a.npz' is no array of numbers")
    assert not mark.exists()
    # The same array does its harm where pickles are allowed: the test plants a real one.
    with np.load(path, allow_pickle=True) as archive:
        archive["stage1_identity"]
    assert mark.exists()


@pytest.mark.parametrize("name", ["stage2_output.pickle", "stage2_output.npz"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_an_old_program_s_pickle_is_refused_with_what_to_do(tmp_path, name, protocol):
    mark = tmp_path / "it ran"
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Planted(mark), protocol))
    error = _refused(path, "is a pickle" if name.endswith(".pickle") or protocol else "is not a checkpoint")
    assert "npz" in error.remedy
    assert not mark.exists()


def test_an_array_header_is_not_evaluated(tmp_path):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (__import__('os').getpid(),), }\n"

    def change(parts):
        data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        parts["stage1_identity.npy"] = data

    _refused(_changed(_written(tmp_path / "a.npz"), change), "no array of numbers")


# --- what is damaged --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99, 0.999])
def test_a_file_that_was_cut_short_is_told(tmp_path, share):
    path = _written(tmp_path / "a.npz")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    _refused(path, "damaged or was cut short" if share > 0.01 else "damaged|is not a checkpoint")


def test_a_flipped_bit_in_an_array_is_found(tmp_path):
    path = _written(tmp_path / "a.npz", noise=np.random.default_rng(1).integers(0, 256, 5000, np.uint8))
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("noise.npy").header_offset + 2000
    data = bytearray(path.read_bytes())
    data[place] ^= 16
    path.write_bytes(data)
    _refused(path, "damaged")


def test_a_missing_file_a_folder_and_another_file_are_told(tmp_path):
    _refused(tmp_path / "none.npz", "There is no checkpoint")
    _refused(tmp_path, "cannot be read")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG and so on")
    _refused(tmp_path / "photo.png", "is not a checkpoint")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    _refused(tmp_path / "other.npz", "is not a checkpoint")


def test_a_newer_version_is_told_and_an_impossible_one_refused(tmp_path):
    path = _with_header(_written(tmp_path / "a.npz"), version=VERSION + 1)
    error = _refused(path, f"written by a newer NextGenFace .its version is {VERSION + 1}, this one knows {VERSION}")
    assert "Install" in error.remedy
    for version in (0, -1, "1", True, None, 1.0):
        _refused(_with_header(path, version=version), "damaged")


@pytest.mark.parametrize(
    "values",
    [
        {"stage": 4},
        {"stage": "2"},
        {"stage": True},
        {"photos": []},
        {"photos": [{"name": 3, "sha256": "a"}]},
        {"photos": 7},
        {"settings": []},
        {"face_model": None},
        {"format": "another"},
    ],
)
def test_a_header_that_says_something_else_is_refused(tmp_path, values):
    _refused(_with_header(_written(tmp_path / "a.npz"), **values), "damaged")


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"format": NaN'])
def test_a_header_that_is_no_object_is_refused(tmp_path, text):
    _refused(_changed(_written(tmp_path / "a.npz"), lambda parts: parts.update({"header.json": text})), "damaged")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_that_are_not_finite_are_refused(tmp_path, bad, kind):
    path = _written(tmp_path / "a.npz", stage1_points=np.array([1.0, bad], kind))
    _refused(path, r"not finite \(stage1_points.npy\)")


@pytest.mark.parametrize("kind", ["<c8", "<U3", "<M8[s]", ">f4", "<i4", "|b1", "<f2"])
def test_other_kinds_of_arrays_are_refused(tmp_path, kind):
    _refused(_written(tmp_path / "a.npz", stage1_points=np.zeros(2, kind)), "no array of numbers")


@pytest.mark.parametrize("shape", ["()", "(4,)", "(2, 2)", "(9999999999, 9999999999)", "(1, 1, 1, 1, 1, 1, 1, 1, 5)"])
def test_a_shape_that_does_not_fit_its_data_is_refused_before_room_is_made(tmp_path, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()

    def change(parts):
        parts["stage1_identity.npy"] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(40)

    _refused(_changed(_written(tmp_path / "a.npz"), change), "damaged")


@pytest.mark.parametrize("name", ["../stage1_identity.npy", "/etc/passwd.npy", "A.npy", "a.txt", ".npy", "a.npy.npy"])
def test_parts_of_other_names_are_refused(tmp_path, name):
    def change(parts):
        parts[name] = parts["stage1_identity.npy"]

    _refused(_changed(_written(tmp_path / "a.npz"), change), "damaged")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_part_that_is_there_twice_is_refused(tmp_path):
    path = _written(tmp_path / "a.npz")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("stage1_identity.npy", archive.read("stage1_identity.npy"))
    _refused(path, "damaged")


# --- what would take too much room ------------------------------------------------------------------------------------


def test_a_bomb_is_refused_by_what_it_says_it_grows_to(tmp_path, monkeypatch):
    path = _written(tmp_path / "a.npz", bomb=np.zeros(1 << 20))
    assert path.stat().st_size < 1 << 18
    monkeypatch.setattr(checkpoints, "MOST_BYTES", 1 << 20)
    monkeypatch.setattr(checkpoints, "_array", lambda *_: pytest.fail("it was read"))
    _refused(path, "grows to more than")


def test_a_bomb_that_lies_about_its_size_is_read_only_so_far(tmp_path):
    """Its directory says 100 bytes, and the stream holds 8 million."""
    path = _written(tmp_path / "a.npz", bomb=np.zeros(1 << 20))
    data = bytearray(path.read_bytes())
    place = data.rindex(b"bomb.npy") - 46
    assert data[place : place + 4] == b"PK\1\2"
    data[place + 24 : place + 28] = struct.pack("<I", 100)
    path.write_bytes(data)
    _refused(path, "damaged|no array")


def test_too_many_parts_are_refused_before_they_are_listed(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(5000):
            archive.writestr(f"a{number}.npy", b"")
    monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("it was listed"))
    _refused(path, "too many parts")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "MOST_BYTES", 100)
    _refused(_written(tmp_path / "a.npz"), "larger than")


# --- anything else ----------------------------------------------------------------------------------------------------


def _ends_well(path: Path, data: bytes) -> None:
    """``data`` as a file is a checkpoint, or refused with both sentences."""
    path.write_bytes(data)
    try:
        found = read_checkpoint(path)
    except CheckpointError as error:
        assert error.message and error.remedy
    else:
        assert all(np.isfinite(array).all() for array in found.arrays.values())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return _written(tmp_path_factory.mktemp("whole") / "a.npz").read_bytes()


QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_file_with_any_bytes_changed_ends_well(tmp_path, whole, edits):
    data = bytearray(whole)
    for place, value in edits:
        data[int(place * (len(data) - 1))] = value
    _ends_well(tmp_path / "a.npz", bytes(data))


@QUICK
@given(
    data=st.binary(max_size=200),
    start=st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"\x80\4", b"PK"]),
    end=st.sampled_from([b"", b"PK\5\6" + bytes(18)]),
)
def test_any_bytes_end_well(tmp_path, data, start, end):
    _ends_well(tmp_path / "a.npz", start + data + end)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda s: st.lists(s, max_size=3), max_leaves=5
)
FIELDS = st.sampled_from(["format", "version", "engine", "stage", "face_model", "fingerprint", "photos", "settings"])


@QUICK
@given(values=st.dictionaries(FIELDS, JSON, min_size=1, max_size=3))
def test_a_header_with_any_values_ends_well(tmp_path, whole, values):
    path = tmp_path / "a.npz"
    path.write_bytes(whole)
    _ends_well(path, _with_header(path, **values).read_bytes())


@QUICK
@given(data=st.binary(max_size=120), described=st.booleans())
def test_a_part_with_any_bytes_ends_well(tmp_path, whole, data, described):
    path = tmp_path / "a.npz"
    path.write_bytes(whole)
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(data)) if described else b""
    changed = _changed(path, lambda parts: parts.update({"stage1_identity.npy": start + data}))
    _ends_well(path, changed.read_bytes())
