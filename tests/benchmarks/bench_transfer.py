"""How fast the transfer is traced, beside raw shadow rays through the same scene.

Usage: ``python tests/benchmarks/bench_transfer.py [points]``; prints millions of rays per second.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
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

DIRECTIONS = 256
REPEATS = 3


def points_on(vertices: Any, triangles: Any, count: int) -> tuple[Any, Any]:
    """Random points and normals of the front of the head, in an order like an image's."""
    random = np.random.default_rng(0)
    corner = triangles[np.sort(random.integers(0, len(triangles), count))]
    weights = random.dirichlet([1.0, 1.0, 1.0], count)[..., None]
    normals = (vertex_normals(vertices, triangles)[corner] * weights).sum(1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    front = normals[:, 2] > 0.1
    return (vertices[corner] * weights).sum(1)[front], normals[front]


def best_seconds(work: Callable[[], None]) -> float:
    """Shortest of some runs, after one that compiles."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def raw_rays(scene: TracedScene, points: Any, normals: Any) -> Callable[[], None]:
    """Shadow rays of precomputed, cosine-weighted random directions, and nothing else."""
    import drjit as dr
    import mitsuba as mi

    place = _to_drjit({"point": points.astype(np.float32), "normal": normals.astype(np.float32)})
    count = len(points) * 16
    point = dr.arange(mi.UInt32, count) // 16
    generator = mi.PCG32(size=count)
    local = mi.warp.square_to_cosine_hemisphere(mi.Point2f(generator.next_float32(), generator.next_float32()))
    direction = mi.Frame3f(dr.gather(mi.Vector3f, place["normal"], point)).to_world(local)
    origin = dr.gather(mi.Vector3f, _lifted(place["point"], place["normal"]), point)
    dr.eval(direction, origin)

    def work() -> None:
        for _ in range(DIRECTIONS // 16):
            dr.eval(scene.scene.ray_test(mi.Ray3f(origin, direction)))
        dr.sync_thread()

    return work


def main(count: int) -> None:
    """Print the table."""
    print(activate().name)
    model = load()
    points, normals = points_on(model.mean, model.triangles, count)
    scene = TracedScene(model.mean, model.triangles)
    view = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    glossy = sum(_directions_for(node) for node in ROUGHNESS_NODES)
    runs = {
        "raw ray_test": (DIRECTIONS, raw_rays(scene, points, normals)),
        "diffuse_transfer": (DIRECTIONS, lambda: diffuse_transfer(scene, points, normals, DIRECTIONS)),
        "glossy_transfer": (glossy, lambda: glossy_transfer(scene, points, normals, view)),
    }
    print(f"{len(points)} points, {len(model.triangles)} triangles")
    for name, (rays, work) in runs.items():
        seconds = best_seconds(work)
        print(f"{name:18s} {seconds:6.2f} s  {len(points) * rays / seconds / 1e6:6.1f} M rays/s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 120_000)
