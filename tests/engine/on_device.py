"""What one device traces and differentiates, for `test_cuda`: ``python on_device.py cpu|cuda FILE.npz``.

A process of its own for each device: Dr.Jit's arrays of one are of no use to the other.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from nextgenface.engine.faces.choose import load_model
from nextgenface.engine.render.bridge import ReferenceParameters, ReferenceRenderer
from nextgenface.engine.render.geometry import TracedScene
from nextgenface.engine.render.interreflection import form_factors
from nextgenface.engine.render.path import render, vertex_normals
from nextgenface.engine.render.transfer import camera_visibility, diffuse_transfer, glossy_transfer, primary_hits
from nextgenface.engine.render.variant import activate
from render_scenes import front_camera, room_light, sphere, surface_of

BALL_SAMPLES = 1024


def main(device: str, file: str) -> None:
    """Write every result of ``device`` to ``file`` under its name."""
    activate(device)
    np.savez(file, **_of_a_head(), **_of_a_ball())


def _of_a_head() -> dict[str, np.ndarray]:
    """What rays and the path tracer say of the mean head, skin of one kind."""
    model, camera = load_model("bundled"), front_camera(96)
    scene, normals = TracedScene(model.mean, model.triangles), vertex_normals(model.mean, model.triangles)
    view = camera.centre - model.mean
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    pixels = np.stack(np.meshgrid(np.arange(96) + 0.5, np.arange(96) + 0.5), -1).reshape(-1, 2)
    triangle, barycentric = primary_hits(scene, camera, pixels)
    skin = np.full((4, 4, 3), [0.5, 0.35, 0.28]), np.full((4, 4), 0.5), np.full((4, 4), 0.4)
    return {
        "diffuse": diffuse_transfer(scene, model.mean, normals).numpy(),
        "glossy": glossy_transfer(scene, model.mean, normals, view, (0.2, 0.5)).numpy(),
        "seen": camera_visibility(scene, camera.centre, model.mean, normals),
        "triangle": triangle,
        "barycentric": barycentric,
        "form_factors": np.asarray(form_factors(scene, normals).sum(1)).ravel(),
        "picture": render(model.mean, model, *skin, room_light(), camera, samples=64, depth=3).image,
    }


def _of_a_ball() -> dict[str, np.ndarray]:
    """A picture by the reference renderer, and the slope of its sum by everything that it takes."""
    vertices, triangles = sphere(80.0, 12, 24)
    random = np.random.default_rng(0)
    maps = random.uniform(0.2, 0.7, (6, 6, 3)), random.uniform(0.6, 1.0, (6, 6)), random.uniform(0.25, 0.5, (6, 6))
    values = [torch.tensor(value, dtype=torch.float32) for value in (vertices, room_light().coefficients, *maps)]
    for value in values:
        value.requires_grad_(True)
    reference = ReferenceRenderer(surface_of(vertices, triangles), front_camera(16), vertices, (6, 6), depth=1)
    picture = reference(ReferenceParameters(*values), BALL_SAMPLES, seed=1)
    picture[..., :3].sum().backward()
    names = ("vertices", "light", "albedo", "specular", "roughness")
    slopes = {f"slope_{name}": value.grad.numpy() for name, value in zip(names, values, strict=True)}
    return {"reference": picture.detach().numpy(), **slopes}


if __name__ == "__main__":
    main(*sys.argv[1:3])
