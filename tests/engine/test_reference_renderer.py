"""The reference's renderer: a square before its camera is where its camera has it, as bright as it has to be."""

import numpy as np
import pytest

pytestmark = pytest.mark.engine

from nextgenface import Renderer  # noqa: E402
from nextgenface.engine.errors import EngineError  # noqa: E402


def test_a_square_before_the_camera(tmp_path):
    renderer = Renderer(samples=64, bounces=1, device="cpu")
    renderer.screenWidth, renderer.screenHeight = 60, 40
    # 1 m ahead; right of and below the middle, as y points down.
    x, y = np.array([0.0, 20.0, 20.0, 0.0]), np.array([0.0, 0.0, 10.0, 10.0])
    square = np.stack([x, y, np.full(4, 100.0)], -1)[None]
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    maps = np.full((1, 4, 4, 3), 0.5), np.zeros((1, 4, 4, 3)), np.ones((1, 4, 4, 1))
    light = np.ones((1, 8, 16, 3))
    # Seen from the camera the corners have to go round against the clock.
    scenes = renderer.buildScenes(square, [[0, 2, 1], [0, 3, 2]], None, uv, *maps, [100.0], light)
    picture = renderer.render(scenes)
    assert picture.shape == (1, 40, 60, 4)
    covered = picture[0, ..., 3] > 0.5
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    assert (columns[0], columns[-1], rows[0], rows[-1]) == (30, 49, 20, 29)
    # Half of the light comes back, and some of it in the coat.
    assert picture[0, 22:28, 32:48, :3].mean() == pytest.approx(0.5, abs=0.06)


def test_a_device_that_is_none_is_told():
    with pytest.raises(EngineError):
        Renderer(device="abacus").render([])
