"""Pictures of the crop, taken back to the photo's own pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.engine
cv2 = pytest.importorskip("cv2")

from nextgenface.engine.fit.prepare import uncropped, uncropped_mean  # noqa: E402
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
    back = uncropped_mean(crop.linear, crop, photo)
    assert back.shape == photo.linear.shape
    inside = uncropped(np.ones((crop.height, crop.width), np.float32), crop, photo) > 0.999
    inner = cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert inner.sum() > 3000
    assert np.abs(back - photo.linear)[inner].mean() < 0.01


def test_each_pixel_is_the_mean_over_its_square(photo):
    """Detail that only the enlarged picture has is averaged, not picked at the middles of the photo's pixels."""
    crop = crop_face(photo, np.array([[50, 40], [100, 90]], np.float32), 340)
    rows, columns = np.mgrid[0 : crop.height, 0 : crop.width]
    stripes = ((rows + columns) % 2).astype(np.float32)
    inside = cv2.erode((uncropped(np.ones_like(stripes), crop, photo) > 0.999).astype(np.uint8), np.ones((5, 5))) > 0
    assert np.abs(uncropped_mean(stripes, crop, photo)[inside] - 0.5).max() < 0.05
