"""Reads a photo: any usual file, upright, in sRGB."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import PhotoError
from ..reporter import Reporter, SilentReporter
from ..scene.colour import srgb_to_linear
from .decoding import Decoded, Pixels, decode
from .exif import Lens, read_lens, read_orientation
from .icc import read_matrix_profile, to_srgb8

FloatArray = NDArray[np.float32]
Sample = TypeVar("Sample", bound=np.generic)

MOST_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Photo:
    """A photo, upright.

    Attributes:
        path: where it was read from.
        encoded: (H, W, 3) uint8 or uint16, sRGB.
        alpha: (H, W) float32 in [0, 1], or None where every pixel counts.
        bit_depth: 8 or 16, of the file.
        orientation: the EXIF orientation of the file, 1 to 8; already applied.
        lens: what EXIF says about the focal length, for the photo as it is; None where it says nothing.
        reduction: how many times smaller than the file this is: 1, or 2, 4, 8 for JPEG files too large for memory.
        sha256: hexadecimal, of the bytes that were read, whatever lies at ``path`` by now.
    """

    path: Path
    encoded: Pixels = field(repr=False)
    alpha: FloatArray | None = field(default=None, repr=False)
    bit_depth: int = 8
    orientation: int = 1
    lens: Lens | None = None
    reduction: int = 1
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file's name, for messages."""
        return self.path.name

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.encoded.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.encoded.shape[0])

    @property
    def focal_35mm(self) -> float | None:
        """35 mm equivalent focal length over the diagonal, from EXIF, or None."""
        return self.lens.focal_35mm if self.lens else None

    @cached_property
    def srgb8(self) -> NDArray[np.uint8]:
        """(H, W, 3) 8-bit sRGB, for detectors and pictures."""
        if self.encoded.dtype == np.uint8:
            return np.asarray(self.encoded, np.uint8)
        return np.asarray((self.encoded.astype(np.uint32) + 128) // 257, np.uint8)

    @cached_property
    def linear(self) -> FloatArray:
        """(H, W, 3) linear Rec. 709 in [0, 1]. Made on first use: four bytes a sample."""
        return srgb_to_linear(self.encoded)


def read_photo(path: str | Path, reporter: Reporter | None = None) -> Photo:
    """The photo at ``path``. Its bytes are read once, so a file that is replaced meanwhile cannot come out torn.

    Raises:
        PhotoError: missing, a folder, no permission, not an image, damaged, too large or too small.
    """
    path = Path(path)
    data = _read_bytes(path)
    decoded = decode(data, path.name)
    srgb = _in_srgb(decoded, path.name, reporter or SilentReporter())
    orientation = read_orientation(decoded.exif)
    alpha = None if decoded.alpha is None else decoded.alpha.astype(np.float32) / np.iinfo(decoded.alpha.dtype).max
    if alpha is not None and bool((alpha == 1.0).all()):
        alpha = None
    return Photo(
        path=path,
        encoded=upright(srgb, orientation),
        alpha=None if alpha is None else upright(alpha, orientation),
        bit_depth=decoded.bit_depth,
        orientation=orientation,
        lens=read_lens(decoded.exif, *decoded.full_size),
        reduction=round(decoded.full_size[0] / srgb.shape[1]),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def upright(pixels: NDArray[Sample], orientation: int) -> NDArray[Sample]:
    """Pixels (H, W, ...) turned and mirrored as EXIF ``orientation`` (1 to 8) asks (EXIF 2.32, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _read_bytes(path: Path) -> bytes:
    """All bytes of a file, or a PhotoError that says what is wrong with it."""
    try:
        if path.is_dir():
            raise PhotoError(f"{path.name} is a folder.", "Choose a photo.")
        if path.exists() and not path.is_file():
            # A pipe or a device has no end.
            raise PhotoError(f"{path.name} is no file.", "Choose a photo.")
        if path.stat().st_size > MOST_BYTES:
            raise PhotoError(f"{path.name} is larger than {MOST_BYTES // 10**9} GB.", "Choose a smaller photo.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError(f"There is no file {path}.", "Choose a photo that exists.") from error
    except PermissionError as error:
        raise PhotoError(f"{path.name} may not be read.", "Give yourself the right to read it, or copy it.") from error
    except OSError as error:
        raise PhotoError(f"{path.name} cannot be read: {error.strerror}.", "Copy it to a local disk.") from error


def _in_srgb(decoded: Decoded, name: str, reporter: Reporter) -> Pixels:
    """(H, W, 3) sRGB of the decoded pixels; a profile that cannot be used is ignored with a warning."""
    if decoded.profile:
        try:
            return _with_profile(decoded.colour, decoded.profile)
        except ValueError:
            reporter.warn(f"The colour profile of {name} cannot be used; its colours are taken as sRGB.")
    if isinstance(decoded.colour, Image.Image):
        return np.asarray(decoded.colour.convert("RGB"))
    return _three_channels(decoded.colour)


def _with_profile(colour: Pixels | Image.Image, profile: bytes) -> Pixels:
    """(H, W, 3) sRGB of pixels that have an ICC profile.

    Raises:
        ValueError: the profile cannot be used for these pixels.
    """
    if isinstance(colour, Image.Image) or colour.dtype == np.uint8:
        image = colour if isinstance(colour, Image.Image) else Image.fromarray(colour)
        return np.asarray(to_srgb8(image, profile))
    matrix = read_matrix_profile(profile)
    if matrix is None or colour.ndim == 2:
        raise ValueError("only matrix profiles are known at 16 bits")
    rows = np.array_split(colour, max(1, colour.shape[0] // 256))
    # In strips: the formula needs doubles.
    strips = [
        np.round(matrix.to_srgb(strip.astype(np.float32) / 65535.0) * 65535.0).astype(np.uint16) for strip in rows
    ]
    return np.concatenate(strips)


def _three_channels(pixels: Pixels) -> Pixels:
    return np.ascontiguousarray(np.repeat(pixels[..., None], 3, 2)) if pixels.ndim == 2 else pixels
