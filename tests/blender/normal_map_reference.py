"""Run by the engine's Python for `test_normal_map_cycles`: path-traces a dome with a bumpy normal map and leaves what Cycles needs.

Usage: ``python normal_map_reference.py <folder>``. Writes maps, ``light.exr`` and ``reference.npz`` there.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from nextgenface.engine.render.path import render
from nextgenface.engine.render.variant import activate
from nextgenface.engine.results.images import save_data, save_exr, save_picture
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.light import Light, latlong_directions

SIZE, MAP = 64, 128
SAMPLES, DEPTH = 1024, 1
STEEPEST = 0.35


def dome(side=33, extent=80.0):
    """Vertices (V, 3) mm of a bulging square, its triangles (T, 3) and its UVs (V, 2), turned and sheared."""
    x, y = (grid.ravel() for grid in np.meshgrid(*2 * [np.linspace(-extent, extent, side)]))
    vertices = np.stack([x, y, -0.004 * (x * x + y * y)], 1)
    row, column = (grid.ravel() for grid in np.mgrid[: side - 1, : side - 1])
    a = row * side + column
    triangles = np.concatenate([np.stack([a, a + 1, a + side + 1], 1), np.stack([a, a + side + 1, a + side], 1)])
    shear = np.array([[0.8, 0.35], [-0.3, 0.7]]) / (2.6 * extent)
    return vertices, triangles.astype(np.int32), 0.5 + vertices[:, :2] @ shear.T


def bumps():
    """(MAP, MAP, 3) ridges along u in the map's left half, along v in its right half; steeper on one side than on the
    other, so that a turned axis shows.
    """
    v, u = np.meshgrid(1.0 - (np.arange(MAP) + 0.5) / MAP, (np.arange(MAP) + 0.5) / MAP, indexing="ij")
    saw = [STEEPEST * np.where((place * 9.0) % 1.0 < 0.3, 1.0, -0.43) for place in (u, v)]
    normal = np.stack([np.where(u < 0.5, saw[0], 0.0), np.where(u < 0.5, 0.0, saw[1]), np.ones_like(u)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    return (0.5 + 0.5 * normal).astype(np.float32)


def light():
    """A lamp from the upper left in a dim room."""
    directions = latlong_directions(32)
    image = np.full((32, 64, 3), 0.15)
    image += 5.0 * np.exp(8.0 * (directions @ [-0.66, 0.66, 0.35] - 1.0))[..., None] * [1.0, 0.9, 0.8]
    return Light.from_image(image).image(64)


def main(folder):
    """Render with and without the normal map."""
    activate("cpu")
    vertices, triangles, uv = dome()
    surface = SimpleNamespace(triangles=triangles, triangle_uv=uv[triangles].astype(np.float32))
    camera = Camera(SIZE, SIZE, 200.0, SIZE / 2, SIZE / 2, np.eye(3), np.array([0.0, 0.0, -600.0]))
    environment = light()
    save_exr(folder / "light.exr", environment)
    maps = np.full((4, 4, 3), 0.5, np.float32), np.full((4, 4), 0.4), np.full((4, 4), 0.45)
    save_picture(folder / "diffuse.png", maps[0], 16)
    for name, values in (("specular", maps[1]), ("roughness", maps[2]), ("normal", bumps())):
        save_data(folder / f"{name}.png", values, 16)
    flat, bumpy = (
        render(vertices, surface, *maps, environment, camera, samples=SAMPLES, depth=DEPTH, normal_map=normal).image
        for normal in (None, bumps())
    )
    np.savez(folder / "reference.npz", vertices=vertices, triangles=triangles, uv=uv, flat=flat, bumpy=bumpy)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
