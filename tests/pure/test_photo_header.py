"""What a photo tells in its first bytes, against Pillow, which wrote it."""

from __future__ import annotations

import pytest
from nextgenface.engine.photo_header import PhotoHeader, read_header

pillow = pytest.importorskip("PIL.Image")
KINDS = [("jpg", {}), ("jpg", {"progressive": True}), ("png", {})]


def write(path, orientation=None, focal=None, **options):
    exif = pillow.Exif()
    if orientation:
        exif[0x0112] = orientation
    exif[0x010F] = "A camera of a longer name"
    if focal:
        exif.get_ifd(0x8769)[0xA405] = focal
    pillow.new("RGB", (60, 40), (200, 100, 50)).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("orientation", [None, 1, 3, 5, 6, 8, 9])
def test_size_orientation_and_focal_length(tmp_path, kind, options, orientation):
    header = read_header(write(tmp_path / f"a.{kind}", orientation, 85, **options))
    turned = orientation in (5, 6, 8)
    known = orientation if orientation in range(1, 9) else 1
    assert header == PhotoHeader(*((40, 60) if turned else (60, 40)), known, 85.0)


@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_without_tags(tmp_path, kind):
    pillow.new("L", (7, 9)).save(tmp_path / f"a.{kind}")
    assert read_header(tmp_path / f"a.{kind}") == PhotoHeader(7, 9)


def test_what_the_engine_says_is_the_same(tmp_path):
    reading = pytest.importorskip("nextgenface.engine.photos.reading")
    photo = reading.read_photo(write(tmp_path / "a.jpg", 6, 50))
    header = read_header(tmp_path / "a.jpg")
    assert (header.width, header.height, header.orientation) == (photo.width, photo.height, photo.orientation)
    assert header.focal_35mm == photo.focal_35mm


@pytest.mark.parametrize("cut", [0, 1, 3, 20, 40, 80, 130])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_a_damaged_file_tells_nothing_or_something_but_does_no_harm(tmp_path, kind, cut):
    path = write(tmp_path / f"a.{kind}", 6, 85)
    path.write_bytes(path.read_bytes()[:cut])
    header = read_header(path)
    assert header is None or (header.width, header.height) in ((40, 60), (60, 40))


def test_other_files_tell_nothing(tmp_path):
    (tmp_path / "a.jpg").write_text("no picture")
    pillow.new("RGB", (6, 4)).save(tmp_path / "a.bmp")
    assert [read_header(tmp_path / name) for name in ("a.jpg", "a.bmp", "none.jpg", ".")] == [None] * 4
