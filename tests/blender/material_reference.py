"""Run by the engine's Python for `test_material_cycles`: path-traces two spheres in several skins and leaves what Cycles needs.

Usage: ``python material_reference.py <folder>``. Writes ``light.exr`` and ``reference.npz`` there.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from nextgenface.engine.render.path import render
from nextgenface.engine.render.variant import activate
from nextgenface.engine.results.images import save_exr
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.light import Light, latlong_directions

SIZE = 48
SAMPLES = 1024
DEPTH = 3
# Base colour, Specular IOR Level, roughness.
SKINS = (
    ((0.62, 0.42, 0.33), 0.35, 0.45),
    ((0.62, 0.42, 0.33), 0.7, 0.25),
    ((0.85, 0.80, 0.75), 0.15, 0.8),
    ((0.05, 0.05, 0.05), 1.0, 0.35),
)


def spheres():
    """Vertices (V, 3) mm and triangles (T, 3) of a large sphere and a small one that shadows it."""
    big, faces = uv_sphere(80.0)
    small, _ = uv_sphere(30.0)
    return np.concatenate([big, small + np.array([55.0, 20.0, 90.0])]), np.concatenate(
        [faces, faces + len(big)]
    ).astype(np.int32)


def uv_sphere(radius, rings=64, segments=128):
    """Vertices and triangles, wound counter-clockwise seen from outside."""
    polar = np.pi * np.arange(1, rings) / rings
    around = 2.0 * np.pi * np.arange(segments) / segments
    sine, cosine = np.sin(polar)[:, None], np.cos(polar)[:, None]
    grid = np.stack(np.broadcast_arrays(sine * np.sin(around), cosine, sine * np.cos(around)), -1).reshape(-1, 3)
    vertices = np.concatenate([grid, [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]]) * radius
    here = np.arange(segments)
    after = (here + 1) % segments
    top = [(len(grid), j, k) for j, k in zip(here, after, strict=True)]
    last = (rings - 2) * segments
    bottom = [(len(grid) + 1, last + k, last + j) for j, k in zip(here, after, strict=True)]
    faces = top + bottom
    for row in range(rings - 2):
        a, b = row * segments + here, row * segments + after
        faces += list(zip(a, a + segments, b + segments, strict=True)) + list(zip(a, b + segments, b, strict=True))
    return vertices, np.array(faces, np.int32)


def light():
    """A dim room with a warm and a cool lamp, in 81 harmonics."""
    directions = latlong_directions(32)
    image = np.full((32, 64, 3), 0.3)
    image += 5.0 * np.exp(8.0 * (directions @ [0.5, 0.6, 0.62] - 1.0))[..., None] * [1.0, 0.85, 0.7]
    image += 2.0 * np.exp(6.0 * (directions @ [-0.8, 0.1, 0.6] - 1.0))[..., None] * [0.5, 0.75, 1.0]
    return Light.from_image(image).image(64)


def main(folder):
    """Render every skin."""
    activate("cpu")
    vertices, triangles = spheres()
    surface = SimpleNamespace(triangles=triangles, triangle_uv=np.full((len(triangles), 3, 2), 0.5, np.float32))
    camera = Camera(SIZE, SIZE, 150.0, SIZE / 2, SIZE / 2, np.eye(3), np.array([0.0, 0.0, -600.0]))
    environment = light()
    save_exr(folder / "light.exr", environment)
    pictures = []
    for colour, specular, roughness in SKINS:
        flat = np.broadcast_to(np.array(colour, np.float32), (2, 2, 3))
        maps = flat, np.full((2, 2), specular), np.full((2, 2), roughness)
        found = render(vertices, surface, *maps, environment, camera, samples=SAMPLES, depth=DEPTH)
        pictures.append(np.dstack([found.image, found.coverage]))
    skins = np.array([[*colour, specular, roughness] for colour, specular, roughness in SKINS])
    np.savez(
        folder / "reference.npz", vertices=vertices, triangles=triangles, skins=skins, pictures=pictures, depth=DEPTH
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
