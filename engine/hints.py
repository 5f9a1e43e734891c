"""What a person says of one photo: points of the face placed by hand, and the focal length. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import SettingsError
from .plain_json import parsed, read_text
from .typed import is_number

# A detector's own points: those that can be placed by hand.
POINT_COUNTS: Mapping[str, int] = {"mediapipe": 478, "fan": 68}
# A face may reach out of its photo, but not by more than the photo's own size.
_FURTHEST = 1.0
_FORM = 'A file of points looks like {"detector": "mediapipe", "points": {"61": [0.45, 0.62]}}.'
_NONE = "-"


@dataclass(frozen=True)
class PlacedPoint:
    """Where a person put a point of the face.

    Attributes:
        x, y: in widths and heights of the upright photo, from its top left corner.
        sureness: 1 for a point that was placed itself, less for one that followed it, above 0.
    """

    x: float
    y: float
    sureness: float = 1.0


@dataclass(frozen=True)
class PhotoHints:
    """Hints on one photo.

    Attributes:
        detector: whose points these are.
        points: the point's number in the detector's list -> its place.
        focal_length_mm: 35 mm equivalent over the diagonal; 0: not known.
    """

    detector: str = "mediapipe"
    points: Mapping[int, PlacedPoint] = field(default_factory=dict)
    focal_length_mm: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.points) or self.focal_length_mm > 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; empty where nothing is said."""
        if not self:
            return {}
        points = {str(n): [round(v, 6) for v in (p.x, p.y, p.sureness)] for n, p in sorted(self.points.items())}
        return {"detector": self.detector, "points": points, "focal_length_mm": self.focal_length_mm}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PhotoHints:
        """The hints in plain values.

        Raises:
            SettingsError: a name, a point's number or a place is none.
        """
        if not isinstance(values, dict) or not set(values) <= {"detector", "points", "focal_length_mm"}:
            raise SettingsError("These are no points of a photo.", _FORM)
        detector, points = values.get("detector", "mediapipe"), values.get("points", {})
        if not isinstance(detector, str) or detector not in POINT_COUNTS:
            raise SettingsError(f"There is no detector '{detector}'.", f"Known are: {', '.join(POINT_COUNTS)}.")
        if not isinstance(points, dict):
            raise SettingsError("The points are no mapping of numbers to places.", _FORM)
        placed = {_number(name, detector): _place(name, place) for name, place in points.items()}
        return cls(detector, placed, _focal(values.get("focal_length_mm", 0.0)))


def read_hints(files: Sequence[str | Path], photos: int) -> list[PhotoHints]:
    """The hints in ``files``, one for each of the ``photos`` in their order; ``-`` stands for none.

    Raises:
        SettingsError: there are more or fewer files than photos, or one cannot be read; it is named.
    """
    if files and len(files) != photos:
        raise SettingsError(
            f"Points are given for {len(files)} of {photos} photos.",
            f"Give one file for each photo, in the same order, and '{_NONE}' for a photo without.",
        )
    return [PhotoHints() if str(file) == _NONE else _read(Path(file)) for file in files]


def _read(path: Path) -> PhotoHints:
    try:
        return PhotoHints.from_dict(parsed(read_text(path)))
    except OSError as error:
        raise SettingsError(f"The points in '{path}' cannot be read: {error.strerror}.", "Check the path.") from error
    except ValueError as error:
        raise SettingsError(f"'{path}' is no JSON file.", _FORM) from error
    except SettingsError as error:
        raise SettingsError(f"In '{path}': {error.message}", error.remedy) from error


def _number(name: str, detector: str) -> int:
    number = int(name) if len(name) < 6 and name.isdecimal() else -1
    if not 0 <= number < POINT_COUNTS[detector]:
        raise SettingsError(
            f"There is no point '{name}' of '{detector}'.", f"They are numbered 0 to {POINT_COUNTS[detector] - 1}."
        )
    return number


def _place(name: str, place: Any) -> PlacedPoint:
    """A place given as [x, y] or [x, y, sureness]."""
    plain = isinstance(place, list) and len(place) in (2, 3) and all(map(is_number, place))
    if not plain or not all(-_FURTHEST <= value <= 1.0 + _FURTHEST for value in place[:2]):
        raise SettingsError(f"The place of point '{name}' is none.", "It is [x, y] in widths and heights of the photo.")
    if not 0.0 < (place[2] if len(place) == 3 else 1.0) <= 1.0:
        raise SettingsError(f"The sureness of point '{name}' is {place[2]}.", "It is above 0 and at most 1.")
    return PlacedPoint(*map(float, place))


def _focal(value: Any) -> float:
    if not is_number(value) or not 0.0 <= value <= 2000.0:
        raise SettingsError(f"The focal length is {value!r}.", "It is 0 (not known) to 2000 mm.")
    return float(value)
