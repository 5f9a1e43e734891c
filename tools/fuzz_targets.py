# SPDX-License-Identifier: GPL-3.0-or-later
"""What reads files that anybody may have made: for each reader some good files, and how bytes are given to it.

A target fails when it raises anything but an `EngineError`. Used by `fuzz.py` and by the tests.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from nextgenface.engine import hints, job_file, photo_header, presets, protocol
from nextgenface.engine.errors import EngineError
from nextgenface.engine.faces import basel_files
from nextgenface.engine.photos import icc
from nextgenface.engine.photos.reading import read_photo
from nextgenface.engine.results import checkpoints

Edit = tuple[str, int, bytes]
# What has broken readers before: ends of number ranges, nesting, names that lead elsewhere.
TOKENS = (
    *(b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0" * 8, b"\xff" * 8),
    *(
        b"[" * 3000,
        b'{"a":' * 3000,
        b"9" * 400,
        b"9" * 5000,
        b"1e999",
        b"-1",
        b"NaN",
        b"null",
        b"[]",
        b"{}",
        b'"\\ud800"',
    ),
    *(b"../../", b"\\..\\", b"C:", b"/etc/passwd", b"%s%n", b'"', b"'", b"\n", "日本語é".encode()),
)


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: for people.
        seeds: makes good files.
        read: is given the bytes and an empty folder for them.
    """

    name: str
    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], object]

    def run(self, data: bytes, folder: Path) -> bool:
        """Whether the reader took ``data``; raises what it raised where that is no `EngineError`."""
        try:
            self.read(data, folder)
        except EngineError as error:
            assert error.message, "an error without a sentence"
            return False
        return True


def edits() -> st.SearchStrategy[list[Edit]]:
    """A few changes of a file: bytes overwritten, put in, cut out, doubled, the rest cut off."""
    what = st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(TOKENS))
    kinds = st.sampled_from(("set", "set", "insert", "delete", "double", "cut"))
    return st.lists(st.tuples(kinds, st.integers(0, 1 << 16), what), max_size=6)


def edited(data: bytes, changes: Sequence[Edit]) -> bytes:
    """``data`` with the changes made in turn; places count from the start, and more often reach the head of the file."""
    for kind, number, what in changes:
        # Half of all places lie in the first 512 bytes, where headers are.
        place = number // 2 % (min(len(data), 512) + 1) if number % 2 else number // 2 % (len(data) + 1)
        length = len(what)
        if kind == "set":
            data = data[:place] + what + data[place + length :]
        elif kind == "insert":
            data = data[:place] + what + data[place:]
        elif kind == "delete":
            data = data[:place] + data[place + length :]
        elif kind == "double":
            data = data[: place + length] + data[place:]
        else:
            data = data[:place]
    return data


# --- readers ----------------------------------------------------------------------------------------------------------


def _from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """Puts the bytes into a file called ``name`` first."""

    def run(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return run


def _message(data: bytes, _: Path) -> protocol.Message:
    return protocol.decode(data.decode("utf-8", "replace"))


def _result(data: bytes, _: Path) -> protocol.Result:
    result = protocol.Result.from_json(data.decode("utf-8", "replace"))
    names = [result.head, result.diffuse, *(photo.photo for photo in result.photos)]
    assert not any(set(name) & {"/", "\\"} or name == ".." for name in names), "a file elsewhere"
    return result


def _basel(path: Path) -> object:
    return basel_files._read_group(path, "shape/model", 4), basel_files._read(path, "shape/representer/cells")


def _profile(data: bytes, _: Path) -> object:
    profile = icc.read_matrix_profile(data)
    return None if profile is None else profile.to_srgb(np.linspace(0, 1, 12, dtype=np.float32).reshape(2, 2, 3))


# --- good files -------------------------------------------------------------------------------------------------------


def _pictures() -> list[bytes]:
    import cv2
    from PIL import Image, ImageCms

    y, x = np.mgrid[0:40, 0:48]
    pixels = np.stack([40 + 3 * x, 30 + 4 * y, 220 - 2 * x - y], -1).astype(np.uint8)
    picture, exif = Image.fromarray(pixels), Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x920A: 35.0, 0xA405: 50, 0xA002: 48, 0xA003: 40, 0xA20E: 100.0, 0xA20F: 100.0})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    told = {"exif": exif, "icc_profile": profile}
    kinds: list[tuple[str, dict[str, Any]]] = [
        *(("PNG", told), ("JPEG", told), ("WEBP", told), ("TIFF", told), ("BMP", {})),
        *(("JPEG", {**told, "progressive": True}), ("TIFF", {"compression": "tiff_lzw"})),
        *(("TIFF", {"compression": "tiff_adobe_deflate"}), ("WEBP", {"lossless": True, **told})),
    ]
    found = [_saved(picture, kind, options) for kind, options in kinds]
    found += [_saved(picture.convert(mode), "PNG", {}) for mode in ("RGBA", "P", "1", "LA")]
    found.append(_saved(picture.convert("CMYK"), "JPEG", told))
    deep = pixels.astype(np.uint16) * 257
    return found + [cv2.imencode(end, deep)[1].tobytes() for end in (".png", ".tif")]


def _saved(picture: Any, kind: str, options: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def _profiles() -> list[bytes]:
    from PIL import ImageCms

    return [ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()]


def _checkpoints() -> list[bytes]:
    arrays = {"stage1_pose": np.arange(6.0).reshape(2, 3), "picture_0": np.zeros((4, 4, 3), np.uint8)}
    mark = checkpoints.PhotoMark("a.png", "0" * 64)
    stream = io.BytesIO()
    made = checkpoints.Checkpoint(1, "bundled", "f" * 32, (mark,), {"seed": 0}, arrays, "0.1.0")
    checkpoints.write_checkpoint(stream, made)  # type: ignore[arg-type]  # (zipfile takes a stream as well)
    return [stream.getvalue()]


def _messages() -> list[bytes]:
    kinds = protocol.REQUESTS + protocol.EVENTS
    job = protocol.StartJob("a", ["a.png"], "out", {"seed": 1}, "c.npz", [1], ["told"], [{"detector": "fan"}])
    return [protocol.encode(message).encode() for message in (job, *(kind() for kind in kinds))]


def _results() -> list[bytes]:
    photo = protocol.PhotoResult(
        "photo_0.png", 64, 48, 90.0, 32.0, 24.0, np.eye(3).tolist(), [0.0, 0.0, -600.0], "envMap_0.exr",
        "reconstruction_0.png", "render_0.png", window=[0.0, 0.0, 64.0, 48.0], expression={"jawOpen": 0.2},
    )  # fmt: skip
    return [protocol.Result(diffuse="diffuseMap_0.png", mesh="mesh0.obj", photos=[photo]).to_json().encode()]


def _hints() -> list[bytes]:
    points = {"61": [0.45, 0.62], "1": [0.1, 0.2, 0.5]}
    return [json.dumps({"detector": "mediapipe", "points": points, "focal_length_mm": 50.0}).encode()]


def _jobs() -> list[bytes]:
    whole = {
        "photos": ["left.jpg", "front.jpg"],
        "people": "one",
        "output": "out/face.blend",
        "preset": "high",
        "settings": {"texture_size": 2048, "seed": 3},
        "build": {"light": False},
    }
    return [json.dumps(whole, indent=1).encode(), b"{}"]


def _configs() -> list[bytes]:
    ours = b"# One.\n[settings]\ntexture_size = 512\nseed = 3 # said\nface_model = 'bundled'\ncheckpoints = true\n"
    theirs = b"device = 'cuda'\ntextureResolution = 512 #texels\npath = './baselMorphableModel'\nrtSamples = 8#s\ntrimPca = False\n"
    return [ours, theirs]


def _basel_files() -> list[bytes]:
    import h5py

    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file["shape/model/mean"] = np.arange(24, dtype=np.float32)
        file["shape/model/pcaBasis"] = np.ones((24, 5), np.float32)
        file["shape/model/pcaVariance"] = np.arange(5, dtype=np.float32)
        file["shape/representer/cells"] = np.zeros((3, 4), np.int32)
    return [stream.getvalue()]


TARGETS = (
    Target("photo", _pictures, _from_file("photo", read_photo)),
    Target("header", _pictures, _from_file("photo", photo_header.read_header)),
    Target("profile", _profiles, _profile),
    Target("checkpoint", _checkpoints, _from_file("stage1_output.npz", checkpoints.read_checkpoint)),
    Target("message", _messages, _message),
    Target("result", _results, _result),
    Target("hints", _hints, _from_file("points.json", lambda path: hints.read_hints([path], 1))),
    Target("job", _jobs, _from_file("job.json", lambda path: job_file.read_job(path, ("light",)))),
    Target("config", _configs, _from_file("config.ini", presets.load)),
    Target("basel", _basel_files, _from_file("model.h5", _basel)),
)
