"""Shading of surface points by a spherical-harmonics light: linear in the light, and cheap once the rays are traced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..scene.light import sh_basis
from ..scene.material import FULL_F0, specular_albedo

# Factors of the clamped cosine's convolution, divided by pi, for bands 0 to 4 (Ramamoorthi and Hanrahan 2001, eq. 8).
COSINE_FACTORS = (1.0, 2.0 / 3.0, 1.0 / 4.0, 0.0, -1.0 / 24.0)


@dataclass(frozen=True)
class Transfer:
    """What N surface points do with each of B light coefficients, traced with Mitsuba.

    Attributes:
        diffuse: (N, B): radiance of a white diffuse surface.
        glossy: (N, R, 2, B): the specular lobe at R roughness nodes, its part that scales with F0 and the part that
            does not.
        nodes: (R,) roughness of the nodes, ascending.
        cosine: (N,) cosine between normal and view direction, clamped to [0, 1].
        bounce: (N, B): radiance of a white diffuse surface by light that comes from other white skin (one bounce), where
            that is looked at.
    """

    diffuse: Tensor
    glossy: Tensor
    nodes: Tensor
    cosine: Tensor
    bounce: Tensor | None = None

    def lit(self, light: Tensor) -> Lit:
        """The same points under one light, (B, 3) coefficients."""
        bounce = None if self.bounce is None else self.bounce @ light
        return Lit(self.diffuse @ light, self.glossy.to(light.dtype) @ light, self.nodes, self.cosine, bounce)

    def design(self, albedo: Tensor, specular: Tensor, roughness: Tensor) -> Tensor:
        """(3, N, B): radiance per unit of each light coefficient, for reflectances as in `Lit.radiance`."""
        f0 = FULL_F0 * specular
        body: Tensor = (1.0 - specular_albedo(self.cosine, roughness, f0))[:, None] * albedo
        lobe = _between_nodes(self.glossy, self.nodes, roughness)
        gloss = f0[:, None] * lobe[:, 0] + lobe[:, 1]
        reached = self.diffuse[None]
        if self.bounce is not None:
            reached = reached + albedo.T[:, :, None] * self.bounce[None]
        return body.T[:, :, None] * reached + gloss[None]


@dataclass(frozen=True)
class Lit:
    """N surface points under one light: ``diffuse`` (N, 3) linear radiance of white, ``glossy`` (N, R, 2, 3), ``bounce``
    (N, 3); see `Transfer`.
    """

    diffuse: Tensor
    glossy: Tensor
    nodes: Tensor
    cosine: Tensor
    bounce: Tensor | None = None

    def at(self, index: Tensor) -> Lit:
        """The points in ``index``."""
        bounce = None if self.bounce is None else self.bounce[index]
        return Lit(self.diffuse[index], self.glossy[index], self.nodes, self.cosine[index], bounce)

    def reached(self, albedo: Tensor) -> Tensor:
        """(N, 3) radiance of a white diffuse surface, bounces from skin of ``albedo`` (N, 3) included."""
        return self.diffuse if self.bounce is None else self.diffuse + albedo * self.bounce

    def settled(self, albedo: Tensor) -> Lit:
        """The same with the bounce between skin of ``albedo`` (N, 3) counted as direct light."""
        return replace(self, diffuse=self.reached(albedo), bounce=None)

    def specular(self, specular: Tensor, roughness: Tensor) -> Tensor:
        """(N, 3) linear radiance of the specular layer for specular IOR levels (N,) and roughness (N,), both in [0, 1]."""
        lobe = _between_nodes(self.glossy, self.nodes, roughness)
        return FULL_F0 * specular[:, None] * lobe[:, 0] + lobe[:, 1]

    def kept(self, specular: Tensor, roughness: Tensor) -> Tensor:
        """(N,) share of light that the specular layer lets through to the diffuse one."""
        passed: Tensor = 1.0 - specular_albedo(self.cosine, roughness, FULL_F0 * specular)
        return passed

    def radiance(self, albedo: Tensor, specular: Tensor, roughness: Tensor) -> Tensor:
        """(N, 3) linear radiance for diffuse albedo (N, 3) in [0, 1], specular IOR level (N,) and roughness (N,).

        The skin that light comes from by a bounce is taken to be of the point's own albedo.
        """
        body = self.kept(specular, roughness)[:, None] * self.reached(albedo)
        return albedo * body + self.specular(specular, roughness)


def joined(parts: Sequence[Lit]) -> Lit:
    """All points of ``parts``, one after the other; their nodes are the same, and their bounces settled."""
    return Lit(
        torch.cat([part.diffuse for part in parts]),
        torch.cat([part.glossy for part in parts]),
        parts[0].nodes,
        torch.cat([part.cosine for part in parts]),
    )


def _between_nodes(values: Tensor, nodes: Tensor, roughness: Tensor) -> Tensor:
    """(N, 2, C): ``values`` (N, R, 2, C) interpolated linearly at each point's roughness, held at the ends."""
    place = roughness.clamp(float(nodes[0]), float(nodes[-1]))[:, None]
    gap = nodes[1:] - nodes[:-1]
    # Hat functions around the nodes: as many multiplications as nodes, but no gathering.
    rise = ((place - nodes[:-1]) / gap).clamp(0.0, 1.0)
    share = torch.cat([torch.ones_like(place), rise], 1) - torch.cat([rise, torch.zeros_like(place)], 1)
    return torch.einsum("nr,nrkc->nkc", share, values.to(share.dtype))


def unshadowed(normal: Tensor, light: Tensor) -> Tensor:
    """(N, 3) radiance of a white diffuse surface without occlusion, as a smooth function of its unit normal (N, 3).

    Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps" (2001).
    """
    bands = min(len(COSINE_FACTORS), round(len(light) ** 0.5))
    factor = torch.tensor([COSINE_FACTORS[band] for band in range(bands) for _ in range(2 * band + 1)])
    return sh_basis(normal, bands) @ (factor[:, None] * light[: bands * bands])
