"""The skin's BSDF: energy, sampling, and the formulas against quadrature."""

from types import SimpleNamespace

import numpy as np
import pytest
from devices import DEVICE
from nextgenface.engine.render.path import make_mesh
from nextgenface.engine.render.skin_bsdf import register, skin_description
from nextgenface.engine.render.variant import activate
from nextgenface.engine.scene import material

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True, scope="module")
def renderer():
    """Chosen before anything imports Dr.Jit."""
    activate(DEVICE)


SKINS = [(0.35, 0.45), (1.0, 0.15), (0.1, 0.9)]
COSINES = [0.15, 0.5, 0.95]


def make_bsdf(colour, specular, roughness):
    activate()
    import mitsuba as mi

    register(mi.variant())
    flat = np.full((2, 2, 3), colour, np.float32)
    return mi.load_dict(skin_description(flat, np.full((2, 2), specular), np.full((2, 2), roughness)))


def surface_hit(cosine, count):
    """A flat hit seen at ``cosine``."""
    import drjit as dr
    import mitsuba as mi

    hit = dr.zeros(mi.SurfaceInteraction3f, count)
    hit.n = mi.Normal3f(0, 0, 1)
    hit.sh_frame = mi.Frame3f(mi.Normal3f(0, 0, 1))
    hit.wi = mi.Vector3f(float(np.sqrt(1 - cosine**2)), 0, cosine)
    hit.uv = mi.Point2f(0.5)
    return hit


def uniform_numbers(count, seed):
    import mitsuba as mi

    generator = mi.PCG32(size=count, initstate=seed)
    return generator.next_float32(), mi.Point2f(generator.next_float32(), generator.next_float32())


@pytest.mark.parametrize("cosine", COSINES)
@pytest.mark.parametrize("skin", SKINS)
def test_white_skin_reflects_all_light_and_no_more(skin, cosine):
    import drjit as dr
    import mitsuba as mi

    count = 1 << 18
    bsdf = make_bsdf(1.0, *skin)
    one, two = uniform_numbers(count, 1)
    _, weight = bsdf.sample(mi.BSDFContext(), surface_hit(cosine, count), one, two, True)
    values = np.array(weight.x)
    bound = 4.0 * values.std() / np.sqrt(count)
    assert abs(values.mean() - 1.0) < bound + 0.003
    assert dr.all(weight.x >= 0)


@pytest.mark.parametrize("cosine", COSINES)
@pytest.mark.parametrize("skin", SKINS)
def test_density_integrates_to_what_is_sampled(skin, cosine):
    """The density over the hemisphere is the share of samples that leave above the surface."""
    import mitsuba as mi

    count = 1 << 20
    bsdf, hit = make_bsdf(0.4, *skin), surface_hit(cosine, count)
    one, two = uniform_numbers(count, 2)
    drawn, _ = bsdf.sample(mi.BSDFContext(), hit, one, two, True)
    above = (np.array(drawn.pdf) > 0).mean()
    _, place = uniform_numbers(count, 3)
    directions = mi.warp.square_to_uniform_hemisphere(place)
    density = np.array(bsdf.pdf(mi.BSDFContext(), hit, directions, True)) * 2 * np.pi
    assert abs(density.mean() - above) < 5.0 * density.std() / np.sqrt(count) + 1e-3


@pytest.mark.parametrize("skin", SKINS)
def test_samples_are_where_the_density_says(skin):
    """Means of a few functions of the direction, over samples and over the density."""
    import mitsuba as mi

    count = 1 << 20
    bsdf, hit = make_bsdf(0.4, *skin), surface_hit(0.6, count)
    one, two = uniform_numbers(count, 4)
    drawn, _ = bsdf.sample(mi.BSDFContext(), hit, one, two, True)
    kept = np.array(drawn.pdf) > 0
    _, place = uniform_numbers(count, 5)
    uniform = mi.warp.square_to_cosine_hemisphere(place)
    density = np.array(bsdf.pdf(mi.BSDFContext(), hit, uniform, True))
    share = density / np.maximum(np.array(uniform.z) / np.pi, 1e-9)
    for moment in (lambda w: w[0], lambda w: w[1] ** 2, lambda w: w[2] ** 2 * w[0]):
        drawn_values = moment(np.array(drawn.wo)) * kept
        weighted = moment(np.array(uniform)) * share
        bound = 5.0 * (drawn_values.std() + weighted.std()) / np.sqrt(count)
        assert abs(drawn_values.mean() - weighted.mean()) < bound


def test_bsdf_has_the_values_of_the_formulas():
    import mitsuba as mi

    colour, specular, roughness, cosine = 0.5, 0.4, 0.4, 0.7
    bsdf, hit = make_bsdf(colour, specular, roughness), surface_hit(cosine, 64)
    light = np.random.default_rng(0).normal(size=(3, 64))
    light[2] = np.abs(light[2]) + 0.05
    light /= np.linalg.norm(light, axis=0)
    value = np.array(bsdf.eval(mi.BSDFContext(), hit, mi.Vector3f(light.astype(np.float32)), True))[0]
    view = np.array([np.sqrt(1 - cosine**2), 0, cosine])
    half = light + view[:, None]
    half /= np.linalg.norm(half, axis=0)
    alpha, f0 = roughness**2, material.f0_of_level(specular)
    lobe = material.fresnel(view @ half, f0) * material.ggx_density(half[2], alpha)
    lobe *= material.smith_g2(light[2], cosine, alpha) / (4.0 * cosine * light[2])
    body = (1.0 - material.specular_albedo(np.float64(cosine), roughness, f0)) * colour / np.pi
    assert np.allclose(value, (lobe + body) * light[2], rtol=2e-4, atol=1e-5)


def test_nothing_is_reflected_below_the_facet():
    """Smooth normals let directions pass that go into the facet; Cycles drops them and so do we."""
    import mitsuba as mi

    bsdf, hit = make_bsdf(0.5, 0.5, 0.5), surface_hit(0.7, 1)
    hit.n = mi.Normal3f(float(np.sin(0.5)), 0, float(np.cos(0.5)))
    grazing = mi.Vector3f(-float(np.cos(0.2)), 0, float(np.sin(0.2)))
    assert np.array(bsdf.eval(mi.BSDFContext(), hit, grazing, True)).max() == 0.0


@pytest.mark.parametrize("cosine", COSINES)
@pytest.mark.parametrize("tilt", [(0.3, 0.0), (-0.3, 0.2), (0.6, -0.4)])
def test_bent_normals_reflect_no_more_light_than_comes_and_sampling_is_right(tilt, cosine):
    """White skin under even light; sampled and by quadrature of the values."""
    import mitsuba as mi

    count = 1 << 18
    bsdf, hit = bent_bsdf(tilt), bent_hit(cosine, count)
    one, two = uniform_numbers(count, 6)
    _, weight = bsdf.sample(mi.BSDFContext(), hit, one, two, True)
    sampled = np.array(weight.x)
    _, place = uniform_numbers(count, 7)
    values = np.array(bsdf.eval(mi.BSDFContext(), hit, mi.warp.square_to_uniform_hemisphere(place), True).x) * 2 * np.pi
    bound = 5.0 * (sampled.std() + values.std()) / np.sqrt(count)
    assert abs(sampled.mean() - values.mean()) < bound
    assert 0.6 < sampled.mean() < 1.005


def test_a_flat_normal_map_changes_nothing():
    import mitsuba as mi

    hit, plain = bent_hit(0.6, 64), make_bsdf(0.5, 0.4, 0.4)
    light = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    light /= np.linalg.norm(light, axis=0)
    bent = bent_bsdf((0.0, 0.0), 0.5)
    found, expected = (np.array(b.eval(mi.BSDFContext(), hit, mi.Vector3f(light), True)) for b in (bent, plain))
    assert np.abs(expected).max() > 0.1
    assert np.allclose(found, expected, atol=1e-4)


def bent_bsdf(tilt, colour=1.0):
    """White skin whose normal map tilts the normal by ``tilt`` along tangent and bitangent."""
    import mitsuba as mi

    normal = np.array([*tilt, 1.0]) / np.linalg.norm([*tilt, 1.0])
    flat = np.full((2, 2, 3), colour, np.float32)
    maps = flat, np.full((2, 2), 0.4), np.full((2, 2), 0.4), np.broadcast_to(0.5 + 0.5 * normal, (2, 2, 3))
    register(mi.variant())
    return mi.load_dict(skin_description(*maps))


def bent_hit(cosine, count):
    """`surface_hit` on a mesh that has tangents."""
    import mitsuba as mi

    square = SimpleNamespace(
        triangles=np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        triangle_uv=np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32),
    )
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
    flat = np.full((2, 2, 3), 0.5, np.float32)
    mesh = make_mesh(corners, square, skin_description(flat, flat[..., 0], flat[..., 0], flat))
    scene = mi.load_dict({"type": "scene", "mesh": mesh})
    away = mi.Vector3f(float(np.sqrt(1 - cosine**2)), 0, cosine)
    return scene.ray_intersect(mi.Ray3f(dr_full(count, away), -away))


def dr_full(count, point):
    """``count`` copies of a point."""
    import drjit as dr
    import mitsuba as mi

    return mi.Point3f(*(dr.full(mi.Float, value[0], count) for value in point))


def test_albedo_table_agrees_with_quadrature():
    random = np.random.default_rng(1)
    cosine, roughness, f0 = random.uniform([0.1, 0.1, 0.004], [1.0, 1.0, 0.08], (200, 3)).T
    exact = [
        material.integrate_albedo(c, r, np.array([f]), 96)[0] for c, r, f in zip(cosine, roughness, f0, strict=True)
    ]
    assert np.abs(material.specular_albedo(cosine, roughness, f0) - exact).max() < 0.002


def test_albedo_in_torch_is_that_in_numpy_and_differentiable():
    import torch

    values = [torch.tensor([0.3, 0.8], dtype=torch.float64), torch.tensor([0.31, 0.62], dtype=torch.float64)]
    values.append(torch.tensor([0.021, 0.05], dtype=torch.float64))
    plain = material.specular_albedo(*(value.numpy() for value in values))
    assert np.allclose(material.specular_albedo(*values).numpy(), plain, atol=1e-6)
    for value in values:
        value.requires_grad_(True)
    assert torch.autograd.gradcheck(material.specular_albedo, tuple(values), eps=1e-5, atol=1e-3)


def test_fresnel_is_that_of_glass():
    """Glass, n = 1.5: 4 % straight on, 8.9 % at 60 degrees, all at grazing incidence; at Brewster's angle half of s."""
    cosines = np.array([1.0, 0.5, 0.0])
    assert np.allclose(material.fresnel(cosines, 0.04), [0.04, 0.0892, 1.0], atol=2e-4)


def test_split_fresnel_is_close_for_skin():
    cosines = np.linspace(0.0, 1.0, 101)[:, None]
    f0 = np.linspace(0.012, 0.06, 30)
    slope, offset = material.fresnel_split(cosines)
    error = np.abs(slope * f0 + offset - material.fresnel(cosines, f0))
    assert error.max() < 0.025 and error[50:].max() < 0.006
