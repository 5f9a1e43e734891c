"""A photo made ready for the fit: read, its face found, cut out and masked."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import PhotoError
from ..hints import PhotoHints
from ..landmarks.by_hand import corrected
from ..landmarks.choose import choose_detector
from ..landmarks.detector import DetectedFace, largest_face
from ..photos.crop import FaceCrop, crop_face
from ..photos.masks import brow_mask, eye_mask, mouth_mask, oval_mask, skin_mask
from ..photos.people import believed, person_mask
from ..photos.reading import Photo, read_photo
from ..reporter import Reporter
from ..scene.camera import Camera
from ..scene.colour import linear_to_srgb
from ..settings import Settings
from .refine import face_height
from .seam import Seam, find_seam

FloatImage = NDArray[np.float32]

# The picture that the maps are read from has about this many pixels for the texels across the map.
DETAIL_SHARE = 1.0
LEAST_TRUST = 0.25
# Width of the rim that is not looked at, as a share of the root of the face's area; over as much again trust comes up.
RIM_SHARE = 0.02
# The same along the silhouette of a fitted head.
NARROW_RIM_SHARE = 0.007
# The least share of the face's oval that must show lit skin: portraits have 0.8, an overexposed one 0.4.
LEAST_SKIN = 0.03


@dataclass(frozen=True)
class PreparedPhoto:
    """A photo with its face found.

    Attributes:
        crop: for the fit. detail: for the maps; the same window, maybe finer.
        mask: of the skin in ``crop``. detail_mask: the same in ``detail``, with the lids' rims and lashes.
        detail_person: None where nothing can tell people from what is behind them.
        seam: where the lips meet in ``detail``; None where they are open.
        focal_length_mm: what a person said of this photo, 0 if nothing.
    """

    photo: Photo
    face: DetectedFace
    crop: FaceCrop
    detail: FaceCrop
    mask: FloatImage
    detail_mask: FloatImage
    detail_eyes: FloatImage
    detail_brows: FloatImage
    detail_mouth: FloatImage
    detail_person: FloatImage | None
    seam: Seam | None
    focal_length_mm: float = 0.0

    @property
    def person(self) -> FloatImage | None:
        """(H, W) of ``crop``: 1 where a person is seen."""
        return _resized(self.detail_person, self.crop)


def prepare_photo(path: Path, settings: Settings, reporter: Reporter, hints: PhotoHints | None = None) -> PreparedPhoto:
    """Read a photo, find its largest face and cut it out; its points are those of ``hints`` where these have any.

    Raises:
        PhotoError: the file cannot be read, or shows no face that is large enough, or next to no skin of it.
    """
    photo = read_photo(path, reporter)
    reporter.progress("landmarks", 0, 1)
    detector = choose_detector(settings, reporter)
    said = hints or PhotoHints()
    found = largest_face(detector.detect(photo.srgb8), photo.name, reporter)
    face = corrected(found, said, photo.width, photo.height, reporter)
    reporter.check()
    crop = crop_face(photo, face.points, settings.fit_size)
    detail = crop_face(photo, face.points, detail_size(crop, settings))
    points = detail.from_photo(face.points)
    inside = oval_mask((detail.height, detail.width), points, face.scheme)
    person = believed(person_mask(_srgb8(detail.linear)), inside)
    seam = find_seam(detail.linear, points, face.scheme, face_height(points, face.scheme.height_share))
    mask = _mask(crop, face, _resized(person, crop), seam is not None)
    oval = oval_mask((crop.height, crop.width), crop.from_photo(face.points), face.scheme)
    if mask.sum() < LEAST_SKIN * oval.sum():
        raise PhotoError(
            f"Hardly any skin of the face can be made out in {photo.name}.",
            "It may be overexposed, black or covered: choose a photo that shows more of the skin.",
        )
    return PreparedPhoto(
        photo=photo,
        face=face,
        crop=crop,
        detail=detail,
        mask=mask,
        detail_mask=_mask(detail, face, person, seam is not None, rims=True),
        detail_eyes=eye_mask(detail, points, face.scheme),
        detail_brows=brow_mask(detail, points, face.scheme),
        detail_mouth=mouth_mask(detail, points, face.scheme),
        detail_person=person,
        seam=seam,
        focal_length_mm=said.focal_length_mm,
    )


def mask_with(prepared: PreparedPhoto, at_edges: NDArray[np.bool_], within: NDArray[np.bool_]) -> FloatImage:
    """The detail picture's mask, (H, W), widened to where a fitted face shows its skin from aside: ``at_edges`` (H, W), where its
    border is known and the rim is narrow, and ``within`` (H, W) the person, where hair may hang over it.
    """
    mask = prepared.detail_mask
    for aside, rim_share in ((at_edges, NARROW_RIM_SHARE), (within, RIM_SHARE)):
        if aside.any():
            wider = _mask(
                prepared.detail,
                prepared.face,
                prepared.detail_person,
                prepared.seam is not None,
                aside,
                rims=True,
                rim_share=rim_share,
            )
            mask = np.where(aside, np.maximum(mask, wider), mask)
    return mask


def detail_size(crop: FaceCrop, settings: Settings) -> int:
    """Longer side in pixels of the picture for the maps: as the photo has it, at least the fit's, at most what the maps
    can hold.
    """
    native = max(crop.width, crop.height) / crop.scale
    return round(max(settings.fit_size, min(native, DETAIL_SHARE * settings.texture_size)))


def _mask(
    crop: FaceCrop,
    face: DetectedFace,
    person: FloatImage | None,
    lips_closed: bool,
    aside: NDArray[np.bool_] | None = None,
    rims: bool = False,
    rim_share: float = RIM_SHARE,
) -> FloatImage:
    skin = skin_mask(crop, crop.from_photo(face.points), person, aside, face.scheme, lips_closed, rims)
    return surely_skin(skin, rim_share)


def _resized(mask: FloatImage | None, crop: FaceCrop) -> FloatImage | None:
    """``mask`` with the crop's pixels."""
    if mask is None or mask.shape == (crop.height, crop.width):
        return mask
    return np.asarray(cv2.resize(mask, (crop.width, crop.height), interpolation=cv2.INTER_AREA), np.float32)


def _srgb8(linear: FloatImage) -> NDArray[np.uint8]:
    return np.asarray(np.round(np.clip(linear_to_srgb(linear), 0.0, 1.0) * 255.0), np.uint8)


def photo_camera(camera: Camera, crop: FaceCrop, photo: Photo) -> Camera:
    """The camera of the whole photo, of the crop's."""
    back = camera.cropped(-crop.left * crop.scale, -crop.top * crop.scale, photo.width, photo.height, 1.0 / crop.scale)
    return replace(back, width=photo.width, height=photo.height)


def uncropped(values: FloatImage, crop: FaceCrop, photo: Photo) -> FloatImage:
    """(H, W) of the whole photo: ``values`` (h, w) of its crop where that lies, 0 elsewhere."""
    return _moved_back(values, crop, (0, 0, photo.width, photo.height), (0.5, 0.5))


def window_of(crop: FaceCrop, photo: Photo) -> tuple[int, int, int, int]:
    """Left, top, width and height of the photo's pixels that lie in the crop, its border included."""
    left, top = int(crop.left), int(crop.top)
    width = min(photo.width - left, math.ceil(crop.width / crop.scale))
    return left, top, width, min(photo.height - top, math.ceil(crop.height / crop.scale))


def uncropped_mean(values: FloatImage, crop: FaceCrop, window: tuple[int, int, int, int]) -> FloatImage:
    """(h, w, ...) of the photo's ``window``: each of its pixels is the mean over its square in ``values`` of the crop."""
    count = math.ceil(2.0 * crop.scale)
    places = (np.arange(count) + 0.5) / count
    total = np.zeros((window[3], window[2], *values.shape[2:]), np.float64)
    for x, y in itertools.product(places, places):
        total += _moved_back(values, crop, window, (x, y))
    return (total / count**2).astype(np.float32)


def _moved_back(
    values: FloatImage, crop: FaceCrop, window: tuple[int, int, int, int], at: tuple[float, float]
) -> FloatImage:
    """(h, w, ...) ``values`` of the crop at the place ``at`` (x, y) in [0, 1] of each pixel of the photo's ``window``."""
    left, top, width, height = window
    across, down = (at[0] + left - crop.left) * crop.scale, (at[1] + top - crop.top) * crop.scale
    # OpenCV counts pixel centres as whole numbers.
    place = np.array([[crop.scale, 0.0, across - 0.5], [0.0, crop.scale, down - 0.5]])
    moved = cv2.warpAffine(values, place, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(moved, np.float32)


def surely_skin(mask: FloatImage, rim_share: float = RIM_SHARE) -> FloatImage:
    """``mask`` (H, W) without doubtful pixels (what is half trusted would show half) and without its outer rim.

    At the rim are the shadow of the hair and the turn of the cheek; openings inside, such as the eyes, keep their edges.
    """
    share = np.clip((mask - LEAST_TRUST) / (1.0 - LEAST_TRUST), 0.0, 1.0)
    smooth = share * share * (3.0 - 2.0 * share)
    solid = np.zeros(mask.shape, np.uint8)
    outlines, _ = cv2.findContours((mask > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(solid, outlines, -1, 1, cv2.FILLED)
    rim = rim_share * float(np.sqrt(max(1, int(solid.sum()))))
    # The picture's own border is no rim: outside counts as inside.
    depth = cv2.distanceTransform(cv2.copyMakeBorder(solid, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5)
    inner = np.clip(depth[1:-1, 1:-1] / rim - 1.0, 0.0, 1.0)
    return np.asarray(smooth * inner, np.float32)
