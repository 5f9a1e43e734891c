"""Light from skin to skin: the shares that vertices see of each other, and the bounce against path tracing."""

import numpy as np
import pytest
import torch
from devices import DEVICE
from nextgenface.engine.fit.tracing import trace_bounce
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.interreflection import form_factors
from nextgenface.engine.render.path import render, vertex_normals
from nextgenface.engine.render.transfer import primary_hits
from nextgenface.engine.render.variant import activate
from nextgenface.engine.settings import Settings
from render_scenes import front_camera, room_light, sphere, surface_of, unit

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True, scope="module")
def renderer():
    """Chosen before anything imports Dr.Jit."""
    activate(DEVICE)


def test_in_a_hollow_sphere_everything_is_seen():
    vertices, triangles = sphere(80.0)
    scene = TracedScene(vertices, triangles[:, ::-1])
    factors = form_factors(scene, -unit(vertices), 256)
    assert np.asarray(factors.sum(1)) == pytest.approx(1.0, abs=1e-5)
    # Inside a sphere every point sees every equal area by the same share, so heights average to the middle.
    assert np.abs(factors @ vertices[:, 1]).mean() < 3.0


def test_a_convex_body_does_not_see_itself():
    vertices, triangles = sphere(80.0)
    assert form_factors(TracedScene(vertices, triangles), unit(vertices), 64).sum() == 0.0


def test_the_same_seed_gives_the_same_shares():
    vertices, triangles = sphere(80.0, 8, 16)
    scene = TracedScene(vertices, triangles[:, ::-1])
    one, again, other = (form_factors(scene, -unit(vertices), 16, seed) for seed in (1, 1, 2))
    assert (one != again).nnz == 0 and (one != other).nnz > 0


def test_one_bounce_is_what_the_path_tracer_adds():
    """Two white-ish spheres side by side: the second vertex of all paths, by the tables and by Mitsuba."""
    left, faces = sphere(60.0, 48, 96, (-55.0, 0.0, 0.0))
    right, more = sphere(60.0, 48, 96, (70.0, 0.0, 20.0))
    vertices, triangles = np.concatenate([left, right]), np.concatenate([faces, more + len(left)])
    camera, light, albedo = front_camera(48), room_light(), 0.6
    maps = np.full((2, 2, 3), albedo), np.zeros((2, 2)), np.full((2, 2), 0.5)
    surface = surface_of(vertices, triangles, 400.0)
    one, two = (render(vertices, surface, *maps, light, camera, samples=1024, depth=d, seed=d) for d in (1, 2))
    rows, columns = np.nonzero(one.coverage > 0.999)
    added = (two.image - one.image)[rows, columns]

    scene = TracedScene(vertices, triangles)
    normals = torch.from_numpy(vertex_normals(vertices, triangles).astype(np.float32))
    bounce = trace_bounce(scene, normals, Settings(transfer_directions=1024), 0, lambda: None).numpy()
    triangle, weights = primary_hits(scene, camera, np.stack([columns, rows], 1) + 0.5)
    at_points = (bounce[triangles[triangle]] * weights[..., None]).sum(1)
    expected = albedo**2 * at_points @ light.coefficients
    assert expected.max() > 0.05
    assert added.mean() == pytest.approx(expected.mean(), rel=0.05)
    near = expected[:, 0] > 0.3 * expected[:, 0].max()
    assert np.corrcoef(added[near, 0], expected[near, 0])[0, 1] > 0.9
