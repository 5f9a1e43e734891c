"""The optics of skin as a smooth function of two coordinates, ready for a gradient."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .skin_optics import Pigments, ita_degrees, skin_albedo
from .smooth_functions import chebyshev_polynomials

FloatArray = NDArray[np.float64]

# One unit of the melanin coordinate is this many degrees of ITA: -1 is very light skin, +1 very dark.
ITA_PER_UNIT = 65.0
# The haemoglobin coordinate counts doublings of the blood from this share of the dermis' volume: that of Han's Koreans.
BLOOD_AT_ZERO = 0.012
MELANIN_RANGE = (-1.2, 1.15)
HAEMOGLOBIN_RANGE = (-3.5, 4.0)
# Below this the optics run out of melanin to take away; the logarithm of the albedo goes on along its tangent.
_LIGHTEST = -0.95
_DEGREES = (12, 10)
# Cool or golden: share of pheomelanin and carotene in 1/cm at undertone -1, 0, +1.
_UNDERTONES = {-1: (0.2, 0.0), 0: (0.5, 1.5), 1: (0.8, 5.0)}


def melanosome_share(melanin: FloatArray, undertone: int = 0) -> FloatArray:
    """(...,) volume share of melanosomes for melanin coordinates in [-0.95, 1.15].

    Chosen so that skin with ordinary blood has ITA = -65 m degrees, whatever its undertone (-1, 0 or +1).
    """
    shares = np.geomspace(1e-5, 0.8, 400)
    ita = ita_degrees(skin_albedo(_pigments(shares, np.zeros(1), undertone)))
    return np.asarray(np.exp(np.interp(ITA_PER_UNIT * melanin, -ita, np.log(shares))))


def table_albedo(melanin: FloatArray, haemoglobin: FloatArray, undertone: int = 0) -> FloatArray:
    """(..., 3) linear Rec. 709 albedo at melanin and haemoglobin coordinates, which broadcast; the exact optics."""

    def optics(m: FloatArray) -> FloatArray:
        return np.asarray(np.log(skin_albedo(_pigments(melanosome_share(m, undertone), haemoglobin, undertone))))

    melanin, haemoglobin = np.broadcast_arrays(np.asarray(melanin, float), np.asarray(haemoglobin, float))
    inside = np.maximum(melanin, _LIGHTEST)
    at_limit = np.full_like(inside, _LIGHTEST)
    slope = (optics(at_limit + 0.05) - optics(at_limit)) / 0.05
    return np.asarray(np.exp(optics(inside) + slope * (melanin - inside)[..., None]))


def _pigments(melanosomes: FloatArray, haemoglobin: FloatArray, undertone: int) -> Pigments:
    pheomelanin, carotene = _UNDERTONES[undertone]
    # From cheek to lip: where blood is plenty it flows fast, so it is oxygenated, and the layer above it is thin.
    lip = 1 / (1 + np.exp((1.5 - haemoglobin) / 0.5))
    return Pigments(
        melanosomes,
        BLOOD_AT_ZERO * 2.0**haemoglobin,
        pheomelanin=pheomelanin,
        oxygenation=0.75 + 0.2 * lip,
        carotene=carotene,
        epidermis_cm=0.008 - 0.0035 * lip,
    )


@lru_cache(maxsize=1)
def _coefficients() -> tuple[FloatArray, FloatArray]:
    """(13, 11, 3) Chebyshev coefficients of the albedo's logarithm, and of its derivative by the undertone."""
    centre = _fit(np.log(_at_nodes(0)))
    return centre, _fit(0.5 * np.log(_at_nodes(1) / _at_nodes(-1)))


def _at_nodes(undertone: int) -> FloatArray:
    m, h = (_unscale(_nodes(d), r) for d, r in zip(_DEGREES, (MELANIN_RANGE, HAEMOGLOBIN_RANGE), strict=True))
    return table_albedo(m[:, None], h[None, :], undertone)


def _fit(values: FloatArray) -> FloatArray:
    """Least-squares Chebyshev coefficients of (M, H, C) values at `_nodes`."""
    rows = np.linalg.pinv(chebyshev_polynomials(_nodes(_DEGREES[0]), _DEGREES[0]))
    columns = np.linalg.pinv(chebyshev_polynomials(_nodes(_DEGREES[1]), _DEGREES[1]))
    return np.asarray(np.einsum("im,jh,mhc->ijc", rows, columns, values))


def _nodes(degree: int) -> FloatArray:
    """Chebyshev points of [-1, 1], four times as many as coefficients."""
    count = 4 * (degree + 1)
    return np.asarray(np.cos(np.pi * (np.arange(count) + 0.5) / count))


def _unscale(x: FloatArray, limits: tuple[float, float]) -> FloatArray:
    return 0.5 * (limits[1] - limits[0]) * x + 0.5 * (limits[1] + limits[0])


def log_albedo(melanin: Tensor, haemoglobin: Tensor, undertone: Tensor) -> Tensor:
    """(V, 3) logarithm of the linear Rec. 709 albedo.

    ``melanin`` (V,): -1 is very light (ITA +65 degrees with ordinary blood), +1 very dark (ITA -65). ``haemoglobin``
    (V,): doublings of the blood. ``undertone`` (): -1 cool, +1 golden, at the same ITA. All are limited
    softly to the range of the table, so every input gives a finite albedo and gradient.
    """
    centre, by_undertone = (torch.as_tensor(c, dtype=melanin.dtype, device=melanin.device) for c in _coefficients())
    c = centre + 1.5 * torch.tanh(undertone / 1.5) * by_undertone
    rows = _chebyshev(_limited(melanin, MELANIN_RANGE), _DEGREES[0])
    columns = _chebyshev(_limited(haemoglobin, HAEMOGLOBIN_RANGE), _DEGREES[1])
    # Vertices come last inside: long rows make this twice as fast.
    along_melanin = (c.permute(2, 1, 0).reshape(-1, len(rows)) @ rows).view(3, len(columns), -1)
    return (along_melanin * columns).sum(1).T


def _limited(x: Tensor, limits: tuple[float, float]) -> Tensor:
    """``x`` scaled from the limits to [-1, 1], rounded off over about 2 % of the range at both ends."""
    unit = (2 * x - limits[0] - limits[1]) / (limits[1] - limits[0])
    sharpness = 60.0
    soft = torch.nn.functional.softplus
    return -1 + soft(unit + 1, beta=sharpness) - soft(unit - 1, beta=sharpness)


def _chebyshev(x: Tensor, degree: int) -> Tensor:
    """(degree + 1, V) Chebyshev polynomials by their recurrence T_n = 2 x T_(n-1) - T_(n-2)."""
    terms = [torch.ones_like(x), x]
    for _ in range(degree - 1):
        terms.append(2 * x * terms[-1] - terms[-2])
    return torch.stack(terms)
