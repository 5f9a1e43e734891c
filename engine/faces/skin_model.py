"""What statistical reflectance asks of a model of skin colour, whether of pigments or of a face model's own."""

from __future__ import annotations

from typing import Protocol, Self

from torch import Tensor


class SkinModel(Protocol):
    """Skin by coefficients (C,) with a standard normal prior."""

    def albedo(self, coefficients: Tensor) -> Tensor:
        """(V, 3) linear Rec. 709 diffuse albedo; differentiable."""

    def hair_depth(self, coefficients: Tensor) -> Tensor:
        """(V,) optical depth of the hair on the skin; 0 where the model does not tell hair from skin."""

    def part(self, vertices: Tensor) -> Self:
        """The same of the chosen ``vertices`` (v,) int64 alone: v stands for V, the coefficients are the same."""
