"""Pictures of the crop, taken back to the photo's own pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.errors import PhotoError  # noqa: E402
from nextgenface.engine.fit import prepare  # noqa: E402
from nextgenface.engine.fit.prepare import (  # noqa: E402
    NARROW_RIM_SHARE,
    RIM_SHARE,
    PreparedPhoto,
    mask_with,
    uncropped,
    uncropped_mean,
    window_of,
)
from nextgenface.engine.landmarks.detector import DetectedFace  # noqa: E402
from nextgenface.engine.landmarks.schemes import MEDIAPIPE  # noqa: E402
from nextgenface.engine.photos.crop import FaceCrop, crop_face  # noqa: E402
from nextgenface.engine.photos.reading import Photo  # noqa: E402
from nextgenface.engine.reporter import SilentReporter  # noqa: E402
from nextgenface.engine.settings import Settings  # noqa: E402


@pytest.fixture(scope="module")
def photo() -> Photo:
    """Coloured noise, smooth over some pixels."""
    rng = np.random.default_rng(0)
    values = cv2.GaussianBlur(rng.uniform(0, 255, (120, 150, 3)).astype(np.float32), (0, 0), 3.0)
    return Photo(Path("a.png"), np.clip(128 + 4 * (values - 128), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("fit_size", [150, 230])
def test_an_enlarged_crop_goes_back_to_the_photos_pixels(photo, fit_size):
    crop = crop_face(photo, np.array([[50, 40], [100, 90]], np.float32), fit_size)
    assert crop.scale > 1.2
    left, top, width, height = window = window_of(crop, photo)
    back = uncropped_mean(crop.linear, crop, window)
    # No more of the photo than the crop shows: the photo may be large, and the face in it small.
    assert back.shape == (height, width, 3) and width * height < 0.6 * photo.width * photo.height
    seen = photo.linear[top : top + height, left : left + width]
    inner = np.s_[3:-3, 3:-3]
    assert np.abs(back - seen)[inner].mean() < 0.01


def test_each_pixel_is_the_mean_over_its_square(photo):
    """Detail that only the enlarged picture has is averaged, not picked at the middles of the photo's pixels."""
    crop = crop_face(photo, np.array([[50, 40], [100, 90]], np.float32), 340)
    rows, columns = np.mgrid[0 : crop.height, 0 : crop.width]
    stripes = ((rows + columns) % 2).astype(np.float32)
    found = uncropped_mean(stripes, crop, window_of(crop, photo))
    assert np.abs(found[3:-3, 3:-3] - 0.5).max() < 0.05


def test_a_mask_lies_where_its_crop_does(photo):
    crop = crop_face(photo, np.array([[50, 40], [100, 90]], np.float32), 150)
    mask = uncropped(np.ones((crop.height, crop.width), np.float32), crop, photo)
    left, top, width, height = window_of(crop, photo)
    assert mask.shape == (photo.height, photo.width)
    assert mask[top + 2 : top + height - 2, left + 2 : left + width - 2].min() > 0.999
    assert mask[: top - 1].max(initial=0.0) == 0.0 and mask[:, left + width + 1 :].max(initial=0.0) == 0.0


@pytest.mark.parametrize("at_edges", [True, False], ids=["at edges", "within the person"])
def test_the_mask_is_widened_with_a_rim_that_suits_what_is_known_of_the_border(at_edges):
    """Even skin beyond the detector's oval: at an edge of the photo the face's border is known, elsewhere there may be hair."""
    size = 300
    points = np.full((MEDIAPIPE.count, 3), size / 2, np.float32)
    angle = np.linspace(0.0, 2.0 * np.pi, len(MEDIAPIPE.oval), endpoint=False)
    points[list(MEDIAPIPE.oval), :2] += 0.3 * size * np.stack([np.sin(angle), -np.cos(angle)], 1)
    crop = FaceCrop(np.tile(np.array([0.35, 0.2, 0.14], np.float32), (size, size, 1)), None, 0.0, 0.0, 1.0)
    face = DetectedFace(points, np.ones(len(points), np.float32))
    nothing = np.zeros((size, size), np.float32)
    photo = PreparedPhoto(None, face, crop, crop, nothing, nothing, nothing, nothing, nothing, None, None)
    # A band on the right, up to six pixels beyond the oval.
    radius = np.hypot(*(np.mgrid[0:size, 0:size] + 0.5 - size / 2))
    band = (radius < 0.3 * size + 6.0) & (np.arange(size) > size / 2)
    none = np.zeros_like(band)
    mask = mask_with(photo, *((band, none) if at_edges else (none, band)))
    row = mask[size // 2]
    assert row[: size // 2].max() == 0.0, "nothing is widened elsewhere"
    seen = np.flatnonzero(row > 0.5)
    area = np.sqrt(np.pi) * 0.3 * size
    rim = 1.5 * (NARROW_RIM_SHARE if at_edges else RIM_SHARE) * area
    assert seen.max() == pytest.approx(0.8 * size + 5.5 - rim, abs=2.0)


def _prepared(path: Path, monkeypatch: pytest.MonkeyPatch, person: float | None) -> PreparedPhoto:
    """A photo prepared where everything is as surely a ``person``; None: where nothing tells people from the rest."""

    def mask(srgb: np.ndarray) -> np.ndarray | None:
        return None if person is None else np.full(srgb.shape[:2], person, np.float32)

    monkeypatch.setattr(prepare, "person_mask", mask)
    return prepare.prepare_photo(path, Settings(), SilentReporter())


def test_a_face_that_is_said_to_be_no_person_is_believed_to_be_one(astronaut, monkeypatch):
    """In an old press photo no person was made out, all skin was left out, and the engine ended."""
    pytest.importorskip("mediapipe")
    without, none, all_over = (_prepared(astronaut, monkeypatch, person) for person in (None, 0.0, 1.0))
    assert none.detail_person is None and all_over.detail_person is not None
    assert np.array_equal(none.mask, without.mask) and none.mask.mean() > 0.1


def test_a_face_of_which_no_skin_can_be_made_out_is_refused(astronaut, monkeypatch):
    pytest.importorskip("mediapipe")
    monkeypatch.setattr(prepare, "skin_mask", lambda crop, *_, **__: np.zeros((crop.height, crop.width), np.float32))
    with pytest.raises(PhotoError, match="Hardly any skin") as caught:
        _prepared(astronaut, monkeypatch, None)
    assert astronaut.name in str(caught.value) and "choose" in caught.value.remedy
