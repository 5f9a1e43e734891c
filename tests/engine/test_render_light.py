"""The light as Mitsuba shows it."""

import numpy as np
import pytest
from devices import DEVICE
from nextgenface.engine.render.variant import activate
from nextgenface.engine.scene.light import latlong_directions, mitsuba_envmap, sh_basis
from render_scenes import unit

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True, scope="module")
def renderer():
    """Chosen before anything imports Dr.Jit."""
    activate(DEVICE)


def shown_by_mitsuba(image, directions):
    """(N, 3) radiance of the envmap emitter along rays into ``directions`` (N, 3)."""
    activate()
    import drjit as dr
    import mitsuba as mi

    scene = mi.load_dict({"type": "scene", "light": mitsuba_envmap(image)})
    hit = dr.zeros(mi.SurfaceInteraction3f, len(directions))
    hit.wi = -mi.Vector3f(np.ascontiguousarray(directions.T.astype(np.float32)))
    return np.array(scene.emitters()[0].eval(hit)).T


def test_mitsuba_shows_each_pixel_where_it_belongs():
    image = np.random.default_rng(0).random((6, 12, 3)).astype(np.float32)
    shown = shown_by_mitsuba(image, latlong_directions(6).reshape(-1, 3))
    assert np.abs(shown - image.reshape(-1, 3)).max() < 1e-4


def test_mitsuba_interpolates_as_blender_does():
    """Halfway between two rows, and across the seam at the image's sides."""
    image = np.random.default_rng(1).random((6, 12, 3)).astype(np.float32)
    directions = latlong_directions(6)
    seam = unit(np.array([[-np.cos(directions_elevation(2)), np.sin(directions_elevation(2)), 0.0]]))
    assert np.abs(shown_by_mitsuba(image, seam) - (image[2, 0] + image[2, -1]) / 2).max() < 1e-4
    between = unit(directions[2, 3] + directions[3, 3])[None]
    assert np.abs(shown_by_mitsuba(image, between) - (image[2, 3] + image[3, 3]) / 2).max() < 2e-3


def directions_elevation(row, height=6):
    return np.pi * (0.5 - (row + 0.5) / height)


def test_torch_and_numpy_have_the_same_harmonics():
    import torch

    directions = unit(np.random.default_rng(3).normal(size=(50, 3)))
    assert np.allclose(sh_basis(torch.from_numpy(directions)).numpy(), sh_basis(directions), atol=1e-12)
