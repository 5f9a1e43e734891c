"""Whatever a file, a line or a name holds: a result or an `EngineError`, and nothing outside of the chosen folder."""

from __future__ import annotations

import copy
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
Image = pytest.importorskip("PIL.Image")
h5py = pytest.importorskip("h5py")

from fuzz_targets import TARGETS, edited, edits  # noqa: E402
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from nextgenface.engine import job_file, plain_json, protocol  # noqa: E402
from nextgenface.engine.errors import FaceModelError, OutputError, PhotoError, SettingsError  # noqa: E402
from nextgenface.engine.faces import basel_files  # noqa: E402
from nextgenface.engine.hints import PhotoHints  # noqa: E402
from nextgenface.engine.photos.reading import read_photo  # noqa: E402
from nextgenface.engine.protocol import Done, Failed, ProtocolError, Result  # noqa: E402
from nextgenface.engine.results.writing import check_output  # noqa: E402
from worker_process import wait_for_end  # noqa: E402

# What Pillow says of damaged tags.
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
BY_NAME = {target.name: target for target in TARGETS}
SEEDS = {target.name: list(target.seeds()) for target in TARGETS}
JSON = ("message", "result", "hints", "job")
ODD = (None, True, -1, 1e308, 10**400, "", "x", "../x", "\0", "\ud800", [], [[]], {}, {"a": {}}, [None], float("nan"))


@pytest.mark.parametrize("name", BY_NAME)
def test_good_files_are_taken(name, tmp_path):
    for data in SEEDS[name]:
        assert BY_NAME[name].run(data, tmp_path)


@pytest.mark.parametrize("name", BY_NAME)
def test_damaged_files_give_a_result_or_a_sentence(name, tmp_path):
    @settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(SEEDS[name]), edits())
    def check(data, changes):
        BY_NAME[name].run(edited(data, changes), tmp_path)

    check()


def _places(value, way=()):
    """The ways to all values inside of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*way, key)
        yield from _places(inner, (*way, key))


@pytest.mark.parametrize("name", JSON)
def test_values_of_other_types_give_a_result_or_a_sentence(name, tmp_path):
    for seed in SEEDS[name]:
        whole = json.loads(seed)
        for way in _places(whole):
            for odd in ODD:
                changed = copy.deepcopy(whole)
                inner = changed
                for key in way[:-1]:
                    inner = inner[key]
                inner[way[-1]] = odd
                BY_NAME[name].run(json.dumps(changed).encode(), tmp_path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 10_000, '{"kind": [1]}', "null", '"x"', ""])
def test_lines_that_are_no_messages_are_refused(text):
    with pytest.raises(ProtocolError):
        protocol.decode(text)


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "start_job", "photos": "a.png"},
        {"kind": "start_job", "job": ["a"]},
        {"kind": "start_job", "skip": [True]},
        {"kind": "progress", "fraction": "half"},
        {"kind": "failed", "message": None},
    ],
)
def test_messages_with_values_of_other_types_are_refused(values):
    with pytest.raises(ProtocolError):
        protocol.decode(json.dumps(values))


@pytest.mark.parametrize("elsewhere", ["../x.png", "/etc/passwd", "a/b.png", "..", "..\\x.png", "C:x.png", "a\0.png"])
@pytest.mark.parametrize("field", ["head", "diffuse", "report", "photo", "light", "mask"])
def test_a_result_cannot_name_files_elsewhere(field, elsewhere):
    values = json.loads(SEEDS["result"][0])
    part = values if field in values else values["photos"][0]
    part[field] = elsewhere
    with pytest.raises(ProtocolError):
        Result.from_json(json.dumps(values))


# --- photos -----------------------------------------------------------------------------------------------------------


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(*chunks, size=(64, 64)):
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(bytes(64 * 65)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + _chunk(b"IEND", b"")


_ZEROS = zlib.compress(bytes(200 << 20), 9)


@pytest.mark.parametrize(
    "data",
    [
        _png(size=(2**31 - 1, 2**31 - 1)),
        _png(size=(12_000, 9_000)),
        _png(_chunk(b"zTXt", b"Comment\0\0" + _ZEROS)),
        _png(_chunk(b"iCCP", b"icc\0\0" + _ZEROS)),
        _png(_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff")),
        b"II*\0\x08\0\0\0" + b"\xff" * 2000,
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 100,
        b"BM" + b"\xff" * 200,
        b"\xff\xd8\xff\xe1\xff\xff" + b"Exif\0\0" + b"\xff" * 70_000,
    ],
    ids=["2 G x 2 G", "promises more than it has", "text bomb", "profile bomb", "exif", "tiff", "webp", "bmp", "jpeg"],
)
def test_bombs_are_refused_or_read_within_bounds(tmp_path, data):
    import tracemalloc

    (tmp_path / "photo.png").write_bytes(data)
    tracemalloc.start()
    try:
        photo = read_photo(tmp_path / "photo.png")
        assert photo.width == photo.height == 64
    except PhotoError as error:
        assert error.remedy
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 500e6


def test_a_curve_that_divides_by_nothing_makes_no_profile():
    from nextgenface.engine.photos import icc

    kind_1 = b"para\0\0\0\0" + struct.pack(">HH3i", 1, 0, 2 << 16, 0, 1 << 16)
    good = SEEDS["profile"][0]
    assert icc.read_matrix_profile(good) is not None
    start, length = next(
        struct.unpack_from(">II", good, 136 + 12 * n) for n in range(20) if good[132 + 12 * n :][:4] == b"rTRC"
    )
    spoilt = good[:start] + kind_1 + good[start + len(kind_1) :]
    assert length >= len(kind_1)
    assert icc.read_matrix_profile(spoilt) is None


# --- other files ------------------------------------------------------------------------------------------------------


def test_a_basel_file_that_links_elsewhere_is_refused(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["mean"] = np.zeros(24, np.float32)
    (tmp_path / "secret.bin").write_bytes(bytes(96))
    layout = h5py.VirtualLayout(shape=(24,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "mean", shape=(24,))
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file["linked"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/mean")
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("outside", (24,), "f4", external=[(str(tmp_path / "secret.bin"), 0, 96)])
    for name in ("linked", "virtual", "outside"):
        with pytest.raises(FaceModelError, match="a link to another file"):
            basel_files._read(tmp_path / "model.h5", name)


def test_texts_that_are_too_large_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_json, "MOST_BYTES", 1000)
    (tmp_path / "job.json").write_text("{" + " " * 2000 + "}")
    with pytest.raises(SettingsError, match="larger than"):
        job_file.read_job(tmp_path / "job.json")


def test_many_keys_take_no_quadratic_time(tmp_path):
    (tmp_path / "job.json").write_text(json.dumps({f"key{n}": 1 for n in range(200_000)}))
    with pytest.raises(SettingsError, match="no key named"):
        job_file.read_job(tmp_path / "job.json")


@pytest.mark.parametrize(
    "values",
    [
        {"detector": []},
        {"points": {"9" * 5000: [0, 0]}},
        {"points": {"1": [10**400, 0]}},
        {"points": {"1": [float("nan"), 0]}},
        {"focal_length_mm": 10**400},
    ],
)
def test_hints_that_are_none_are_told(values):
    with pytest.raises(SettingsError):
        PhotoHints.from_dict(values)


# --- names ------------------------------------------------------------------------------------------------------------

NAMES = (
    "two words",
    "quo'te\"d",
    "100%s%n%d",
    "$(touch x);`y`&|",
    "new\nline",
    "顔 лицо é",
    "-rf",
    "x" * 240,
    "..hidden",
)
posix_names = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")


@posix_names
@pytest.mark.parametrize("name", NAMES)
def test_photos_and_folders_of_any_name_are_reconstructed(worker, tmp_path, name):
    place = tmp_path / "place"
    place.mkdir()
    photo, output = place / f"{name}.png", place / name
    photo.write_bytes(b"photo")
    final = wait_for_end(worker, worker.start_job([photo], output, {}))[-1]
    assert isinstance(final, Done)
    assert Path(final.result) == output / "result.json"
    assert sorted(path.name for path in place.iterdir()) == sorted([photo.name, name])


@posix_names
@pytest.mark.parametrize("name", ["x" * 300, "é" * 300, "a\0b"])
def test_names_that_no_file_can_have_are_told(worker, tmp_path, name):
    missing = wait_for_end(worker, worker.start_job([tmp_path / name], tmp_path / "out", {}))[-1]
    assert isinstance(missing, Failed)
    assert "There is no photo" in missing.message
    photo = tmp_path / "good.png"
    photo.write_bytes(b"photo")
    final = wait_for_end(worker, worker.start_job([photo], tmp_path / name, {}))[-1]
    assert isinstance(final, Failed)
    assert "fault" not in final.message
    assert final.remedy
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".png"] == ["good.png"]
    with pytest.raises(OutputError):
        check_output(tmp_path / name)
