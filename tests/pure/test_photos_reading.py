"""Every kind of file becomes an upright sRGB photo, or one clear sentence."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")
Image = pytest.importorskip("PIL.Image")

from nextgenface.engine.errors import PhotoError  # noqa: E402
from nextgenface.engine.photos import decoding  # noqa: E402
from nextgenface.engine.photos.reading import read_photo  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.scene.colour import linear_to_srgb, srgb_to_linear  # noqa: E402
from PIL import ImageCms  # noqa: E402

WIDTH, HEIGHT = 60, 40


class Listener(SilentReporter):
    def __init__(self):
        self.warnings = []

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def colours():
    """A smooth picture whose four corners differ, so that no turn of it looks like another."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 3 * x, 30 + 4 * y, 220 - 2 * x - y], -1).astype(np.uint8)


def saved(path, colours, **options):
    Image.fromarray(colours).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.jpg"])
def test_eight_bit_files(tmp_path, colours, name):
    options = {"a.webp": {"lossless": True}, "a.jpg": {"quality": 98, "subsampling": 0}}.get(name, {})
    photo = read_photo(saved(tmp_path / name, colours, **options))
    assert (photo.width, photo.height, photo.bit_depth, photo.alpha) == (WIDTH, HEIGHT, 8, None)
    assert np.abs(photo.encoded.astype(int) - colours).max() <= (3 if name == "a.jpg" else 0)
    assert photo.linear.dtype == np.float32
    np.testing.assert_allclose(photo.linear, srgb_to_linear(photo.encoded))


def test_the_srgb_curve_is_the_true_one():
    np.testing.assert_allclose(
        srgb_to_linear(np.array([0, 10, 128, 255], np.uint8)), [0, 0.0030353, 0.2158605, 1], rtol=1e-4
    )
    values = np.linspace(0, 1, 1001, dtype=np.float32)
    np.testing.assert_allclose(linear_to_srgb(srgb_to_linear(values)), values, atol=2e-6)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_kept(tmp_path, colours, name):
    deep = colours.astype(np.uint16) * 257 + 77
    cv2.imwrite(str(tmp_path / name), deep[..., ::-1])
    photo = read_photo(tmp_path / name)
    assert photo.bit_depth == 16
    np.testing.assert_array_equal(photo.encoded, deep)
    np.testing.assert_allclose(photo.linear, srgb_to_linear(deep.astype(np.float32) / 65535), atol=1e-6)
    assert np.abs(photo.srgb8.astype(int) - colours).max() <= 1


def test_sixteen_bit_grey_and_alpha(tmp_path, colours):
    grey = colours[..., 0].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "grey.png"), grey)
    np.testing.assert_array_equal(read_photo(tmp_path / "grey.png").encoded, np.repeat(grey[..., None], 3, 2))
    alpha = np.full((HEIGHT, WIDTH, 1), 32768, np.uint16)
    cv2.imwrite(str(tmp_path / "alpha.png"), np.concatenate([np.repeat(grey[..., None], 3, 2), alpha], 2))
    np.testing.assert_allclose(read_photo(tmp_path / "alpha.png").alpha, 0.5, atol=1e-4)


def test_grey_and_palette(tmp_path, colours):
    Image.fromarray(colours[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_photo(tmp_path / "grey.png").encoded, np.repeat(colours[..., :1], 3, 2))
    flat = (colours // 64) * 64
    Image.fromarray(flat).quantize(256).save(tmp_path / "palette.png")
    assert np.abs(read_photo(tmp_path / "palette.png").encoded.astype(int) - flat).max() <= 4


def test_alpha_is_a_mask(tmp_path, colours):
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:, 30:] = 255
    saved(tmp_path / "a.png", np.dstack([colours, alpha]))
    photo = read_photo(tmp_path / "a.png")
    np.testing.assert_allclose(photo.alpha, alpha / 255)
    saved(tmp_path / "opaque.png", np.dstack([colours, np.full_like(alpha, 255)]))
    assert read_photo(tmp_path / "opaque.png").alpha is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(tmp_path, colours, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    saved(tmp_path / "a.png", colours, exif=exif)
    photo = read_photo(tmp_path / "a.png")
    from PIL import ImageOps

    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    np.testing.assert_array_equal(photo.encoded, expected)
    assert photo.orientation == orientation
    turned = orientation >= 5
    assert (photo.width, photo.height) == ((HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))


def test_cmyk_jpeg(tmp_path, colours):
    Image.fromarray(colours).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert np.abs(read_photo(tmp_path / "a.jpg").encoded.astype(int) - colours).mean() < 6


def wide_profile(gamma=2.2, kind="curv"):
    """The bytes of a matrix profile with Adobe RGB (1998)'s colorants adapted to D50 and one gamma."""

    def fixed(*values):
        return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))

    def xyz(*values):
        return b"XYZ \0\0\0\0" + fixed(*values)

    curves = {
        "curv": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0",
        "para": b"para\0\0\0\0" + struct.pack(">HH", 0, 0) + fixed(gamma),
    }
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79)
    curve = curves[kind]
    tags = {
        b"desc": text,
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, start = b"", b"", 132 + 12 * len(tags)
    for name, data in tags.items():
        data += bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data
    size = start + len(body)
    version = 0x04200000 if kind == "para" else 0x02400000
    header = (
        struct.pack(">I4sI4s4s4s", size, b"none", version, b"mntr", b"RGB ", b"XYZ ") + bytes(12) + b"acsp" + bytes(28)
    )
    header += fixed(0.9642, 1.0, 0.8249)
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + body


@pytest.mark.parametrize("kind", ["curv", "para"])
def test_a_profile_is_converted_to_srgb_at_both_depths(tmp_path, kind):
    """A grey keeps its lightness, a wide green becomes stronger; 8 and 16 bit agree with Little CMS's own engine."""
    profile = wide_profile(kind=kind)
    muted = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    muted[:, 30:] = (110, 150, 120)
    saved(tmp_path / "a.png", muted, icc_profile=profile)
    shallow = read_photo(tmp_path / "a.png")
    assert np.ptp(shallow.encoded[0, 0].astype(int)) <= 1
    assert shallow.encoded[0, 40, 0] < 105, "red of a wide-gamut green falls"

    cv2.imwrite(str(tmp_path / "deep.png"), muted[..., ::-1].astype(np.uint16) * 257)
    with_profile(tmp_path / "deep.png", profile)
    deep = read_photo(tmp_path / "deep.png")
    assert deep.bit_depth == 16
    assert np.abs(deep.encoded / 257.0 - shallow.encoded).max() < 1.0


def with_profile(path, profile):
    """Put an iCCP chunk into a PNG."""
    import zlib

    data = path.read_bytes()
    body = b"iCCP" + b"test\0\0" + zlib.compress(profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(data[:33] + chunk + data[33:])


def test_an_unusable_profile_is_told_and_ignored(tmp_path, colours):
    saved(tmp_path / "a.png", colours, icc_profile=b"no profile at all")
    listener = Listener()
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png", listener).encoded, colours)
    assert len(listener.warnings) == 1 and "a.png" in listener.warnings[0]


def test_an_srgb_profile_changes_nothing(tmp_path, colours):
    saved(tmp_path / "a.png", colours, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert np.abs(read_photo(tmp_path / "a.png").encoded.astype(int) - colours).max() <= 1


def tagged(path, colours, tags):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    return saved(path, colours, exif=exif)


def test_the_focal_length_comes_from_its_35mm_tag(tmp_path, colours):
    assert read_photo(tagged(tmp_path / "a.jpg", colours, {0xA405: 85})).focal_35mm == 85
    assert read_photo(tagged(tmp_path / "b.jpg", colours, {0xA405: 0})).focal_35mm is None


def test_the_focal_length_comes_from_the_sensor(tmp_path, colours):
    # 60 x 40 pixels at 60 / 24 per millimetre: a sensor of 24 x 16 mm, whose crop factor is 1.5.
    tags = {0x920A: 50.0, 0xA002: WIDTH, 0xA003: HEIGHT, 0xA20E: WIDTH / 24, 0xA20F: HEIGHT / 16, 0xA210: 4}
    assert read_photo(tagged(tmp_path / "a.jpg", colours, tags)).focal_35mm == pytest.approx(75.0, rel=1e-3)
    del tags[0xA20E]
    assert read_photo(tagged(tmp_path / "b.jpg", colours, tags)).lens is None


def test_a_cropped_photo_keeps_its_focal_length_in_pixels(tmp_path, colours):
    whole = read_photo(tagged(tmp_path / "a.jpg", colours, {0xA405: 50, 0xA002: WIDTH, 0xA003: HEIGHT})).lens
    crop = read_photo(tagged(tmp_path / "b.jpg", colours[:, :40], {0xA405: 50, 0xA002: WIDTH, 0xA003: HEIGHT})).lens
    assert crop.focal_35mm * np.hypot(40, 40) == pytest.approx(50 * np.hypot(WIDTH, HEIGHT))
    assert crop.log_sd > 3 * whole.log_sd


def failure(path):
    with pytest.raises(PhotoError) as caught:
        read_photo(path)
    assert caught.value.message and caught.value.remedy
    return caught.value.message


def test_what_is_no_photo(tmp_path):
    (tmp_path / "text.png").write_text("This is a letter.")
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert "text.png is not an image" in failure(tmp_path / "text.png")
    assert "empty.jpg is not an image" in failure(tmp_path / "empty.jpg")
    assert "no file" in failure(tmp_path / "missing.png")
    assert "folder" in failure(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="an administrator may read everything")
def test_no_permission(tmp_path, colours):
    path = saved(tmp_path / "a.png", colours)
    path.chmod(0)
    assert "may not be read" in failure(path)


def test_no_permission_is_told_whoever_runs_this(tmp_path, colours, monkeypatch):
    path = saved(tmp_path / "a.png", colours)

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "may not be read" in failure(path)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_a_file_that_ends_too_early(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3), np.uint8)
    path = saved(tmp_path / name, noise)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    assert "damaged" in failure(path)


def test_a_deep_png_that_ends_too_early(tmp_path):
    noise = np.random.default_rng(0).integers(0, 65535, (200, 300, 3), np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    assert "damaged" in failure(tmp_path / "a.png")


def test_too_small(tmp_path, colours):
    assert "16 x 16" in failure(saved(tmp_path / "a.png", colours[:16, :16]))


def huge_png():
    """A valid header of 20,000 x 20,000 pixels with little behind it."""
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(bytes(1000))
    return head + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def test_a_huge_png_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "a.png").write_bytes(huge_png())
    assert "20000 x 20000" in failure(tmp_path / "a.png")


def test_a_huge_jpeg_is_decoded_smaller(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MOST_PIXELS", 100_000)
    y, x = np.mgrid[0:800, 0:1200]
    gentle = np.stack([x / 6, y / 4, (x + y) / 10], -1).astype(np.uint8)
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA405: 50})
    photo = read_photo(saved(tmp_path / "a.jpg", gentle, quality=95, exif=exif))
    assert (photo.width, photo.height, photo.reduction) == (300, 200, 4)
    assert np.abs(photo.encoded.astype(int) - gentle[2::4, 2::4]).max() < 6
    assert photo.lens.focal_35mm == 50
    assert "too large" in failure(saved(tmp_path / "b.jpg", gentle, progressive=True))


def test_the_file_is_read_once(tmp_path, colours, monkeypatch):
    """What replaces a photo while it is being read does not show."""
    path = saved(tmp_path / "a.png", colours)
    other = io.BytesIO()
    Image.fromarray(255 - colours[:, ::-1]).save(other, "png")
    real = Path.read_bytes

    def read_then_replace(self):
        data = real(self)
        self.write_bytes(other.getvalue())
        return data

    monkeypatch.setattr(Path, "read_bytes", read_then_replace)
    np.testing.assert_array_equal(read_photo(path).encoded, colours)
