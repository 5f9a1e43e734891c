"""Gradients of the reference renderer against finite differences, for every kind of parameter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from devices import DEVICE
from nextgenface.engine.errors import RenderError
from nextgenface.engine.render.bridge import ReferenceParameters, ReferenceRenderer, smooth_normals
from nextgenface.engine.render.path import render, vertex_normals
from nextgenface.engine.render.variant import activate
from nextgenface.engine.scene.light import Light, latlong_directions
from render_scenes import front_camera, sphere, surface_of

pytestmark = pytest.mark.engine
SIZE = 16
SAMPLES = 4096


@pytest.fixture(autouse=True, scope="module")
def renderer_variant():
    """Chosen before anything imports Dr.Jit."""
    activate(DEVICE)


@pytest.fixture(scope="module")
def ball():
    vertices, triangles = sphere(80.0, 12, 24)
    return vertices, surface_of(vertices, triangles)


@pytest.fixture(scope="module")
def parameters(ball):
    random = np.random.default_rng(0)
    maps = random.uniform(0.2, 0.7, (6, 6, 3)), random.uniform(0.6, 1.0, (6, 6)), random.uniform(0.25, 0.5, (6, 6))
    values = ball[0], lamp_light().coefficients, *maps
    return ReferenceParameters(*(torch.tensor(value, dtype=torch.float32) for value in values))


@pytest.fixture(scope="module")
def reference(ball, renderer_variant):
    vertices, surface = ball
    return ReferenceRenderer(surface, front_camera(SIZE), vertices, (6, 6), "prb", depth=1)


def lamp_light():
    """A lamp beside the camera, sharp enough that the highlight's width shows."""
    lamp = 15.0 * np.exp(25.0 * (latlong_directions(32)[..., 2:] - 1.0))
    return Light.from_image(0.5 + lamp * np.array([1.0, 0.9, 0.8]))


def weights():
    """A weight for each pixel well inside the ball, different across it."""
    place = torch.arange(SIZE) - SIZE / 2 + 0.5
    inside = place[:, None] ** 2 + place[None] ** 2 < 2.5**2
    weight = (1.0 - 0.3 * place[:, None] + 0.4 * place[None]) * inside
    channels = torch.tensor([1.0, 0.8, 0.6, 0.0])
    return weight[..., None] * channels


def loss(reference, parameters, seed):
    return (reference(parameters, SAMPLES, seed) * weights()).sum()


def step_for(name, value):
    """A direction to move ``value`` in, and how far a finite difference goes."""
    if name == "vertices":
        # Bumps: shading normals change, the outline hardly does.
        return torch.nn.functional.normalize(value, dim=1) * torch.sin((value[:, :1] + value[:, 1:2]) / 25.0), 1.0
    if name == "light":
        return value.clone(), 0.2
    return torch.linspace(0.5, 1.0, value.numel()).reshape(value.shape), 0.08


@pytest.mark.parametrize("name", ["diffuse", "specular", "roughness", "light", "vertices"])
def test_gradient_is_that_of_finite_differences(reference, parameters, name):
    value = getattr(parameters, name)
    direction, width = step_for(name, value)
    moved = value.clone().requires_grad_(True)
    loss(reference, replace(parameters, **{name: moved}), seed=1).backward()
    slope = float((moved.grad * direction).sum())
    ends = [
        float(loss(reference, replace(parameters, **{name: value + sign * width * direction}), seed=2))
        for sign in (1.0, -1.0)
    ]
    expected = (ends[0] - ends[1]) / (2.0 * width)
    assert abs(slope / expected - 1.0) < 0.05, (slope, expected)


def test_picture_is_that_of_the_path_tracer(reference, parameters, ball):
    vertices, surface = ball
    picture = reference(parameters, 2048).numpy()
    maps = parameters.diffuse, parameters.specular, parameters.roughness
    plain = render(
        vertices, surface, *(value.numpy() for value in maps), lamp_light(), front_camera(SIZE), samples=2048, depth=1
    )
    assert np.abs(picture[..., :3] - plain.image).mean() < 0.015 * plain.image.mean()
    assert np.allclose(picture[..., 3], plain.coverage, atol=0.05)


def test_normals_are_those_of_the_path_tracer(ball):
    vertices, surface = ball
    found = smooth_normals(torch.tensor(vertices), torch.from_numpy(surface.triangles.astype(np.int64)))
    assert np.abs(found.numpy() - vertex_normals(vertices, surface.triangles)).max() < 1e-3


def test_outline_has_a_gradient_with_projective_sampling(ball, parameters):
    """A larger ball covers more pixels: the sum of coverage-weighted radiance grows with the square of its radius."""
    vertices, surface = ball
    reference = ReferenceRenderer(surface, front_camera(SIZE), vertices, (6, 6), "direct_projective")
    moved = parameters.vertices.clone().requires_grad_(True)
    reference(replace(parameters, vertices=moved), 256, 1)[..., :3].sum().backward()
    slope = float((moved.grad * parameters.vertices).sum())
    ends = [
        float(reference(replace(parameters, vertices=parameters.vertices * scale), 512, 2)[..., :3].sum())
        for scale in (1.04, 0.96)
    ]
    assert abs(slope / ((ends[0] - ends[1]) / 0.08) - 1.0) < 0.05


def test_unknown_integrators_are_refused(ball):
    with pytest.raises(RenderError, match="no integrator"):
        ReferenceRenderer(ball[1], front_camera(SIZE), ball[0], (6, 6), "magic")
