"""Optics of skin and smooth functions: what needs numpy only."""

import numpy as np
import pytest
from nextgenface.engine.faces import skin_optics as optics
from nextgenface.engine.faces.skin_optics import Pigments


def test_perfect_white_is_white():
    assert optics.linear_rgb(np.ones(35)) == pytest.approx(np.ones(3), abs=1e-12)


def test_matching_functions_give_d65_its_published_chromaticity():
    weights = optics.colour_matching() * optics._D65_POWER[:, None]
    xyz = weights.sum(0)
    assert xyz[:2] / xyz.sum() == pytest.approx([0.3127, 0.3290], abs=0.002)


def test_haemoglobin_has_its_bands():
    """Oxygenated blood has maxima at 540 and 580 nm; both kinds absorb alike at the isosbestic point near 500 nm."""
    bands = {nm: i for i, nm in enumerate(optics.WAVELENGTHS_NM)}
    full, empty = optics.blood_absorption(1.0), optics.blood_absorption(0.0)
    assert full[bands[540]] > full[bands[560]] < full[bands[580]]
    assert full[bands[500]] == pytest.approx(empty[bands[500]], rel=0.02)
    assert empty[bands[650]] > 5 * full[bands[650]]


def test_layer_without_absorption_loses_nothing():
    reflected, passed = optics.kubelka_munk_layer(np.array([1e-9]), np.array([40.0]), 0.01)
    assert reflected + passed == pytest.approx(1.0, abs=1e-6)


def test_deep_layer_is_a_half_space():
    k, s = np.array([3.0]), np.array([40.0])
    assert optics.kubelka_munk_layer(k, s, 10.0)[0] == pytest.approx(optics.kubelka_munk_half_space(k, s), rel=1e-9)


@pytest.mark.parametrize("field", ["melanosomes", "blood", "carotene"])
def test_more_pigment_is_darker_at_every_wavelength(field):
    usual = {"melanosomes": 0.03, "blood": 0.02, "carotene": 1.0}
    less, more = (optics.diffuse_reflectance(Pigments(**{**usual, field: usual[field] * f})) for f in (1.0, 2.0))
    assert (more <= less).all()
    assert (more < less).any()


def test_blood_makes_redder_and_melanin_browner():
    _, a, b = optics.lab(optics.skin_albedo(Pigments(0.02, [0.01, 0.04]))).T
    assert a[1] > a[0] + 3
    assert b[1] < b[0]
    lightness, _, b = optics.lab(optics.skin_albedo(Pigments([0.005, 0.04], 0.018))).T
    assert lightness[1] < lightness[0] - 8
    assert b[1] > b[0] + 4


def test_lab_of_known_colours():
    assert optics.lab(np.ones(3)) == pytest.approx([100, 0, 0], abs=1e-6)
    # sRGB red: 53.24, 80.09, 67.20 under D65.
    assert optics.lab([1.0, 0.0, 0.0]) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


def test_ita_has_the_classes_sign():
    assert optics.ita_degrees([0.5, 0.36, 0.28]) > 41
    assert optics.ita_degrees([0.09, 0.05, 0.03]) < -30


# Published means, L*, a*, b* (D65), as the instrument saw them: with the surface's reflection or without. Sources in
# docs/skin-colour.md.
MEASURED = {
    "Koreans, 12 sites, Han 2006": (True, (61.75, 9.56, 17.08)),
    "Asians, 5 sites, Yun 2010": (True, (64.15, 8.96, 18.34)),
    "ColorChecker 'dark skin', McCamy 1976": (False, (37.99, 13.56, 14.06)),
    "facial cluster 1, IADR 2009": (False, (52.5, 17.0, 18.9)),
    "facial cluster 2, IADR 2009": (False, (37.7, 17.2, 14.7)),
}


@pytest.mark.parametrize("name", MEASURED)
def test_optics_reach_published_skin(name):
    """Some amount of melanin and blood comes within 6 Lab units of every published mean, 2 but for clusters of nose and lip."""
    with_surface, target = MEASURED[name]
    melanosomes, blood = np.meshgrid(np.geomspace(0.002, 0.5, 60), np.geomspace(0.004, 0.15, 40))
    albedo = optics.skin_albedo(Pigments(melanosomes, blood))
    colours = optics.lab(optics.as_measured(albedo) if with_surface else albedo)
    nearest = np.linalg.norm(colours - target, axis=-1).min()
    assert nearest < (6.0 if "cluster" in name else 2.0)
