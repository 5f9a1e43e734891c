"""What the first bytes of a JPEG or PNG file tell: size, orientation, focal length. Standard library only.

For showing a photo before the engine has read it, which understands more files and more tags (`photos.exif`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# Tags stand in the first segments, before the pixels.
_MOST_BYTES = 1 << 18
_ORIENTATION, _EXIF_IFD, _FOCAL_LENGTH_35MM = 0x0112, 0x8769, 0xA405
# Start of a JPEG's frame, which tells its size, in any coding; and markers that nothing follows.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_BARE = {0x01, *range(0xD0, 0xD9)}


@dataclass(frozen=True)
class PhotoHeader:
    """Of a photo, turned upright.

    Attributes:
        width, height: pixels.
        orientation: EXIF, 1 to 8; already applied to the size.
        focal_35mm: millimetres, 35 mm equivalent; 0: not told.
    """

    width: int
    height: int
    orientation: int = 1
    focal_35mm: float = 0.0


def read_header(path: Path) -> PhotoHeader | None:
    """What the file tells; None where it is no JPEG or PNG, damaged, or not to be read."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
        size, tags = _png(data) if data.startswith(b"\x89PNG\r\n\x1a\n") else _jpeg(data)
    except (OSError, ValueError, struct.error, IndexError):
        return None
    orientation = tags.get(_ORIENTATION, 1)
    orientation = orientation if 1 <= orientation <= 8 else 1
    width, height = size[::-1] if orientation >= 5 else size
    return PhotoHeader(width, height, orientation, float(tags.get(_FOCAL_LENGTH_35MM, 0)))


def _png(data: bytes) -> tuple[tuple[int, int], Mapping[int, int]]:
    """Size and tags in a PNG's chunks up to its pixels (PNG 1.2, and the eXIf chunk of its extensions)."""
    width, height = struct.unpack(">II", data[16:24])
    place, tags = 8, {}
    while place + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        if kind == b"eXIf":
            tags = _tags(data[place + 8 : place + 8 + length])
        if kind in (b"IDAT", b"IEND"):
            break
        place += length + 12
    return (width, height), tags


def _jpeg(data: bytes) -> tuple[tuple[int, int], Mapping[int, int]]:
    """Size and tags in a JPEG's segments up to its frame (ITU T.81, annex B). Raises ValueError where it is none."""
    tags: Mapping[int, int] = {}
    for marker, segment in _segments(data):
        if marker == 0xE1 and segment.startswith(b"Exif\0\0"):
            tags = _tags(segment[6:])
        elif marker in _FRAMES:
            height, width = struct.unpack(">HH", segment[1:5])
            return (width, height), tags
    raise ValueError("no frame")


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with what belongs to them."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            raise ValueError("no marker")
        marker = data[place + 1]
        if marker == 0xFF or marker in _BARE:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        yield marker, data[place + 4 : place + 2 + length]
        place += 2 + length


def _tags(tiff: bytes) -> dict[int, int]:
    """Whole numbers among the tags of the main and the EXIF directory (TIFF 6.0); empty where these are damaged."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return {}
    try:
        (start,) = struct.unpack(f"{order}I", tiff[4:8])
        tags = _directory(tiff, order, start)
        return tags | (_directory(tiff, order, tags[_EXIF_IFD]) if _EXIF_IFD in tags else {})
    except struct.error:
        return {}


def _directory(tiff: bytes, order: str, start: int) -> dict[int, int]:
    """Tag -> value of one directory's entries that are a SHORT or a LONG."""
    (count,) = struct.unpack(f"{order}H", tiff[start : start + 2])
    found = {}
    for number in range(count):
        entry = tiff[start + 2 + 12 * number : start + 14 + 12 * number]
        tag, kind, length = struct.unpack(f"{order}HHI", entry[:8])
        if length == 1 and kind in (3, 4):
            form, size = ("H", 2) if kind == 3 else ("I", 4)
            (found[tag],) = struct.unpack(f"{order}{form}", entry[8 : 8 + size])
    return found
