"""The statistical skin colour: coefficients to albedo, its prior and its gradients, on a small ellipsoid of a head."""

import dataclasses

import numpy as np
import pytest
import torch
from nextgenface.engine.errors import FaceModelError
from nextgenface.engine.faces import skin_gloss, skin_table
from nextgenface.engine.faces.model import PART_NAMES, FaceModel
from nextgenface.engine.faces.skin_colour import SkinColour, part_albedo, skin_colour, tone_of_ita
from nextgenface.engine.faces.skin_optics import as_measured, ita_degrees, lab
from nextgenface.engine.faces.smooth_functions import part_vertices, smooth_functions

pytestmark = pytest.mark.engine

ROWS, COLUMNS = 25, 40


def ellipsoid() -> FaceModel:
    """A head-sized ellipsoid of quads, exactly symmetric, with a ball of teeth (its last 4 vertices) inside."""
    theta = np.linspace(0.02, np.pi - 0.02, ROWS)[:, None]
    phi = (np.arange(COLUMNS) + 0.5) / COLUMNS * 2 * np.pi
    shape = np.broadcast_shapes(theta.shape, phi.shape)
    points = np.stack(
        [75 * np.sin(theta) * np.sin(phi), 110 * np.cos(theta) * np.ones(shape), 90 * np.sin(theta) * np.cos(phi)], -1
    ).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(ROWS - 1), np.arange(COLUMNS), indexing="ij")
    after = (column + 1) % COLUMNS
    quads = np.stack([row, row + 1, row + 1, row], -1) * COLUMNS + np.stack([column, column, after, after], -1)
    quads = np.concatenate([quads.reshape(-1, 4), [[len(points) + i for i in range(4)]]]).astype(np.int32)
    points = np.concatenate([points, [[-5, 0, 40], [5, 0, 40], [5, 9, 40], [-5, 9, 40]]]).astype(np.float32)
    mirror = np.concatenate(
        [
            (np.arange(ROWS)[:, None] * COLUMNS + np.arange(COLUMNS)[::-1]).ravel(),
            ROWS * COLUMNS + np.array([1, 0, 3, 2]),
        ]
    )
    part = np.zeros(len(quads), np.uint8)
    part[-1] = PART_NAMES.index("teeth_upper")
    return _model(points, quads, mirror.astype(np.int32), part)


def _model(points, quads, mirror, part) -> FaceModel:
    none, x, y, z = np.zeros((0, len(points), 3), np.float32), *points.T

    def spot(cx, cy, radius):
        return (np.exp(-((np.abs(x) - cx) ** 2 + (y - cy) ** 2) / radius**2) * (z > 0)).astype(np.float32)

    regions = {
        "face": np.clip(z / 40, 0, 1),
        "lips": spot(0, -35, 15),
        "cheeks": spot(40, -15, 18),
        "nose": spot(0, -5, 15),
        "brows": spot(28, 30, 12),
        "beard": spot(0, -55, 30),
        "forehead": spot(0, 60, 30),
    }
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    uv = np.zeros((len(quads), 4, 2), np.float32)
    return FaceModel(
        name="ellipsoid",
        mean=points,
        quads=quads,
        triangles=triangles,
        triangle_face=np.tile(np.arange(len(quads), dtype=np.int32), 2),
        uv_face=uv,
        uv_original=uv,
        triangle_uv=np.zeros((len(triangles), 3, 2), np.float32),
        identity_basis=none,
        expression_basis=none,
        expression_names=(),
        expression_is_blendshape=True,
        slider_basis=none,
        slider_names=(),
        mirror_vertex=mirror,
        mirror_expression=np.zeros(0, np.int32),
        face_part=part,
        regions={name: np.asarray(mask, np.float32) for name, mask in regions.items()},
        landmarks={},
        original_index=np.arange(len(points), dtype=np.int32),
    )


@pytest.fixture(scope="module")
def head() -> FaceModel:
    return ellipsoid()


@pytest.fixture(scope="module")
def skin(head: FaceModel) -> SkinColour:
    return SkinColour(head, torch.float64)


def _moved(skin: SkinColour, **values: float) -> torch.Tensor:
    coefficients = skin.mean()
    for name, value in values.items():
        coefficients[skin.names.index(name.replace("_", " "))] = value
    return coefficients


def _at(head: FaceModel, skin: SkinColour, region: str, coefficients: torch.Tensor) -> np.ndarray:
    return skin.albedo(coefficients)[int(head.regions[region].argmax())].numpy()


def test_table_follows_the_optics():
    """Within 0.3 Lab units over ITA +-70 degrees and a sixteenth to 14 times the blood."""
    m, h = np.meshgrid(np.linspace(-1.08, 1.08, 53), np.linspace(-3.3, 3.8, 29), indexing="ij")
    exact = skin_table.table_albedo(m, h)
    zero = torch.zeros((), dtype=torch.float64)
    read = torch.exp(skin_table.log_albedo(torch.tensor(m.ravel()), torch.tensor(h.ravel()), zero))
    assert np.linalg.norm(lab(read.numpy()) - lab(exact.reshape(-1, 3)), axis=-1).max() < 0.3


def test_albedo_is_finite_and_in_range_far_outside_the_prior(skin):
    generator = torch.Generator().manual_seed(3)
    for scale in (1.0, 5.0, 50.0):
        for _ in range(10):
            coefficients = (scale * skin.sample(generator)).requires_grad_()
            albedo = skin.albedo(coefficients)
            albedo.sum().backward()
            assert torch.isfinite(coefficients.grad).all()
            assert ((albedo >= 0) & (albedo <= 1)).all()


def test_gradient_is_right(skin):
    weights = torch.linspace(0.1, 1, len(skin.names), dtype=torch.float64)
    start = (0.3 * torch.sin(7 * weights)).requires_grad_()
    picked = slice(200, 700, 50)
    assert torch.autograd.gradcheck(lambda c: skin.albedo(c)[picked], (start,), eps=1e-6, atol=1e-7)


def test_ita_is_uniform_under_the_prior(skin):
    """Of 2,000 tones each of 8 equal bins between +65 and -65 degrees holds an eighth, within 5 standard errors."""
    tones = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    zero = torch.zeros((), dtype=torch.float64)
    melanin = 2 * torch.special.ndtr(tones) - 1
    ita = ita_degrees(torch.exp(skin_table.log_albedo(melanin, torch.zeros_like(melanin), zero)).numpy())
    share = np.histogram(ita, np.linspace(-65.5, 65.5, 9))[0] / len(tones)
    assert share == pytest.approx(np.full(8, 1 / 8), abs=5 * np.sqrt(1 / 8 * 7 / 8 / 2000))


@pytest.mark.parametrize("ita", [60.0, 35.0, 0.0, -30.0, -60.0])
def test_tone_reaches_every_ita(skin, head, ita):
    albedo = skin.albedo(_moved(skin, tone=tone_of_ita(ita)))
    plain = (sum(head.regions[name] for name in head.regions if name != "face") < 0.02) & part_vertices(head, "skin")
    assert np.median(ita_degrees(albedo.numpy()[plain])) == pytest.approx(ita, abs=1.5)


@pytest.mark.parametrize("ita", [60.0, 20.0, -20.0, -50.0])
def test_lips_are_redder_and_brows_darker(skin, head, ita):
    coefficients = _moved(skin, tone=tone_of_ita(ita))
    face = lab(_at(head, skin, "forehead", coefficients))
    lips = lab(_at(head, skin, "lips", coefficients))
    brows = lab(_at(head, skin, "brows", coefficients))
    assert lips[1] > face[1] + 3
    assert brows[0] < 0.8 * face[0]


def test_sampled_skin_is_never_green_or_blue(skin, head):
    generator = torch.Generator().manual_seed(1)
    on_skin = part_vertices(head, "skin")
    for _ in range(50):
        r, g, b = skin.albedo(skin.sample(generator))[on_skin].T
        assert (r >= g).all()
        assert (g >= 0.8 * b).all()


def test_symmetric_coefficients_give_a_symmetric_face(skin, head):
    coefficients = skin.sample(torch.Generator().manual_seed(2))
    for i, name in enumerate(skin.names):
        if "one-sided" in name:
            coefficients[i] = 0
    albedo = skin.albedo(coefficients)
    assert torch.allclose(albedo, albedo[torch.from_numpy(head.mirror_vertex).long()], atol=1e-7)


def test_one_sided_coefficients_do_not(skin, head):
    albedo = skin.albedo(_moved(skin, **{"melanin one-sided 0": 3.0}))
    assert (albedo - albedo[torch.from_numpy(head.mirror_vertex).long()]).abs().max() > 0.02


def test_other_parts_keep_their_colour(skin):
    albedo = skin.albedo(skin.sample(torch.Generator().manual_seed(5)))
    assert albedo[-4:].numpy() == pytest.approx(np.tile(part_albedo("teeth_upper"), (4, 1)))
    with pytest.raises(FaceModelError):
        part_albedo("skin")


def test_prior_is_standard_normal(skin):
    assert float(skin.negative_log_prior(torch.full((skin.count,), 2.0))) == pytest.approx(2.0 * skin.count)
    assert float(skin.negative_log_prior(skin.mean())) == 0.0


def test_model_without_regions_still_has_skin(head):
    bare = SkinColour(dataclasses.replace(head, regions={}))
    assert torch.isfinite(bare.albedo(bare.sample(torch.Generator().manual_seed(0)))).all()


def test_a_model_s_skin_is_made_once_and_another_model_gets_its_own(head):
    first = skin_colour(head)
    assert skin_colour(head) is first
    larger = dataclasses.replace(head, mean=2.0 * head.mean)
    other = skin_colour(larger)
    assert other is not first
    assert skin_colour(larger) is other
    assert skin_colour(head) is not other


def test_smooth_functions_are_parts_of_an_orthonormal_set(head):
    functions, eigenvalues = smooth_functions(head, 8, 4)
    assert (np.diff(eigenvalues[:8]) > 0).all()
    assert (np.diff(eigenvalues[8:]) > 0).all()
    mirrored = functions[:, head.mirror_vertex]
    assert mirrored[:8] == pytest.approx(functions[:8], abs=1e-9)
    assert mirrored[8:] == pytest.approx(-functions[8:], abs=1e-9)
    assert (functions[:, ~part_vertices(head, "skin")] == 0).all()


def test_lowest_functions_of_a_sphere_are_spherical_harmonics(head):
    """On the unit sphere the eigenvalues are l (l + 1): 2 for the three of degree 1, of which x is the odd one."""
    sphere = dataclasses.replace(head, mean=head.mean / np.array([75, 110, 90], np.float32), regions={})
    _, eigenvalues = smooth_functions(sphere, 2, 1)
    assert eigenvalues == pytest.approx([2, 2, 2], rel=0.02)


def test_gloss_prior_knows_skin_and_teeth(head):
    prior = skin_gloss.specular_prior(head)
    nose, cheek = (int(head.regions[name].argmax()) for name in ("nose", "cheeks"))
    assert prior.roughness_mean[nose] < prior.roughness_mean[cheek]
    assert prior.level_mean[cheek] == pytest.approx(0.3475, abs=0.03)
    assert prior.roughness_mean[-1] < 0.2
    assert ((prior.level_mean >= 0) & (prior.level_mean <= 1)).all()


@pytest.mark.parametrize("measured", [(61.75, 9.56, 17.08), (64.15, 8.96, 18.34)])
def test_usual_skin_runs_through_published_means(measured):
    """At their lightness, a* and b* of ordinary skin are within 3 of Han et al. 2006 and Yun et al. 2010."""
    colours = lab(as_measured(skin_table.table_albedo(np.linspace(-1, 1, 400), np.zeros(1))))
    at = colours[np.abs(colours[:, 0] - measured[0]).argmin()]
    assert at[1:] == pytest.approx(measured[1:], abs=3.0)
