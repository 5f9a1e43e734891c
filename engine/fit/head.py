"""The face model and the camera as differentiable PyTorch functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..faces.model import FaceModel
from ..scene.camera import Camera


class DifferentiableHead:
    """A face model's vertices and normals as functions of its coefficients. float32, mm, head frame.

    ``beyond`` (R, V, 3) mm are modes of the shape beside the model's own: their coefficients follow the model's K, and
    "identity" is all of them.
    """

    def __init__(self, model: FaceModel, beyond: NDArray[np.float32] | None = None) -> None:
        self.model = model
        shapes = [model.identity_basis, *([] if beyond is None else [beyond])]
        self.identity_count = sum(len(shape) for shape in shapes)
        self.mean = torch.from_numpy(model.mean.reshape(-1).copy())
        basis = np.concatenate([*shapes, model.expression_basis]).reshape(-1, model.mean.size)
        self.basis = torch.from_numpy(np.ascontiguousarray(basis))
        self.triangles = torch.from_numpy(model.triangles.astype(np.int64))

    def vertices(self, identity: Tensor, expression: Tensor) -> Tensor:
        """(V, 3) for identity coefficients (K + R,) and expression weights (E,)."""
        return (self.mean + torch.cat([identity, expression]) @ self.basis).reshape(-1, 3)

    def vertex_normals(self, vertices: Tensor) -> Tensor:
        """(V, 3) unit normals: the area-weighted mean of the triangles around each vertex."""
        a, b, c = (vertices[self.triangles[:, corner]] for corner in range(3))
        normal = torch.linalg.cross(b - a, c - a)
        total = torch.zeros_like(vertices)
        for corner in range(3):
            total = total.index_add(0, self.triangles[:, corner], normal)
        return torch.nn.functional.normalize(total, dim=1)

    def interpolate(self, values: Tensor, triangle: Tensor, barycentric: Tensor) -> Tensor:
        """(N, C) per-vertex ``values`` (V, C) at surface points given by ``triangle`` (N,) and ``barycentric`` (N, 3)."""
        return (values[self.triangles[triangle]] * barycentric[:, :, None]).sum(1)


def skew(vector: Tensor) -> Tensor:
    """(3, 3) matrix of the cross product with ``vector`` (3,)."""
    x, y, z = vector.unbind()
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)


@dataclass
class DifferentiableCamera:
    """A camera that can turn, move and zoom from where it stood.

    ``turn`` (3,) is a rotation vector in radians applied after the first rotation, ``shift`` (3,) is added to the
    translation in units of one hundredth of the distance, ``log_zoom`` () multiplies the focal length by its
    exponential: all near 0 and of like size.
    """

    start: Camera
    turn: Tensor
    shift: Tensor
    log_zoom: Tensor

    @classmethod
    def at(cls, camera: Camera) -> DifferentiableCamera:
        """Standing where ``camera`` stands."""
        return cls(camera, torch.zeros(3), torch.zeros(3), torch.zeros(()))

    @property
    def parameters(self) -> list[Tensor]:
        """What may be optimised."""
        return [self.turn, self.shift, self.log_zoom]

    def _pose(self) -> tuple[Tensor, Tensor]:
        rotation = torch.linalg.matrix_exp(skew(self.turn)) @ torch.tensor(self.start.rotation, dtype=torch.float32)
        start = torch.tensor(self.start.translation, dtype=torch.float32)
        return rotation, start + self.shift * (0.01 * start.norm())

    def project(self, points: Tensor) -> Tensor:
        """(N, 2) pixel coordinates of (N, 3) points of the head's frame."""
        rotation, translation = self._pose()
        x, y, z = (points @ rotation.T + translation).unbind(1)
        focal = self.start.focal_px * torch.exp(self.log_zoom)
        return torch.stack([self.start.cx - focal * x / z, self.start.cy + focal * y / z], 1)

    def camera(self) -> Camera:
        """Where it stands now, as a plain camera."""
        rotation, translation = self._pose()
        exact, _, other = np.linalg.svd(rotation.detach().double().numpy())
        return Camera(
            width=self.start.width,
            height=self.start.height,
            focal_px=self.start.focal_px * float(torch.exp(self.log_zoom.detach())),
            cx=self.start.cx,
            cy=self.start.cy,
            rotation=exact @ other,
            translation=translation.detach().double().numpy(),
        )
