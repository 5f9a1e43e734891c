"""The traced transfer: against closed forms, against path tracing, and in what it must not depend on."""

import numpy as np
import pytest
import torch
from devices import DEVICE
from nextgenface.engine.errors import RenderError
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.path import render, vertex_normals
from nextgenface.engine.render.transfer import (
    ROUGHNESS_NODES,
    camera_visibility,
    diffuse_transfer,
    glossy_transfer,
    primary_hits,
)
from nextgenface.engine.render.variant import activate
from nextgenface.engine.scene import material
from nextgenface.engine.scene.light import sh_basis
from render_scenes import front_camera, room_light, sphere, surface_of, unit

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True, scope="module")
def renderer():
    """Chosen before anything imports Dr.Jit."""
    activate(DEVICE)


# Clamped cosine over pi in harmonics (Ramamoorthi and Hanrahan 2001, eq. 8).
COSINE = np.repeat([1, 2 / 3, 1 / 4, 0, -1 / 24, 0, 1 / 64, 0, -1 / 128], [2 * band + 1 for band in range(9)])


@pytest.fixture(scope="module")
def far_away():
    """A scene that shadows nothing near the origin."""
    return TracedScene(np.array([[0, 0, 1e6], [1, 0, 1e6], [0, 1, 1e6]]), np.array([[0, 1, 2]]))


@pytest.fixture(scope="module")
def two_spheres():
    """Vertices and triangles of a head-sized sphere and one that shadows it."""
    big, faces = sphere(80.0, 64, 128)
    small, more = sphere(30.0, 32, 64, (55.0, 20.0, 90.0))
    return np.concatenate([big, small]), np.concatenate([faces, more + len(big)])


def some_normals(count, seed=0):
    return unit(np.random.default_rng(seed).normal(size=(count, 3))).astype(np.float32)


def test_unshadowed_diffuse_transfer_is_the_clamped_cosine(far_away):
    normals = some_normals(500)
    found = diffuse_transfer(far_away, normals * 80, normals, 1024).numpy()
    assert np.sqrt(((found - sh_basis(normals) * COSINE) ** 2).mean()) < 1e-3


def test_a_ceiling_takes_exactly_its_solid_angle():
    """A disc overhead hides the cone around the normal: sin^2 of its half angle of the even light."""
    angle = np.radians(40.0)
    around = 2 * np.pi * np.arange(256) / 256
    rim = np.stack([np.cos(around) * np.tan(angle), np.sin(around) * np.tan(angle), np.ones(256)], 1) * 50.0
    fan = np.stack([np.full(256, 256), np.arange(256), (np.arange(256) + 1) % 256], 1)
    scene = TracedScene(np.concatenate([rim, [[0.0, 0.0, 50.0]]]), fan)
    point, normal = np.zeros((64, 3)), np.tile([0.0, 0.0, 1.0], (64, 1))
    found = diffuse_transfer(scene, point, normal, 1024)[:, 0].numpy() * np.sqrt(4 * np.pi)
    assert abs(found.mean() - (1 - np.sin(angle) ** 2)) < 2e-3


def test_even_light_gives_back_the_specular_albedo(far_away):
    normals = some_normals(4000)
    normals = normals[normals[:, 2] > 0.3]
    view = np.tile([0.0, 0.0, 1.0], (len(normals), 1))
    lobes = glossy_transfer(far_away, normals * 80, normals, view)[..., 0].numpy() * np.sqrt(4 * np.pi)
    for node, roughness in enumerate(ROUGHNESS_NODES):
        for f0 in (0.022, 0.045):
            expected = material.specular_albedo(normals[:, 2], roughness, f0)
            found = f0 * lobes[:, node, 0] + lobes[:, node, 1]
            assert abs(found.mean() / expected.mean() - 1) < 0.01, (roughness, f0)


@pytest.mark.parametrize(("roughness", "level"), [(0.2, 0.5), (0.5, 0.35)])
def test_tables_make_the_path_traced_picture(two_spheres, roughness, level):
    """Direct light on two spheres, one in the other's shadow: no bias, and differences that are noise."""
    vertices, triangles = two_spheres
    camera, light, colour = front_camera(48), room_light(), np.array([0.6, 0.45, 0.4], np.float32)
    maps = np.broadcast_to(colour, (2, 2, 3)), np.full((2, 2), level), np.full((2, 2), roughness)
    surface = surface_of(vertices, triangles)
    picture = render(vertices, surface, *maps, light, camera, samples=1024, depth=1)
    rows, columns = np.nonzero(picture.coverage > 0.999)
    scene = TracedScene(vertices, triangles)
    triangle, weights = primary_hits(scene, camera, np.stack([columns, rows], 1) + 0.5)
    corner = triangles[triangle]
    points = (vertices[corner] * weights[..., None]).sum(1)
    normals = unit((vertex_normals(vertices, triangles)[corner] * weights[..., None]).sum(1))
    view = unit(camera.centre - points)
    body = diffuse_transfer(scene, points, normals, 512).numpy() @ light.coefficients
    lobe = glossy_transfer(scene, points, normals, view, (roughness,))[:, 0].numpy() @ light.coefficients
    cosine, f0 = (view * normals).sum(1), material.f0_of_level(level)
    kept = 1 - material.specular_albedo(cosine, roughness, f0)
    difference = kept[:, None] * colour * body + f0 * lobe[:, 0] + lobe[:, 1] - picture.image[rows, columns]
    mean = picture.image[rows, columns].mean()
    assert abs(difference.mean()) < 0.004 * mean
    assert np.abs(difference).mean() < 0.02 * mean


def test_nothing_depends_on_the_order_of_blocks(far_away, monkeypatch):
    normals = some_normals(100)
    whole = diffuse_transfer(far_away, normals, normals, 32, bands=3)
    monkeypatch.setattr("nextgenface.engine.render.transfer.BLOCK", 33)
    assert torch.allclose(diffuse_transfer(far_away, normals, normals, 32, bands=3), whole, atol=1e-6)


def test_the_seed_decides(far_away):
    normals = some_normals(20)
    one, again, other = (diffuse_transfer(far_away, normals, normals, 32, 3, seed) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_tensors_and_half_precision_are_taken(far_away):
    normals = torch.from_numpy(some_normals(10))
    found = glossy_transfer(far_away, normals, normals, normals, (0.5,), bands=2, dtype=torch.float16)
    assert found.shape == (10, 1, 2, 4) and found.dtype == torch.float16


def test_work_can_be_ended_between_blocks(far_away):
    def end():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        diffuse_transfer(far_away, some_normals(5), some_normals(5), between_blocks=end)


def test_primary_hits_are_where_the_camera_looks(two_spheres):
    vertices, triangles = two_spheres
    camera = front_camera(64)
    pixels = np.random.default_rng(0).uniform(0, 64, (500, 2))
    triangle, weights = primary_hits(TracedScene(vertices, triangles), camera, pixels)
    hit = triangle >= 0
    assert 0.3 < hit.mean() < 0.9
    points = (vertices[triangles[triangle[hit]]] * weights[hit][..., None]).sum(1)
    assert np.abs(camera.project(points) - pixels[hit]).max() < 0.01
    assert not weights[~hit].any()


def test_no_rays_hit_nothing(two_spheres):
    """Dr.Jit ended the process."""
    triangle, barycentric = primary_hits(TracedScene(*two_spheres), front_camera(64), np.zeros((0, 2)))
    assert triangle.shape == (0,) and barycentric.shape == (0, 3)


def test_visibility_knows_what_stands_in_front(two_spheres):
    vertices, triangles = two_spheres
    scene, camera = TracedScene(vertices, triangles), front_camera(64)
    towards = unit(camera.centre)
    behind_small = np.array([55.0, 20.0, np.sqrt(80.0**2 - 55.0**2 - 20.0**2)]) * 1.001
    points = np.array([[0.0, 0.0, 80.1], behind_small, [0.0, 0.0, -80.1]])
    found = camera_visibility(scene, camera.centre, points, unit(points))
    assert towards[2] == 1.0 and found.tolist() == [True, False, False]


def test_moved_vertices_are_seen(two_spheres):
    vertices, triangles = two_spheres
    scene = TracedScene(vertices, triangles)
    ray = np.array([[0.0, 0.0, 500.0]]), np.array([[0.0, 0.0, -1.0]])
    assert scene.intersect(*ray)[0][0] >= 0
    scene.update(vertices + np.array([1000.0, 0.0, 0.0]))
    assert scene.intersect(*ray)[0][0] == -1


@pytest.mark.parametrize("vertices", [np.zeros((3, 2)), np.zeros((2, 3)), np.full((3, 3), np.nan)])
def test_meshes_that_are_none_are_refused(vertices):
    with pytest.raises(RenderError):
        TracedScene(vertices, np.array([[0, 1, 2]]))
