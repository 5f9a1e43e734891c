"""Optics of skin: pigments to reflectance spectrum to linear Rec. 709 albedo.

Sources
* Jacques 1998, "Skin optics", Oregon Medical Laser Center News: melanosome and bloodless-tissue absorption.
* Jacques 2013, "Optical properties of biological tissues: a review", Phys. Med. Biol. 58, R37: reduced scattering.
* Prahl 1999, "Optical absorption of hemoglobin", Oregon Medical Laser Center: molar extinction of haemoglobin.
* Donner and Jensen 2006, "A spectral BSSRDF for shading human skin", EGSR: pheomelanin, the two layers.
* Kubelka 1948 and 1954, J. Opt. Soc. Am. 38 and 44: reflectance of one layer and of a stack of layers.
* Saunderson 1942, J. Opt. Soc. Am. 32: reflection at the inside of the surface.
* Wyman, Sloan and Shirley 2013, J. Comput. Graph. Tech. 2(2): the CIE 1931 colour matching functions as a formula.
* CIE 15:2004: the illuminant D65.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

# Wavelength in nm, relative power of D65, molar extinction of oxy- and of deoxyhaemoglobin in 1/(cm M). The extinctions
# are Prahl's, given every 2 nm, averaged over +-10 nm with a triangle.
_TABLE = """
380 49.9755 112110 146140
390 54.6482 172440 171720
400 82.7549 273090 226800
410 91.486 444830 306010
420 93.4318 454790 409850
430 86.6823 250500 516200
440 104.865 110710 412770
450 117.008 64380 131860
460 117.812 44822 25689
470 114.861 33597 16534
480 115.923 26971 14932
490 108.811 23595 16863
500 109.354 21071 20921
510 107.802 20313 25904
520 104.79 25186 31782
530 107.689 39749 39020
540 104.405 51034 46624
550 104.046 43215 52861
560 100 34361 52710
570 96.3342 44621 45209
580 95.788 45678 37140
590 88.6856 16969 27803
600 90.0062 3966.4 15893
610 89.5991 1551.2 9667.7
620 87.6987 951.28 6620.3
630 83.2886 616.56 5186.9
640 83.6992 445.76 4349.6
650 80.0268 368.88 3752.9
660 80.2146 321.55 3238
670 82.2778 294.45 2798.4
680 78.2842 278.37 2408.2
690 69.7213 276.75 2065.3
700 71.6091 290.4 1793.1
710 74.349 314.4 1544
720 61.604 348.32 1327.1
"""
_COLUMNS: FloatArray = np.array(_TABLE.split(), np.float64).reshape(-1, 4).T
WAVELENGTHS_NM, _D65_POWER, _OXYHAEMOGLOBIN, _DEOXYHAEMOGLOBIN = _COLUMNS
_HAEMOGLOBIN_GRAM_PER_LITRE = 150.0
_HAEMOGLOBIN_GRAM_PER_MOLE = 64500.0

# Share of diffuse light that the skin's surface (index n = 1.4) throws back into the skin, by Egan and Hilgeman's fit
# -1.44 / n^2 + 0.71 / n + 0.668 + 0.0636 n (Groenhuis, Ferwerda and Ten Bosch 1983, Appl. Opt. 22).
INTERNAL_REFLECTION = 0.5295
# Fresnel reflection of skin at normal incidence, ((1.4 - 1) / (1.4 + 1))^2.
NORMAL_REFLECTION = 0.0278

XYZ_FROM_REC709: FloatArray = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)
REC709_FROM_XYZ: FloatArray = np.linalg.inv(XYZ_FROM_REC709)
D65_WHITE_XYZ: FloatArray = XYZ_FROM_REC709.sum(1)


@dataclass(frozen=True)
class Pigments:
    """What colours a patch of skin. Every field may be an array; they broadcast.

    Attributes:
        melanosomes: share of the epidermis' volume that is melanosomes, 0.005 (very light) to 0.45 (very dark).
        pheomelanin: share of the melanin that is of the red-yellow kind, 0 to 1.
        blood: share of the dermis' volume that is whole blood, about 0.002 to 0.08.
        oxygenation: share of the haemoglobin that carries oxygen, 0 to 1.
        carotene: absorption in 1/cm of the dermis at 460 nm by beta-carotene and bilirubin.
        epidermis_cm: thickness of the epidermis in cm.
    """

    melanosomes: ArrayLike
    blood: ArrayLike
    pheomelanin: ArrayLike = 0.5
    oxygenation: ArrayLike = 0.75
    carotene: ArrayLike = 1.5
    epidermis_cm: ArrayLike = 0.008


def blood_absorption(oxygenation: ArrayLike) -> FloatArray:
    """(..., 35) absorption of whole blood in 1/cm: 2.303 e c, for 150 g of haemoglobin per litre (Prahl 1999)."""
    s = np.asarray(oxygenation, np.float64)[..., None]
    extinction = s * _OXYHAEMOGLOBIN + (1 - s) * _DEOXYHAEMOGLOBIN
    return np.asarray(2.303 * extinction * _HAEMOGLOBIN_GRAM_PER_LITRE / _HAEMOGLOBIN_GRAM_PER_MOLE)


def melanosome_absorption(pheomelanin: ArrayLike) -> FloatArray:
    """(..., 35) absorption of the inside of melanosomes in 1/cm.

    Eumelanin 6.6e11 l^-3.33 (Jacques 1998), pheomelanin 2.9e15 l^-4.75 (Donner and Jensen 2006), l in nm.
    """
    p = np.asarray(pheomelanin, np.float64)[..., None]
    return np.asarray((1 - p) * 6.6e11 * WAVELENGTHS_NM**-3.33 + p * 2.9e15 * WAVELENGTHS_NM**-4.75)


def baseline_absorption() -> FloatArray:
    """(35,) absorption of skin without blood and melanin in 1/cm: 0.244 + 85.3 exp(-(l - 154) / 66.2), Jacques 1998."""
    return np.asarray(0.244 + 85.3 * np.exp(-(WAVELENGTHS_NM - 154.0) / 66.2))


def carotene_absorption() -> FloatArray:
    """(35,) absorption of beta-carotene and bilirubin, 1 at its maximum near 460 nm.

    A Gaussian that stands for the common outline of both pigments' bands: ours, not a published curve.
    """
    return np.asarray(np.exp(-0.5 * ((WAVELENGTHS_NM - 460.0) / 28.0) ** 2))


def reduced_scattering(amplitude: float, rayleigh_share: float, mie_power: float) -> FloatArray:
    """(35,) reduced scattering in 1/cm: a (f (l/500)^-4 + (1 - f) (l/500)^-b), Jacques 2013, equation 2."""
    x = WAVELENGTHS_NM / 500.0
    return np.asarray(amplitude * (rayleigh_share * x**-4.0 + (1 - rayleigh_share) * x**-mie_power))


# Jacques 2013, table 2: epidermis and dermis as measured by Salomatina et al. 2006.
_EPIDERMIS_SCATTERING = reduced_scattering(66.7, 0.29, 0.689)
_DERMIS_SCATTERING = reduced_scattering(43.6, 0.41, 0.562)


def kubelka_munk_layer(
    absorption: FloatArray, scattering: FloatArray, thickness: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Reflectance and transmittance of one layer for diffuse light (Kubelka 1948).

    ``absorption`` and reduced ``scattering`` in 1/cm, ``thickness`` in cm; they broadcast. The two-flux coefficients
    are K = 2 mu_a and S = 3/4 mu_s' (Mudgett and Richards 1971).
    """
    k, s = 2.0 * absorption, 0.75 * scattering
    a = (s + k) / s
    b = np.sqrt(a * a - 1.0)
    x = b * s * np.asarray(thickness, np.float64)
    denominator = a * np.sinh(x) + b * np.cosh(x)
    return np.asarray(np.sinh(x) / denominator), np.asarray(b / denominator)


def kubelka_munk_half_space(absorption: FloatArray, scattering: FloatArray) -> FloatArray:
    """Reflectance of an infinitely thick layer: a - sqrt(a^2 - 1) with a = (S + K) / S."""
    k, s = 2.0 * absorption, 0.75 * scattering
    a = (s + k) / s
    return np.asarray(a - np.sqrt(a * a - 1.0))


def diffuse_reflectance(pigments: Pigments) -> FloatArray:
    """(..., 35) diffuse albedo of skin at `WAVELENGTHS_NM`, in [0, 1].

    A melanin-coloured epidermis on an infinitely thick, blood-coloured dermis (Kubelka 1954):
    R = R1 + T1^2 R2 / (1 - R1 R2), then Saunderson's correction for the light that the surface holds back,
    (1 - r) R / (1 - r R). It is relative to the light that has entered the skin, so a body that absorbs nothing has 1:
    what a renderer calls base colour.
    """
    melanosomes = np.asarray(pigments.melanosomes, np.float64)[..., None]
    blood = np.asarray(pigments.blood, np.float64)[..., None]
    carotene = np.asarray(pigments.carotene, np.float64)[..., None]
    base = baseline_absorption()
    epidermis = melanosomes * melanosome_absorption(pigments.pheomelanin) + (1 - melanosomes) * base
    dermis = blood * blood_absorption(pigments.oxygenation) + (1 - blood) * base + carotene * carotene_absorption()
    thickness = np.asarray(pigments.epidermis_cm, np.float64)[..., None]
    reflected, passed = kubelka_munk_layer(epidermis, _EPIDERMIS_SCATTERING, thickness)
    below = kubelka_munk_half_space(dermis, _DERMIS_SCATTERING)
    body = reflected + passed**2 * below / (1 - reflected * below)
    return np.asarray((1 - INTERNAL_REFLECTION) * body / (1 - INTERNAL_REFLECTION * body))


def colour_matching() -> FloatArray:
    """(35, 3) CIE 1931 x, y, z functions at `WAVELENGTHS_NM`: the multi-lobe fit of Wyman et al. 2013."""
    lobes = (
        ((1.056, 599.8, 37.9, 31.0), (0.362, 442.0, 16.0, 26.7), (-0.065, 501.1, 20.4, 26.2)),
        ((0.821, 568.8, 46.9, 40.5), (0.286, 530.9, 16.3, 31.1)),
        ((1.217, 437.0, 11.8, 36.0), (0.681, 459.0, 26.0, 13.8)),
    )
    return np.stack([sum((_lobe(*lobe) for lobe in channel), np.zeros(len(WAVELENGTHS_NM))) for channel in lobes], -1)


def _lobe(height: float, centre: float, below: float, above: float) -> FloatArray:
    """A Gaussian with another width on each side of its centre, nm."""
    width = np.where(centre > WAVELENGTHS_NM, below, above)
    return np.asarray(height * np.exp(-0.5 * ((WAVELENGTHS_NM - centre) / width) ** 2))


def linear_rgb(reflectance: FloatArray) -> FloatArray:
    """(..., 3) linear Rec. 709 under D65 of (..., 35) reflectance; reflectance 1 everywhere gives (1, 1, 1)."""
    weights = colour_matching() * _D65_POWER[:, None]
    xyz = reflectance @ (weights / weights.sum(0)) * D65_WHITE_XYZ
    return np.asarray(xyz @ REC709_FROM_XYZ.T)


def skin_albedo(pigments: Pigments) -> FloatArray:
    """(..., 3) linear Rec. 709 diffuse albedo of skin with these pigments."""
    return linear_rgb(diffuse_reflectance(pigments))


def lab(rgb: ArrayLike) -> FloatArray:
    """(..., 3) CIE L*a*b* (D65, 2 degrees) of (..., 3) linear Rec. 709."""
    t = np.asarray(rgb, np.float64) @ XYZ_FROM_REC709.T / D65_WHITE_XYZ
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ita_degrees(rgb: ArrayLike) -> FloatArray:
    """(...,) individual typology angle in degrees of (..., 3) linear Rec. 709: atan2(L* - 50, b*), Chardon et al. 1991.

    Very light skin is above 55, light above 41, intermediate above 28, tan above 10, brown above -30, dark below
    (Del Bino and Bernerd 2013). The four-quadrant form goes on smoothly where b* passes 0.
    """
    lightness, _, yellowness = np.moveaxis(lab(rgb), -1, 0)
    return np.asarray(np.degrees(np.arctan2(lightness - 50.0, yellowness)))


def as_measured(albedo: ArrayLike) -> FloatArray:
    """What a spectrophotometer that includes the surface's reflection (d:8) reads for a linear ``albedo``."""
    return np.asarray(NORMAL_REFLECTION + (1 - NORMAL_REFLECTION) * np.asarray(albedo, np.float64))
