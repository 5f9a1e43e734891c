"""The picture of the landmarks shows the points where they are."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.fit.landmark_picture import (
    BETWEEN,
    FITTED,
    FOUND,
    LEAST_SIDE,
    landmark_picture,
    photo_landmarks,
)
from nextgenface.engine.scene.camera import Camera


def _middle(picture, colour):
    """(x, y) of the pixels that have ``colour``, the legend at the bottom left out; pixel centres at +0.5."""
    rows, columns = np.nonzero((picture[: len(picture) * 9 // 10] == colour).all(-1))
    assert len(rows), "not drawn"
    return np.array([columns.mean(), rows.mean()]) + 0.5


@pytest.mark.parametrize("size", [(256, 192), (1200, 900)])
def test_points_lie_where_they_were_found_and_where_the_head_has_them(size):
    height, width = size
    found, fitted = np.array([[0.25, 0.5]]) * (width, height), np.array([[0.75, 0.25]]) * (width, height)
    picture = landmark_picture(np.full((height, width, 3), 0.2, np.float32), found, fitted, np.array([0]))
    scale = max(1.0, LEAST_SIDE / height)
    assert picture.shape == (round(height * scale), round(width * scale), 3)
    assert np.abs(_middle(picture, FOUND) - found[0] * scale).max() < 0.75
    assert np.abs(_middle(picture, FITTED) - fitted[0] * scale).max() < 0.75
    half = (found[0] + fitted[0]) / 2 * scale
    near = picture[round(half[1]) - 2 : round(half[1]) + 3, round(half[0]) - 2 : round(half[0]) + 3].astype(int)
    assert np.abs(near - BETWEEN).sum(-1).min() < 60, "the pair is joined"


def test_the_points_of_the_head_are_those_of_the_detector():
    model = load_model("bundled")
    camera = Camera(300, 400, 900.0, 150.0, 200.0, np.eye(3), np.array([0.0, 0.0, -700.0]))
    embedding = model.landmarks["mediapipe"]
    corners = model.mean[model.triangles[embedding.triangle]]
    found = np.full((478, 2), -100.0)
    found[embedding.index] = camera.project((corners * embedding.barycentric[..., None]).sum(1))
    dark = np.zeros((400, 300, 3), np.float32)
    exact = photo_landmarks(model, model.mean, camera, dark, found, "mediapipe")
    moved = photo_landmarks(model, model.mean + np.array([0.0, 10.0, 0.0]), camera, dark, found, "mediapipe")
    red = [int((np.abs(picture.astype(int) - BETWEEN).sum(-1) < 30).sum()) for picture in (exact, moved)]
    assert red[0] == 0, "no distance where the head fits"
    assert red[1] > 200
