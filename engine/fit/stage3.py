"""Stage 3: diffuse, specular and roughness of every texel.

The maps are sought around stage 2's: the diffuse map as a factor on it, specular level and roughness as shifts of their
logits. All three get the photos' gradients at every texel that a photo shows; symmetry, consistency and smoothness
hold them where photos say little. From coarse to fine; the lights stand still.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..settings import Settings
from .photometric import display_weight
from .shading import Lit
from .watch import Watch, nobody

COARSEST = 256
# Steps at each level as shares of the setting: most where they are cheap.
STEP_SHARES = (0.6, 0.3, 0.1)
LEARNING_RATE = 0.04
# Base strengths of the regularisers for a weight of 1, against a photo residual of one deviation per texel.
PHOTO_SPREAD = 0.02
SYMMETRY = (3.0, 4.0, 4.0)
# Differences of both sides beyond this cost in proportion, no longer in square.
SYMMETRY_KNEE = 0.02
CONSISTENCY = (0.5, 0.5, 0.5)
CHROMATICITY = 2.0
SMOOTHNESS = (0.15, 20.0, 20.0)
# Factors on stage 2's albedo that a photo can ask for: black hair to white scars, and no highlights.
EXPLAINABLE = (0.1, 4.0)
LARGEST_DETAIL = 0.4
# Weights between which a texel goes from filled to taken from the photos.
TRUSTED = (0.35, 0.85)


@dataclass
class Texels:
    """What stage 3 knows at S x S texels, from M sights of them: a texel is seen once in each photo that shows it.

    Attributes:
        weight: (S, S) trust in [0, 1]; above 0 at texels that are seen.
        seen: (M,) int64, the sights' texels, photo after photo, each row by row.
        colour: (M, 3) linear radiance that the photo shows there.
        lit: their shading, in each photo's own light.
        share: (M,) how much of its texel's weight a sight has; the shares of a texel add up to 1.
        diffuse: (S, S, 3), specular: (S, S), roughness: (S, S): stage 2's maps.
        skin: (S, S) 1 on skin.
    """

    weight: Tensor
    seen: Tensor
    colour: Tensor
    lit: Lit
    share: Tensor
    diffuse: Tensor
    specular: Tensor
    roughness: Tensor
    skin: Tensor

    def __post_init__(self) -> None:
        self.trust = self.share * self.at_seen(self.weight)
        # The specular layer's shadow on the diffuse one hardly changes with what is sought, so it is taken from stage
        # 2.
        kept = self.lit.kept(self.specular.reshape(-1)[self.seen], self.roughness.reshape(-1)[self.seen])
        self.body = kept[:, None] * self.lit.diffuse
        # Each channel's own: by their mean, blue would say so little on brown skin that it went with the mirror side.
        self.slope = display_weight(self.colour)

    @property
    def size(self) -> int:
        """S."""
        return int(self.weight.shape[0])

    def at_seen(self, image: Tensor) -> Tensor:
        """(M, C) or (M,) of an image (S, S, C) or (S, S)."""
        return image.reshape(self.size * self.size, *image.shape[2:])[self.seen]

    def image(self, values: Tensor) -> Tensor:
        """(S, S, C) of (M, C): the sights' mean by their shares, 0 where nothing is seen."""
        flat = torch.zeros(self.size * self.size, values.shape[1])
        flat = flat.index_add(0, self.seen, self.share[:, None] * values)
        return flat.reshape(self.size, self.size, -1)


@dataclass
class Maps:
    """The sought change of stage 2's maps: (5, S, S): log factor of the three diffuse channels, shifts of two logits."""

    change: Tensor

    def scaled(self, size: int) -> Maps:
        """The same at ``size`` texels."""
        up = torch.nn.functional.interpolate(self.change[None], (size, size), mode="bilinear", align_corners=False)
        return Maps(up[0])

    def values(self, texels: Texels) -> tuple[Tensor, Tensor, Tensor]:
        """Diffuse (S, S, 3), specular (S, S), roughness (S, S)."""
        diffuse = changed_diffuse(self.change[:3], texels)
        specular = torch.sigmoid(torch.logit(texels.specular, 1e-3) + self.change[3])
        roughness = torch.sigmoid(torch.logit(texels.roughness, 1e-3) + self.change[4])
        return diffuse, specular, roughness


def changed_diffuse(change: Tensor, texels: Texels) -> Tensor:
    """(S, S, 3) the diffuse map after log factors (3, S, S)."""
    return (texels.diffuse * torch.exp(change).permute(1, 2, 0)).clamp(0.0, 1.0)


@dataclass(frozen=True)
class Weights:
    """Regulariser strengths, each for (diffuse, specular, roughness)."""

    symmetry: tuple[float, float, float]
    consistency: tuple[float, float, float]
    smoothness: tuple[float, float, float]

    @classmethod
    def of(cls, settings: Settings) -> Weights:
        """Base strengths times the settings."""
        names = ("diffuse", "specular", "roughness")

        def scaled(kind: str, base: tuple[float, float, float]) -> tuple[float, float, float]:
            a, b, c = (
                value * getattr(settings, f"{name}_{kind}_weight") for name, value in zip(names, base, strict=True)
            )
            return a, b, c

        return cls(
            symmetry=scaled("symmetry", SYMMETRY),
            consistency=scaled("consistency", CONSISTENCY),
            smoothness=scaled("smoothness", SMOOTHNESS),
        )

    def of_channels(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """(count,) each, of symmetry, consistency and smoothness, for the first of the five channels."""
        symmetry, consistency, smoothness = (
            torch.tensor([diffuse, diffuse, diffuse, specular, roughness])[:count]
            for diffuse, specular, roughness in (self.symmetry, self.consistency, self.smoothness)
        )
        return symmetry, consistency, smoothness

    @property
    def chromaticity(self) -> float:
        """Of the diffuse map's chromaticity: its consistency's."""
        return self.consistency[0] / CONSISTENCY[0] * CHROMATICITY


def photo_loss(maps: Maps, texels: Texels) -> Tensor:
    """() robust squared difference to the photos in sRGB-like units, over the texels that they show."""
    diffuse, specular, roughness = (texels.at_seen(value) for value in maps.values(texels))
    return _photo_loss(diffuse, texels.lit.specular(specular, roughness), texels)


def _photo_loss(diffuse: Tensor, gloss: Tensor, texels: Texels) -> Tensor:
    """The same of the sights' albedo (M, 3) and the radiance of their specular layer (M, 3)."""
    radiance = diffuse * texels.body + gloss
    square = (texels.slope * (radiance - texels.colour) ** 2).sum(1) / PHOTO_SPREAD**2
    robust = 2.0 * (torch.sqrt(1.0 + square) - 1.0)
    return (texels.trust * robust).sum() / texels.skin.sum()


def explaining_change(maps: Maps, texels: Texels) -> Tensor:
    """(3, S, S) the log factors that would make the diffuse map show the photos exactly; 0 where they show nothing."""
    _, specular, roughness = (texels.at_seen(value) for value in maps.values(texels))
    below = texels.colour - texels.lit.specular(specular, roughness)
    factor = below / (texels.body * texels.at_seen(texels.diffuse)).clamp(min=1e-3)
    return texels.image(torch.log(factor.clamp(*EXPLAINABLE))).permute(2, 0, 1)


def symmetry_loss(change: Tensor, texels: Texels) -> Tensor:
    """(5,) mean difference of each channel to its mirror image (the layout is symmetric about u = 0.5)."""
    difference = change - torch.flip(change, (2,))
    return _mean(_charbonnier(difference, SYMMETRY_KNEE), texels.skin)


def consistency_loss(change: Tensor, texels: Texels) -> tuple[Tensor, Tensor]:
    """(5,) mean squared change from stage 2's maps, and () the same of the diffuse map's chromaticity."""
    colour = change[:3] - change[:3].mean(0, keepdim=True)
    return _mean(change**2, texels.skin), _mean(colour**2, texels.skin).sum()


def smoothness_loss(change: Tensor, texels: Texels) -> Tensor:
    """(5,) mean squared difference between neighbouring texels of the same island, per texel of a map of `COARSEST`
    texels.
    """
    scale = (texels.size / COARSEST) ** 2
    across = (change[:, :, 1:] - change[:, :, :-1]) ** 2 * (texels.skin[:, 1:] * texels.skin[:, :-1])
    down = (change[:, 1:] - change[:, :-1]) ** 2 * (texels.skin[1:] * texels.skin[:-1])
    return scale * (across.sum((1, 2)) + down.sum((1, 2))) / texels.skin.sum()


def total_loss(maps: Maps, texels: Texels, weights: Weights) -> Tensor:
    """() everything that stage 3 minimises."""
    return photo_loss(maps, texels) + regulariser_loss(maps.change, texels, weights)


def regulariser_loss(change: Tensor, texels: Texels, weights: Weights) -> Tensor:
    """() symmetry, consistency and smoothness of ``change`` (5, S, S), or of the diffuse map's (3, S, S), weighted."""
    with torch.no_grad():
        fixed = change.detach()
        consistency, chromaticity = consistency_loss(fixed, texels)
        symmetry, consistent, smooth = weights.of_channels(len(fixed))
        value = (
            (symmetry * symmetry_loss(fixed, texels)).sum()
            + (consistent * consistency).sum()
            + weights.chromaticity * chromaticity
            + (smooth * smoothness_loss(fixed, texels)).sum()
        )
        slope = regulariser_slope(fixed, texels, weights)
    found: Tensor = _Sloped.apply(change, value, slope)  # type: ignore[no-untyped-call]
    return found


def regulariser_slope(change: Tensor, texels: Texels, weights: Weights) -> Tensor:
    """The derivatives of `regulariser_loss` by ``change``, in its shape.

    In closed form: a step of stage 3 takes four fifths of the time that it takes with automatic differentiation of the losses.
    """
    symmetry, consistent, smooth = (weight[:, None, None] for weight in weights.of_channels(len(change)))
    skin = texels.skin
    # The difference to the mirror image is odd, so its own mirror image adds to each slope once more.
    difference = change - torch.flip(change, (2,))
    slope = difference / torch.sqrt(difference**2 + SYMMETRY_KNEE**2)
    slope *= symmetry * (skin + torch.flip(skin, (1,)))
    slope += 2.0 * consistent * skin * change
    # A colour's mean is zero: what the mean itself takes off the slope is nothing.
    slope[:3] += 2.0 * weights.chromaticity * skin * (change[:3] - change[:3].mean(0, keepdim=True))
    scale = 2.0 * (texels.size / COARSEST) ** 2
    across = (change[:, :, 1:] - change[:, :, :-1]) * (scale * smooth * (skin[:, 1:] * skin[:, :-1]))
    down = (change[:, 1:] - change[:, :-1]) * (scale * smooth * (skin[1:] * skin[:-1]))
    slope[:, :, 1:] += across
    slope[:, :, :-1] -= across
    slope[:, 1:] += down
    slope[:, :-1] -= down
    return slope / skin.sum()


class _Sloped(torch.autograd.Function):
    """A value whose derivatives by its argument are known."""

    @staticmethod
    def forward(ctx: Any, _: Tensor, value: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return value

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return outer[0] * slope, None, None


def refine_maps(
    texels_at: Callable[[int], Texels],
    size: int,
    settings: Settings,
    tick: Callable[[int, int, float], None],
    watch: Watch[tuple[Tensor, Tensor, Tensor]] = nobody,
) -> tuple[Maps, Texels]:
    """The maps' change at ``size`` texels, found coarse to fine; ``texels_at`` gives what is known at a size.

    ``tick`` is called with step, steps and loss, ``watch`` is offered the three maps after each step.
    """
    sizes = _pyramid(size)
    shares = STEP_SHARES[: len(sizes)]
    steps = [max(1, round(share / sum(shares) * settings.stage3_iterations)) for share in shares]
    weights = Weights.of(settings)
    texels = texels_at(sizes[0])
    maps = Maps(torch.zeros(5, sizes[0], sizes[0]))
    if not settings.stage3_iterations:
        return maps.scaled(size), texels_at(size)
    # From what the photos ask for: from a dark model, as where it has brows, bright skin is a long way off, and the photos pull the
    # less the darker the map is, so that the mirror side could hold it there.
    maps = Maps(torch.cat([explaining_change(maps, texels), maps.change[3:]]))
    done = 0
    for level, count in zip(sizes, steps, strict=True):
        if level != sizes[0]:
            finer = texels_at(level)
            maps = _with_detail(maps, texels, finer)
            texels = finer
        told = _Offset(tick, done, sum(steps))
        # Gloss is held smooth, so single texels say nothing of it; without it a step takes half as long.
        wanted = _diffuse_map if level == size and len(sizes) == len(STEP_SHARES) else _all_maps
        maps = _descend(wanted(maps, texels, weights), texels, count, told, watch)
        done += count
    return maps, texels


@dataclass(frozen=True)
class _Offset:
    """Counts the steps of one level on from those of the levels before."""

    tick: Callable[[int, int, float], None]
    done: int
    steps: int

    def __call__(self, step: int, loss: float) -> None:
        self.tick(self.done + step, self.steps, loss)


@dataclass(frozen=True)
class _Search:
    """What one level looks for: from ``start`` (C, S, S) the lowest ``loss``; ``maps`` are the maps with what is found."""

    start: Tensor
    loss: Callable[[Tensor], Tensor]
    maps: Callable[[Tensor], Maps]


def _all_maps(maps: Maps, texels: Texels, weights: Weights) -> _Search:
    """All five channels."""
    return _Search(maps.change, lambda change: total_loss(Maps(change), texels, weights), Maps)


def _diffuse_map(maps: Maps, texels: Texels, weights: Weights) -> _Search:
    """The diffuse map's three; specular level and roughness stand still."""
    _, specular, roughness = (texels.at_seen(value) for value in maps.values(texels))
    gloss, still = texels.lit.specular(specular, roughness), maps.change[3:]

    def loss(change: Tensor) -> Tensor:
        photo = _photo_loss(texels.at_seen(changed_diffuse(change, texels)), gloss, texels)
        return photo + regulariser_loss(change, texels, weights)

    return _Search(maps.change[:3], loss, lambda change: Maps(torch.cat([change, still])))


def _descend(
    search: _Search,
    texels: Texels,
    count: int,
    tick: Callable[[int, float], None],
    watch: Watch[tuple[Tensor, Tensor, Tensor]],
) -> Maps:
    """The maps after ``count`` steps of Adam with a cosine schedule."""
    change = search.start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([change], lr=LEARNING_RATE)
    for step in range(count):
        optimiser.zero_grad()
        loss = search.loss(change)
        torch.autograd.backward(loss)
        optimiser.step()
        _anneal(optimiser, step, count)
        tick(step + 1, float(loss.detach()))
        watch(partial(_values, search, change.detach(), texels))
    return search.maps(change.detach())


def _values(search: _Search, change: Tensor, texels: Texels) -> tuple[Tensor, Tensor, Tensor]:
    return search.maps(change).values(texels)


def _with_detail(maps: Maps, coarse: Texels, fine: Texels) -> Maps:
    """``maps`` at the finer size, with the detail of the diffuse map that the photo shows there and the coarse one
    cannot hold.
    """
    larger = maps.scaled(fine.size)
    known = Maps(torch.cat([explaining_change(maps, coarse), maps.change[3:]])).scaled(fine.size)
    detail = (explaining_change(larger, fine) - known.change[:3]) * torch.sqrt(fine.weight)
    return Maps(torch.cat([larger.change[:3] + detail.clamp(-LARGEST_DETAIL, LARGEST_DETAIL), larger.change[3:]]))


def confidence(texels: Texels) -> NDArray[np.float32]:
    """(S, S) how far the photos themselves determine a texel: 1 fully, 0 not at all."""
    seen = texels.weight.numpy()
    soft = cv2.GaussianBlur(seen, (0, 0), max(1.0, 0.004 * texels.size))
    low, high = TRUSTED
    return np.asarray(np.clip((np.minimum(seen, soft) - low) / (high - low), 0.0, 1.0), np.float32)


def _anneal(optimiser: torch.optim.Optimizer, step: int, count: int) -> None:
    for group in optimiser.param_groups:
        group["lr"] = LEARNING_RATE * 0.5 * (1.0 + float(np.cos(np.pi * (step + 1) / count)))


def _pyramid(size: int) -> list[int]:
    sizes = [size]
    while sizes[0] > COARSEST and len(sizes) < len(STEP_SHARES):
        sizes.insert(0, max(COARSEST, sizes[0] // 2))
    return sizes


def _charbonnier(value: Tensor, knee: float) -> Tensor:
    return torch.sqrt(value**2 + knee**2) - knee


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum((1, 2)) / mask.sum()
