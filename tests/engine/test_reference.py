"""Stage 3 by Mitsuba's own integrators."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the engine's packages")

from nextgenface.engine.faces.bundled import load  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.reference import picture_loss, refine_by_rendering  # noqa: E402
from nextgenface.engine.fit.shading import Lit  # noqa: E402
from nextgenface.engine.fit.stage3 import Maps, Texels, Weights  # noqa: E402
from nextgenface.engine.render.variant import activate  # noqa: E402
from nextgenface.engine.scene.camera import Camera  # noqa: E402
from nextgenface.engine.scene.light import Light  # noqa: E402

pytestmark = pytest.mark.engine

SIZE = 64
FREE = Weights(symmetry=(0.0, 0.0, 0.0), consistency=(0.0, 0.0, 0.0), smoothness=(0.0, 0.0, 0.0))


def _texels() -> Texels:
    """Plain maps of the head, every texel of which counts as seen."""
    flat = SIZE * SIZE
    nodes = torch.tensor([0.2, 0.7])
    lit = Lit(torch.ones(flat, 3), torch.zeros(flat, 2, 2, 3), nodes, torch.ones(flat))
    return Texels(
        weight=torch.ones(SIZE, SIZE),
        seen=torch.arange(flat),
        colour=torch.full((flat, 3), 0.4),
        lit=lit,
        diffuse=torch.full((SIZE, SIZE, 3), 0.4),
        specular=torch.full((SIZE, SIZE), 0.4),
        roughness=torch.full((SIZE, SIZE), 0.45),
        skin=torch.ones(SIZE, SIZE),
    )


def test_the_rendered_picture_comes_nearer_to_the_photo():
    """The photo is a render with a darker, redder face; a few steps must close half of the gap, in the right channels."""
    activate()
    from nextgenface.engine.render.path import render

    model, texels = load(), _texels()
    light = np.zeros((9, 3), np.float32)
    light[0], light[2] = 2.8, 0.8
    camera = Camera(48, 48, 150.0, 24.0, 24.0, np.eye(3), np.array([0.0, -10.0, -900.0]))
    truth = Maps(torch.zeros(5, SIZE, SIZE))
    truth.change[0], truth.change[1:3] = -0.1, -0.4

    def picture(maps: Maps) -> np.ndarray:
        a, s, r = (value.numpy() for value in maps.values(texels))
        return render(model.mean, model, a, s, r, Light(light), camera, samples=64, depth=3)

    photo = picture(truth)
    view = View(photo.image, (photo.coverage > 0.99).astype(np.float32), camera)
    start = Maps(torch.zeros(5, SIZE, SIZE))
    losses: list[float] = []
    found = refine_by_rendering(
        start, texels, model, model.mean, light, view, FREE, 12, lambda step, loss: losses.append(loss)
    )
    goal, weight = torch.from_numpy(photo.image), torch.from_numpy(view.weight)
    before = picture_loss(torch.from_numpy(picture(start).image), goal, weight)
    after = picture_loss(torch.from_numpy(picture(found).image), goal, weight)
    assert len(losses) == 12
    assert after < 0.5 * before
    moved = found.change.abs().amax((1, 2)) > 0.01
    assert moved.all(), "every map gets the photo's gradient"
