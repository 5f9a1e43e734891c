"""How fast the transfer is traced, beside raw shadow rays through the same scene."""

from __future__ import annotations

import numpy as np
import pytest
from nextgenface.engine.faces.bundled import load
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.path import vertex_normals
from nextgenface.engine.render.transfer import (
    ROUGHNESS_NODES,
    _directions_for,
    _lifted,
    _to_drjit,
    diffuse_transfer,
    glossy_transfer,
)
from nextgenface.engine.render.variant import activate

POINTS = 120_000
DIRECTIONS = 256
# Raw rays are drawn beforehand, and so many at a time, that they fit into memory.
AT_ONCE = 16
ROUNDS = 3


@pytest.fixture(scope="module")
def head():
    """Scene of the mean head, random points of its front in an order like an image's, and their normals."""
    activate()
    model = load()
    random = np.random.default_rng(0)
    corner = model.triangles[np.sort(random.integers(0, len(model.triangles), POINTS))]
    weights = random.dirichlet([1.0, 1.0, 1.0], POINTS)[..., None]
    normals = (vertex_normals(model.mean, model.triangles)[corner] * weights).sum(1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    points = (model.mean[corner] * weights).sum(1)
    front = normals[:, 2] > 0.1
    return TracedScene(model.mean, model.triangles), points[front], normals[front]


@pytest.fixture(scope="module")
def raw_speed():
    """Millions of rays a second of the first benchmark, by its name: the others tell what share of it they reach."""
    return {}


@pytest.fixture
def traced(benchmark, record_property, raw_speed):
    """Time ``work``, which traces so many rays, and tell its speed; returns what it returned last."""

    def measure(work, rays):
        found = benchmark.pedantic(work, rounds=ROUNDS, warmup_rounds=1)
        speed = rays / benchmark.stats.stats.min / 1e6
        raw_speed.setdefault("raw", speed)
        for name, value in {"M rays/s": speed, "of the first one's speed": speed / raw_speed["raw"]}.items():
            benchmark.extra_info[name] = value
            record_property(name, value)
        return found

    return measure


def test_raw_ray_test(head, traced):
    """Shadow rays of precomputed, cosine-weighted random directions, and nothing else."""
    import drjit as dr
    import mitsuba as mi

    scene, points, normals = head
    place = _to_drjit({"point": points.astype(np.float32), "normal": normals.astype(np.float32)})
    count = len(points) * AT_ONCE
    point = dr.arange(mi.UInt32, count) // AT_ONCE
    generator = mi.PCG32(size=count)
    local = mi.warp.square_to_cosine_hemisphere(mi.Point2f(generator.next_float32(), generator.next_float32()))
    direction = mi.Frame3f(dr.gather(mi.Vector3f, place["normal"], point)).to_world(local)
    origin = dr.gather(mi.Vector3f, _lifted(place["point"], place["normal"]), point)
    dr.eval(direction, origin)

    def work():
        for _ in range(DIRECTIONS // AT_ONCE):
            hidden = scene.scene.ray_test(mi.Ray3f(origin, direction))
            dr.eval(hidden)
        dr.sync_thread()
        return hidden

    hidden = np.array(traced(work, len(points) * DIRECTIONS))
    assert 0.01 < hidden.mean() < 0.99


def test_diffuse_transfer(head, traced):
    scene, points, normals = head
    found = traced(lambda: diffuse_transfer(scene, points, normals, DIRECTIONS), len(points) * DIRECTIONS)
    assert found.isfinite().all()


def test_glossy_transfer(head, traced):
    scene, points, normals = head
    view = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    rays = len(points) * sum(_directions_for(node) for node in ROUGHNESS_NODES)
    assert traced(lambda: glossy_transfer(scene, points, normals, view), rays).isfinite().all()
