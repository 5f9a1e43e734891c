"""Stage 3 by Mitsuba's own integrators."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the engine's packages")

from nextgenface.engine.faces.bundled import load  # noqa: E402
from nextgenface.engine.fit.photometric import View  # noqa: E402
from nextgenface.engine.fit.reference import LitPicture, picture_loss, refine_by_rendering  # noqa: E402
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
        share=torch.ones(flat),
        diffuse=torch.full((SIZE, SIZE, 3), 0.4),
        specular=torch.full((SIZE, SIZE), 0.4),
        roughness=torch.full((SIZE, SIZE), 0.45),
        skin=torch.ones(SIZE, SIZE),
    )


def test_the_rendered_pictures_come_nearer_to_the_photos():
    """The photos, from the front and from aside in another light, are renders with a darker, redder face; a few
    steps must close half of the gap, in the right channels.
    """
    activate()
    from nextgenface.engine.render.path import render

    model, texels = load(), _texels()
    lights = np.zeros((2, 9, 3), np.float32)
    lights[:, 0], lights[0, 2], lights[1, 3] = 2.8, 0.8, -0.8
    turned = np.array([[0.8, 0.0, -0.6], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])
    place = np.array([0.0, -10.0, -900.0])
    cameras = [Camera(48, 48, 150.0, 24.0, 24.0, turn, place) for turn in (np.eye(3), turned)]
    truth = Maps(torch.zeros(5, SIZE, SIZE))
    truth.change[0], truth.change[1:3] = -0.1, -0.4

    def pictures(maps: Maps) -> list:
        a, s, r = (value.numpy() for value in maps.values(texels))
        return [
            render(model.mean, model, a, s, r, Light(light), camera, samples=64, depth=3)
            for light, camera in zip(lights, cameras, strict=True)
        ]

    views = [
        View(photo.image, (photo.coverage > 0.99).astype(np.float32), camera)
        for photo, camera in zip(pictures(truth), cameras, strict=True)
    ]
    seen = [LitPicture(view, model.mean, light) for view, light in zip(views, lights, strict=True)]
    start = Maps(torch.zeros(5, SIZE, SIZE))
    losses: list[float] = []
    found = refine_by_rendering(start, texels, model, seen, FREE, 12, lambda step, loss: losses.append(loss))

    def away(maps: Maps) -> np.ndarray:
        """(2,) of each photo."""
        pairs = zip(pictures(maps), views, strict=True)
        return np.array(
            [float(picture_loss(*(torch.from_numpy(a) for a in (p.image, v.image, v.weight)))) for p, v in pairs]
        )

    assert len(losses) == 12
    assert (away(found) < 0.5 * away(start)).all()
    moved = found.change.abs().amax((1, 2)) > 0.01
    assert moved.all(), "every map gets the photo's gradient"
