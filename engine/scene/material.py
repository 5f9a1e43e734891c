"""The skin's reflectance, the same in Mitsuba, in the fast fit and in Blender's Principled BSDF (4.2 to 5.0).

A dielectric GGX layer over a Lambertian one. With Blender's names: base colour a, Specular IOR Level s in [0, 1],
roughness r in [0, 1], IOR 1.5, nothing else (no subsurface, coat, sheen, tint, metal). As Cycles has it:

    F0 = 0.08 s, alpha = r^2
    f(i, o) = F(i . h) D(h) G2(i, o) / (4 (n . i) (n . o)) + (1 - E(n . o)) a / pi

F is the Fresnel reflectance of an ideal dielectric with the index of refraction that F0 belongs to, D and G2 are GGX
with the height-correlated Smith masking, and E is the specular layer's directional albedo, which takes from the diffuse
layer what the specular one reflects. That is the node's distribution "Multiscatter GGX" but for the light that it gives
back between microfacets: for skin's F0 under 1 % of the highlight (2 % at roughness 0.8). Its "GGX" darkens the diffuse
layer more than the specular one reflects, so the node must stand on "Multiscatter GGX", its default.

Functions work on numpy arrays and torch tensors alike, elementwise with broadcasting, and are differentiable.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Reflectance at normal incidence of Specular IOR Level 1 with IOR 1.5: twice ((1.5 - 1) / (1.5 + 1))^2.
FULL_F0 = 0.08
# Between these two the Fresnel reflectance is taken as linear in F0 by `fresnel_split`; skin lies between them.
SPLIT_F0 = (0.022, 0.045)
# Sharper highlights than this are those of water and metal, not of skin; alpha = 4e-4 still computes in 32 bits.
LEAST_ROUGHNESS = 0.02
# Nodes of the albedo table over cosine, roughness and sqrt(F0 / 0.08).
TABLE_SHAPE = (33, 33, 9)


def f0_of_level(level: Any) -> Any:
    """Reflectance at normal incidence for a Specular IOR Level in [0, 1]."""
    return FULL_F0 * level


def index_of_refraction(f0: Any) -> Any:
    """Index of refraction (1 or more) of the dielectric with reflectance ``f0`` in [0, 1) at normal incidence."""
    root = f0**0.5
    return (1.0 + root) / (1.0 - root)


def fresnel(cosine: Any, f0: Any) -> Any:
    """Unpolarised reflectance of a dielectric from outside, in [0, 1], for the cosine to its (micro) normal in [0, 1].

    Fresnel's equations as in Cook and Torrance, "A Reflectance Model for Computer Graphics" (1982), eq. 16. ``f0`` must
    be above 0 where a gradient is wanted.
    """
    eta = index_of_refraction(f0)
    # At eta = 1 and grazing incidence g and c vanish together; the small term keeps the ratio finite.
    g = (eta * eta - 1.0 + cosine * cosine + 1e-9) ** 0.5
    minus, plus = g - cosine, g + cosine
    ratio = minus / plus
    polarised = (cosine * plus - 1.0) / (cosine * minus + 1.0)
    return 0.5 * ratio * ratio * (1.0 + polarised * polarised)


def fresnel_split(cosine: Any) -> tuple[Any, Any]:
    """(a, b) with ``fresnel(cosine, f0)`` close to ``f0 * a + b``: the secant through the two `SPLIT_F0`.

    Right at both; for F0 between 0.012 and 0.06 within 0.006 up to 60 degrees and 0.024 everywhere.
    """
    low, high = SPLIT_F0
    at_low = fresnel(cosine, low)
    slope = (fresnel(cosine, high) - at_low) / (high - low)
    return slope, at_low - low * slope


def ggx_density(cosine: Any, alpha: Any) -> Any:
    """D(h) per steradian of projected area for the cosine between normal and half vector.

    Walter et al., "Microfacet Models for Refraction through Rough Surfaces" (2007), eq. 33.
    """
    squared = alpha * alpha
    base = 1.0 + (squared - 1.0) * cosine * cosine
    return squared / (math.pi * base * base)


def smith_lambda(cosine: Any, alpha: Any) -> Any:
    """Smith's Lambda of GGX for the cosine (above 0) between normal and direction.

    Heitz, "Understanding the Masking-Shadowing Function in Microfacet-Based BRDFs" (JCGT 2014), eq. 72.
    """
    squared = cosine * cosine
    return 0.5 * ((1.0 + alpha * alpha * (1.0 - squared) / squared) ** 0.5 - 1.0)


def smith_g1(cosine: Any, alpha: Any) -> Any:
    """Share of microfacets that one direction sees, in [0, 1]."""
    return 1.0 / (1.0 + smith_lambda(cosine, alpha))


def smith_g2(cosine_in: Any, cosine_out: Any, alpha: Any) -> Any:
    """Share of microfacets that both directions see, height-correlated (Heitz 2014, eq. 99), in [0, 1]."""
    return 1.0 / (1.0 + smith_lambda(cosine_in, alpha) + smith_lambda(cosine_out, alpha))


def specular_albedo(cosine: Any, roughness: Any, f0: Any) -> Any:
    """E: share of light that the specular layer reflects into the direction at ``cosine`` in [0, 1], under even light.

    Trilinear in a table that is integrated once per process; within 0.002 of the integral for cosines above 0.1.

    Args:
        cosine: (...) between shading normal and view.
        roughness: (...) in [0, 1].
        f0: (...) in [0, 0.08].

    Returns:
        (...) in [0, 1]; differentiable by ``roughness``, ``f0`` and ``cosine``.
    """
    if isinstance(cosine, np.ndarray | float | np.floating):
        return _trilinear(
            np, albedo_table(), np.broadcast_arrays(cosine, roughness, np.sqrt(np.maximum(f0, 0) / FULL_F0))
        )
    import torch

    # The root's slope at 0 is infinite; the floor keeps gradients finite.
    level = (torch.clamp(torch.as_tensor(f0, dtype=cosine.dtype), min=1e-6) / FULL_F0) ** 0.5
    rough = torch.as_tensor(roughness, dtype=cosine.dtype)
    broadcast: Any = torch.broadcast_tensors
    return _trilinear(torch, _torch_table(), broadcast(cosine, rough, level))


def _trilinear(xp: Any, table: Any, place: Any) -> Any:
    """Values of ``table`` (I, J, K) at ``place``: three arrays in [0, 1], clamped; ``xp`` is numpy or torch."""
    lower, share = [], []
    for coordinate, size in zip(place, TABLE_SHAPE, strict=True):
        scaled = xp.clip(coordinate, 0.0, 1.0) * (size - 1)
        cell = xp.clip(xp.floor(scaled.detach() if xp is not np else scaled), 0, size - 2)
        share.append(scaled - cell)
        lower.append(cell.astype(np.int64) if xp is np else cell.long())
    (i, j, k), (s, t, u) = lower, share
    flat = table.reshape(-1)
    start = (i * TABLE_SHAPE[1] + j) * TABLE_SHAPE[2] + k
    step_i, step_j = TABLE_SHAPE[1] * TABLE_SHAPE[2], TABLE_SHAPE[2]

    def along_k(corner: Any) -> Any:
        return flat[corner] + u * (flat[corner + 1] - flat[corner])

    near = along_k(start) + t * (along_k(start + step_j) - along_k(start))
    far_start = start + step_i
    far = along_k(far_start) + t * (along_k(far_start + step_j) - along_k(far_start))
    return near + s * (far - near)


@functools.cache
def _torch_table() -> Any:
    import torch

    return torch.from_numpy(albedo_table())


@functools.cache
def albedo_table() -> NDArray[np.float32]:
    """`TABLE_SHAPE` float32: E at evenly spaced cosine and roughness in [0, 1] and sqrt(F0 / 0.08) in [0, 1]."""
    cosines, roughness, levels = (np.linspace(0.0, 1.0, size) for size in TABLE_SHAPE)
    f0 = FULL_F0 * levels**2
    table = np.zeros(TABLE_SHAPE)
    for j, rough in enumerate(np.maximum(roughness, LEAST_ROUGHNESS)):
        for i, cosine in enumerate(np.maximum(cosines, 1e-3)):
            table[i, j] = integrate_albedo(cosine, rough, f0)
    return table.astype(np.float32)


def integrate_albedo(cosine: float, roughness: float, f0: NDArray[np.float64], side: int = 32) -> NDArray[np.float64]:
    """(K,) E by quadrature over ``side``^2 visible normals, for one cosine and roughness and (K,) values of F0."""
    place = (np.arange(side) + 0.5) / side
    u, v = (grid.ravel() for grid in np.meshgrid(place, place))
    alpha = roughness * roughness
    half = visible_normal(math.sqrt(max(0.0, 1.0 - cosine * cosine)), 0.0, cosine, alpha, np.cos(np.pi * u), v)
    dot = half[0] * math.sqrt(max(0.0, 1.0 - cosine * cosine)) + half[2] * cosine
    cosine_in = 2.0 * dot * half[2] - cosine
    above = np.maximum(cosine_in, 1e-4)
    share = np.where(cosine_in > 0.0, smith_g2(above, cosine, alpha) / smith_g1(cosine, alpha), 0.0)
    reflected = fresnel(np.clip(dot, 0.0, 1.0)[:, None], f0[None])
    return np.asarray((share[:, None] * reflected).mean(0))


def visible_normal(x: float, y: float, z: float, alpha: float, cos_phi: Any, v: Any) -> tuple[Any, Any, Any]:
    """Microfacet normals as the direction (x, y, z) of the local frame sees them, for uniform numbers.

    Dupuy and Benyoub, "Sampling Visible GGX Normals with Spherical Caps" (2023). ``cos_phi`` is the cosine of a uniform
    angle whose sine is taken positive: half of the lobe, enough where the integrand is symmetric about y = 0.
    """
    length = math.sqrt((alpha * x) ** 2 + (alpha * y) ** 2 + z * z)
    wx, wy, wz = alpha * x / length, alpha * y / length, z / length
    height = (1.0 - v) * (1.0 + wz) - wz
    radius = np.sqrt(np.clip(1.0 - height * height, 0.0, 1.0))
    hx = (radius * cos_phi + wx) * alpha
    hy = (radius * np.sqrt(np.clip(1.0 - cos_phi * cos_phi, 0.0, 1.0)) + wy) * alpha
    hz = height + wz
    norm = np.sqrt(hx * hx + hy * hy + hz * hz)
    return hx / norm, hy / norm, hz / norm
