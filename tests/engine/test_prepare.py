"""Pictures of the crop, taken back to the photo's own pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.fit.prepare import uncropped, uncropped_mean, window_of  # noqa: E402
from nextgenface.engine.photos.crop import crop_face  # noqa: E402
from nextgenface.engine.photos.reading import Photo  # noqa: E402


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
