"""Small scenes and light that the rendering tests share."""

from types import SimpleNamespace

import numpy as np
from nextgenface.engine.scene.camera import Camera
from nextgenface.engine.scene.light import Light, latlong_directions


def sphere(radius, rings=24, segments=48, centre=(0.0, 0.0, 0.0)):
    """Vertices (V, 3) mm and triangles (T, 3) int32, counter-clockwise seen from outside, of a closed sphere."""
    polar = np.pi * np.arange(1, rings)[:, None] / rings
    around = 2.0 * np.pi * np.arange(segments) / segments
    parts = np.sin(polar) * np.sin(around), np.cos(polar) + 0.0 * around, np.sin(polar) * np.cos(around)
    grid = np.stack(parts, -1).reshape(-1, 3)
    vertices = np.concatenate([grid, [[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]]) * radius + centre
    here, after = np.arange(segments), (np.arange(segments) + 1) % segments
    last = (rings - 2) * segments
    faces = [np.stack([np.full(segments, len(grid)), here, after], 1)]
    faces += [np.stack([np.full(segments, len(grid) + 1), last + after, last + here], 1)]
    for row in range(rings - 2):
        a, b = row * segments + here, row * segments + after
        faces += [np.stack([a, a + segments, b + segments], 1), np.stack([a, b + segments, b], 1)]
    return vertices.astype(np.float32), np.concatenate(faces).astype(np.int32)


def surface_of(vertices, triangles, extent=200.0):
    """Triangles with UVs that look along -z: u to the right, v upwards, over a square of ``extent`` mm."""
    uv = vertices[:, :2] / extent + 0.5
    return SimpleNamespace(triangles=triangles, triangle_uv=uv[triangles].astype(np.float32))


def front_camera(size, focal_sizes=3.125, distance=600.0):
    """Straight in front, looking at the origin."""
    half = size / 2
    return Camera(size, size, focal_sizes * size, half, half, np.eye(3), np.array([0.0, 0.0, -distance]))


def room_light(bands=9):
    """A dim room with a warm and a cool lamp; positive everywhere, so clipping does nothing."""
    directions = latlong_directions(32)
    image = np.full((32, 64, 3), 0.5)
    image += 3.0 * np.exp(4.0 * (directions @ [0.5, 0.6, 0.62] - 1.0))[..., None] * [1.0, 0.85, 0.7]
    image += 1.5 * np.exp(4.0 * (directions @ [-0.8, 0.1, 0.6] - 1.0))[..., None] * [0.5, 0.75, 1.0]
    return Light.from_image(image, bands)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
