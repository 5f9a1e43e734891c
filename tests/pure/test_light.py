"""The harmonics, the lat-long convention, and the way between them."""

import numpy as np
import pytest
from nextgenface.engine.errors import EngineError
from nextgenface.engine.scene import light as light_module
from nextgenface.engine.scene.light import Light, latlong_directions, latlong_weights, sh_basis


def gauss_sphere(count=24):
    """Directions and weights that integrate polynomials of degree 2 count - 1 over the sphere exactly."""
    z, weight = np.polynomial.legendre.leggauss(count)
    azimuth = 2.0 * np.pi * np.arange(2 * count) / (2 * count)
    radius = np.sqrt(1.0 - z**2)[:, None]
    points = np.stack(np.broadcast_arrays(radius * np.cos(azimuth), radius * np.sin(azimuth), z[:, None]), -1)
    return points.reshape(-1, 3), np.repeat(weight, 2 * count) * np.pi / count


def test_the_81_functions_are_orthonormal():
    directions, weight = gauss_sphere()
    basis = sh_basis(directions)
    assert np.abs(basis.T @ (weight[:, None] * basis) - np.eye(81)).max() < 1e-10


def test_first_functions_are_those_of_the_textbook():
    x, y, z = 0.48, -0.6, 0.64
    basis = sh_basis(np.array([x, y, z]), 3)
    linear, product = np.sqrt(3 / (4 * np.pi)), np.sqrt(15 / (4 * np.pi))
    expected = [np.sqrt(1 / (4 * np.pi)), linear * y, linear * z, linear * x, product * x * y, product * y * z]
    expected += [np.sqrt(5 / (16 * np.pi)) * (3 * z * z - 1), product * x * z, product / 2 * (x * x - y * y)]
    assert np.allclose(basis, expected, atol=1e-12)


def test_lat_long_directions_follow_the_convention():
    directions = latlong_directions(64)
    assert directions[0, 0, 1] > 0.99, "the first row looks up"
    centre = directions[31:33, 63:65].mean((0, 1))
    assert np.allclose(centre / np.linalg.norm(centre), [1, 0, 0], atol=1e-6)
    right_quarter = directions[31:33, 95:97].mean((0, 1))
    assert np.allclose(right_quarter / np.linalg.norm(right_quarter), [0, 0, 1], atol=1e-6), (
        "right of it: out of the face"
    )


def test_directions_are_those_of_blenders_environment_texture():
    """Blender: u = -atan2(y, x) / 2 pi + 1/2, v upwards = atan2(z, hypot(x, y)) / pi + 1/2, Blender's axes."""
    head = latlong_directions(16)
    x, y, z = head[..., 0], -head[..., 2], head[..., 1]
    u = -np.arctan2(y, x) / (2 * np.pi) + 0.5
    v = np.arctan2(z, np.hypot(x, y)) / np.pi + 0.5
    assert np.allclose(u, ((np.arange(32) + 0.5) / 32)[None], atol=1e-12)
    assert np.allclose(v, (1 - (np.arange(16) + 0.5) / 16)[:, None], atol=1e-12)


def test_pixels_cover_the_sphere_once():
    assert np.isclose(latlong_weights(33).sum() * 66, 4 * np.pi)


def test_image_and_coefficients_agree_both_ways():
    coefficients = np.random.default_rng(0).normal(size=(81, 3)).astype(np.float32) * 0.05
    coefficients[0] = 10.0
    image = Light(coefficients).image(64)
    assert np.abs(Light.from_image(image).coefficients - coefficients).max() < 0.01


def test_radiance_is_never_negative():
    coefficients = np.zeros((4, 3), np.float32)
    coefficients[2] = 1.0
    assert Light(coefficients).image(8).min() == 0.0


def test_constant_light_is_constant():
    assert np.allclose(Light.constant((0.5, 1.0, 2.0), 3).image(4), [0.5, 1.0, 2.0], atol=1e-6)


def test_rows_for_mitsuba_interpolate_the_same_picture():
    column = np.random.default_rng(1).random(6)
    rows = light_module.mitsuba_rows(6) @ column
    place = np.linspace(0, 1, 101)
    ours = np.interp(place, (np.arange(6) + 0.5) / 6, column)
    assert np.allclose(np.interp(place, np.arange(13) / 12, rows), ours, atol=1e-6)


@pytest.mark.parametrize("shape", [(5, 3), (4, 4), (9,)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(EngineError, match="shape"):
        Light(np.zeros(shape, np.float32))
    with pytest.raises(EngineError, match="shape"):
        Light.from_image(np.zeros(shape))
