"""Shape from shading at the scale of wrinkles and pores: a height field that explains what is light and dark in skin.

A photo's fine detail is colour or relief. With ``g`` the slopes of a height field h, shading changes by ``s . g`` of
itself, where s is known from the light; so the detail r of the logarithm of the diffuse map is explained by the h that
minimises

    1/2 sum w (r - s . g)^2 + |g|^2 / sg^2 + h^2 / sh^2 + (l laplacian(h) / sg)^2.

Slopes come from one height field, so they can be integrated. The three priors keep them small, fine (what is larger is
the mesh's affair) and no finer than the photo. The certainty w falls where light hardly tells slopes apart from colour,
where the detail is coloured (freckles, lips: pigment, as in Tsumura et al., "Image-based skin color and texture
analysis/synthesis by extracting hemoglobin and melanin information in the skin", 2003), and where it is stronger than
relief can be (brows, lashes, stubble). Solved by conjugate gradients from coarse to fine, w anew at each size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from .fill import shrink

FloatImage = NDArray[np.float32]

# Deviations of slopes and of heights (mm) that skin has on a face that is smooth without them.
SLOPE_SPREAD, HEIGHT_SPREAD = 0.25, 0.2
# Deviation of the logarithm of colour that is neither pigment nor relief: noise, hairs, compression.
COLOUR_SPREAD = 0.03
# How much more melanin changes the logarithm's mean over the channels than the channels against each other
# (`skin_table.log_albedo`: 2 in light skin, 3 in brown, more in dark), and in what radius in mm this is looked at.
PIGMENT_CONTRAST = 3.0
PIGMENT_MM = 1.5
# Detail beyond so many expected deviations is no relief.
KNEE = 2.0
# Photo pixels over which slopes are smooth.
SMOOTH_PIXELS = 0.8
LEAST_SMOOTH_MM = 0.3
COARSEST = 256
# Steps of conjugate gradients at each size, finest first; each starts from the size before.
STEPS = (16, 24, 32, 40)


@dataclass(frozen=True)
class ReliefProblem:
    """What is known at H x W texels.

    Attributes:
        detail: (H, W, 3) logarithm of the diffuse map without its slow changes.
        trust: (H, W) in [0, 1], how far the photo determines a texel and its shading.
        gain: (H, W, 3, 2) relative change of each channel's shading per unit of slope along tangent and bitangent.
        metric: (H, W, 2, 2) slopes along tangent and bitangent per mm of height per texel to the right and downwards.
        texel_mm: (H, W) side of a texel, 0 beside the skin.
        pixel_mm: side of a photo's pixel.
        strength: factor on the spreads of slope and height.
    """

    detail: FloatImage
    trust: FloatImage
    gain: FloatImage
    metric: FloatImage
    texel_mm: FloatImage
    pixel_mm: float
    strength: float = 1.0

    def halved(self) -> ReliefProblem:
        """The same at half the size."""
        size = ((self.trust.shape[1] + 1) // 2, (self.trust.shape[0] + 1) // 2)
        return replace(
            self,
            detail=shrink(self.detail, size),
            trust=shrink(self.trust, size),
            gain=shrink(self.gain, size),
            metric=shrink(self.metric, size) / 2.0,
            texel_mm=shrink(self.texel_mm, size) * 2.0,
        )

    def cropped(self, window: tuple[slice, slice]) -> ReliefProblem:
        """The same of a part of the map."""
        names = ("detail", "trust", "gain", "metric", "texel_mm")
        detail, trust, gain, metric, side = (np.ascontiguousarray(getattr(self, name)[window]) for name in names)
        return replace(self, detail=detail, trust=trust, gain=gain, metric=metric, texel_mm=side)

    @property
    def slope_spread(self) -> float:
        """sg."""
        return SLOPE_SPREAD * self.strength

    @property
    def height_spread(self) -> float:
        """sh, mm."""
        return HEIGHT_SPREAD * self.strength

    @property
    def bending(self) -> FloatImage:
        """(H, W) weight of the squared Laplacian in texels."""
        length = max(LEAST_SMOOTH_MM, SMOOTH_PIXELS * self.pixel_mm)
        side = np.where(self.texel_mm > 0, self.texel_mm, self.typical_mm)
        return np.asarray((length / (side**2 * self.slope_spread)) ** 2, np.float32)

    @property
    def typical_mm(self) -> float:
        """Side of most texels."""
        inside = self.texel_mm[self.texel_mm > 0]
        return float(np.median(inside)) if len(inside) else 1.0

    def slopes(self, height: FloatImage) -> FloatImage:
        """(H, W, 2) slopes along tangent and bitangent of ``height`` (H, W) in mm."""
        across, down = _difference(height, 1), _difference(height, 0)
        return np.stack([self.metric[..., row, 0] * across + self.metric[..., row, 1] * down for row in (0, 1)], -1)

    def certainty(self, height: FloatImage) -> FloatImage:
        """(H, W) w, given the relief found so far."""
        shading = np.einsum("hwcs,hws->hwc", self.gain, self.slopes(height))
        left = self.detail - shading
        brightness = left.mean(2)
        variance = COLOUR_SPREAD**2 + self._pigment(left, brightness) ** 2
        relief = (self.gain.mean(2) ** 2).sum(2) * self.slope_spread**2
        excess = brightness**2 / (KNEE**2 * (COLOUR_SPREAD**2 + relief))
        return np.asarray(self.trust / (variance * (1.0 + excess) ** 2), np.float32)

    def _pigment(self, left: FloatImage, brightness: FloatImage) -> FloatImage:
        """(H, W) how much pigments change the brightness: from the colour that goes along with it around a texel.

        Colour that does not is the photo's noise.
        """
        reach = max(1.0, PIGMENT_MM / self.typical_mm)
        trust = self.trust + 1e-6

        def around(values: FloatImage) -> FloatImage:
            return np.asarray(cv2.GaussianBlur(values * trust, (0, 0), reach), np.float32)

        power = around(brightness**2) + 1e-12
        together = sum(around(brightness * (left[:, :, i] - brightness)) ** 2 for i in range(3)) / power**2
        return np.asarray(PIGMENT_CONTRAST * np.sqrt(together) * np.abs(brightness), np.float32)


@dataclass(frozen=True)
class Quadratic:
    """The sum that is minimised, for a fixed certainty, written in the differences d = (across, down) of neighbouring
    heights: 1/2 d . K d - f . d + 1/2 (h / sh)^2 + 1/2 b laplacian(h)^2, plus what does not depend on h.

    Attributes:
        stiffness: three (H, W): K's entries across-across, across-down, down-down.
        force: two (H, W): f.
        bending: (H, W) b.
        height_spread: sh, mm.
    """

    stiffness: tuple[FloatImage, FloatImage, FloatImage]
    force: tuple[FloatImage, FloatImage]
    bending: FloatImage
    height_spread: float

    @classmethod
    def at(cls, problem: ReliefProblem, height: FloatImage) -> Quadratic:
        """With the certainty that the relief ``height`` (H, W) leaves."""
        weight, detail, gain = problem.certainty(height), problem.detail.mean(2), problem.gain.mean(2)
        axes = [np.ascontiguousarray(problem.metric[..., column]) for column in (0, 1)]
        response = [gain[..., 0] * axis[..., 0] + gain[..., 1] * axis[..., 1] for axis in axes]
        pairs = ((0, 0), (0, 1), (1, 1))
        a, b, c = (
            weight * response[one] * response[other]
            + (axes[one][..., 0] * axes[other][..., 0] + axes[one][..., 1] * axes[other][..., 1])
            / problem.slope_spread**2
            for one, other in pairs
        )
        force = weight * detail * response[0], weight * detail * response[1]
        return cls((a, b, c), force, problem.bending, problem.height_spread)

    def energy(self, height: FloatImage) -> float:
        """The sum at ``height`` (H, W) mm, less what it is at 0."""
        return 0.5 * _dot(height, self.curvature(height)) - _dot(height, self.pull())

    def gradient(self, height: FloatImage) -> FloatImage:
        """(H, W) derivative of `energy`."""
        return self.curvature(height) - self.pull()

    def curvature(self, height: FloatImage) -> FloatImage:
        """(H, W): the second derivative, times ``height``."""
        across, down = _difference(height, 1), _difference(height, 0)
        aa, ad, dd = self.stiffness
        along = _difference_adjoint(aa * across + ad * down, 1) + _difference_adjoint(ad * across + dd * down, 0)
        bent = _laplacian(self.bending * _laplacian(height))
        return np.asarray(along + bent + height * np.float32(self.height_spread**-2), np.float32)

    def pull(self) -> FloatImage:
        """(H, W): minus the derivative at 0."""
        return _difference_adjoint(self.force[0], 1) + _difference_adjoint(self.force[1], 0)

    def diagonal(self) -> FloatImage:
        """(H, W) the second derivative's diagonal, but for what neighbours' weights differ by."""
        held = 1.0 / self.height_spread**2 + 20.0 * self.bending
        return np.asarray(0.5 * (self.stiffness[0] + self.stiffness[2]) + held, np.float32)

    def minimised(self, height: FloatImage, steps: int) -> FloatImage:
        """(H, W) after ``steps`` of conjugate gradients from ``height``, preconditioned by the diagonal."""
        inverse = 1.0 / self.diagonal()
        rest = -self.gradient(height)
        direction = inverse * rest
        size = _dot(rest, direction)
        for _ in range(steps):
            if size <= 0.0:
                break
            curved = self.curvature(direction)
            length = np.float32(size / _dot(direction, curved))
            height = height + length * direction
            rest = rest - length * curved
            scaled = inverse * rest
            size, before = _dot(rest, scaled), size
            direction = scaled + np.float32(size / before) * direction
        return height


def find_relief(problem: ReliefProblem, check: Callable[[], None]) -> FloatImage:
    """(H, W) height in mm, 0 where there is nothing to tell it from. ``check`` may raise to end the work."""
    problems = [problem]
    while max(problems[-1].trust.shape) > COARSEST and len(problems) < len(STEPS):
        problems.append(problems[-1].halved())
    height = np.zeros(problems[-1].trust.shape, np.float32)
    for level, steps in reversed(list(zip(problems, STEPS, strict=False))):
        check()
        rows, columns = level.trust.shape
        height = np.asarray(cv2.resize(height, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
        height = Quadratic.at(level, height).minimised(height, steps)
    return height


def _difference(values: FloatImage, axis: int) -> FloatImage:
    """(H, W) central differences, half of the one-sided ones at the border."""
    source, result = values.swapaxes(0, axis), np.empty_like(values)
    target = result.swapaxes(0, axis)
    np.subtract(source[2:], source[:-2], out=target[1:-1])
    target[0], target[-1] = source[1] - source[0], source[-1] - source[-2]
    result *= np.float32(0.5)
    return result


def _difference_adjoint(values: FloatImage, axis: int) -> FloatImage:
    """(H, W): the transpose of `_difference`."""
    source, result = values.swapaxes(0, axis), np.empty_like(values)
    target = result.swapaxes(0, axis)
    np.subtract(source[:-2], source[2:], out=target[1:-1])
    target[0], target[-1] = -source[0] - source[1], source[-2] + source[-1]
    result *= np.float32(0.5)
    return result


def _laplacian(values: FloatImage) -> FloatImage:
    """(H, W) sum of the differences to the four neighbours; its own transpose."""
    return np.asarray(cv2.Laplacian(values, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE), np.float32)


def _dot(one: FloatImage, other: FloatImage) -> float:
    return float(np.vdot(one, other))
