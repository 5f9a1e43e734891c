"""Mitsuba's own differentiable integrators as a function of PyTorch: the reference mode, and what the fast path is tested against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RenderError
from ..faces.topology import split_at_seams
from ..scene.light import latlong_to_direction, mitsuba_envmap, sh_basis
from .path import Surface, make_mesh, make_sensor
from .skin_bsdf import skin_description
from .variant import activate

if TYPE_CHECKING:
    from torch import Tensor

    from ..scene.camera import Camera

# Interior gradients only ("prb": radiative backpropagation, Nimier-David et al. 2020), or silhouettes too (projective sampling,
# Zhang et al. 2023).
INTEGRATORS = ("prb", "direct_projective", "prb_projective")


@dataclass(frozen=True)
class ReferenceParameters:
    """What `ReferenceRenderer` differentiates by; float32 torch tensors on the CPU.

    Attributes:
        vertices: (V, 3) mm, head frame.
        light: (bands^2, 3) coefficients of `sh_basis`.
        diffuse: (h, w, 3) linear base colour; the first row of the maps is v = 1.
        specular: (h, w) Specular IOR Level.
        roughness: (h, w).
    """

    vertices: Tensor
    light: Tensor
    diffuse: Tensor
    specular: Tensor
    roughness: Tensor


class ReferenceRenderer:
    """A scene that stays in Mitsuba while its vertices, light and maps come from PyTorch, and their gradients go back.

    Values cross as numpy arrays: PyTorch may be a build for processors while Mitsuba runs on a GPU, and beside a path-traced
    picture and its gradient the copies cost nothing.
    """

    def __init__(
        self,
        surface: Surface,
        camera: Camera,
        vertices: NDArray[Any],
        map_size: tuple[int, int],
        integrator: str = "prb",
        depth: int = 2,
        light_height: int = 32,
    ) -> None:
        """Build the scene.

        Args:
            surface: triangles and UVs, e.g. a `FaceModel`.
            camera: the view; its size is the picture's.
            vertices: (V, 3) mm, where the vertices are at first.
            map_size: (h, w) of the three maps.
            integrator: one of `INTEGRATORS`; the projective ones also see silhouettes move.
            depth: most bounces on the head.
            light_height: rows of the light's image.

        Raises:
            RenderError: the integrator is unknown.
        """
        if integrator not in INTEGRATORS:
            raise RenderError(f"There is no integrator '{integrator}'.", f"Choose one of: {', '.join(INTEGRATORS)}.")
        activate()
        import mitsuba as mi

        grey = np.full((*map_size, 3), 0.5, np.float32)
        skin = skin_description(grey, grey[..., 0], grey[..., 0])
        light = mitsuba_envmap(np.ones((light_height, 2 * light_height, 3), np.float32))
        self._scene = mi.load_dict({"type": "scene", "head": make_mesh(vertices, surface, skin), "light": light})
        self._parameters = mi.traverse(self._scene)
        self._sensor = make_sensor(camera)
        self._integrator = mi.load_dict(_integrator_description(integrator, depth))
        split = split_at_seams(surface.triangles, surface.triangle_uv)
        self._source = torch.from_numpy(split.source)
        self._triangles = torch.from_numpy(np.asarray(surface.triangles, np.int64))
        self._light_directions = torch.from_numpy(_envmap_directions(light_height).astype(np.float32))

    def __call__(self, parameters: ReferenceParameters, samples: int = 16, seed: int = 0) -> Tensor:
        """(H, W, 4) float32: linear radiance and coverage; differentiable by every field of ``parameters``.

        Args:
            parameters: see `ReferenceParameters`.
            samples: per pixel, of the picture and of the gradient.
            seed: gives the picture; the gradient takes other random numbers, so that products of both are unbiased.
        """
        normals = smooth_normals(parameters.vertices, self._triangles)
        node: Any = _Rendered
        picture: Tensor = node.apply(
            lambda *values: self._render(*values, samples, seed),
            parameters.vertices[self._source].reshape(-1),
            normals[self._source].reshape(-1),
            self._environment(parameters.light),
            parameters.diffuse,
            parameters.specular[..., None],
            parameters.roughness[..., None],
        )
        return picture

    def _environment(self, light: Tensor) -> Tensor:
        """The light as Mitsuba's ``envmap`` keeps it: rows from pole to pole, one column more on each side."""
        bands = round(len(light) ** 0.5)
        image = (sh_basis(self._light_directions, bands) @ light).clamp(min=0.0)
        return torch.cat([image[:, -1:], image, image[:, :1]], 1)

    def _render(self, *values: Any) -> Any:
        """Called with Dr.Jit tensors; gradients flow from the returned picture to them."""
        import mitsuba as mi

        positions, normals, light, diffuse, specular, roughness, samples, seed = values
        self._parameters["head.vertex_positions"] = mi.Float(positions.array)
        self._parameters["head.vertex_normals"] = mi.Float(normals.array)
        self._parameters["light.data"] = light
        self._parameters["head.bsdf.diffuse.data"] = diffuse
        self._parameters["head.bsdf.specular.data"] = specular
        self._parameters["head.bsdf.roughness.data"] = roughness
        self._parameters.update()
        return mi.render(
            self._scene,
            self._parameters,
            sensor=self._sensor,
            integrator=self._integrator,
            spp=samples,
            seed=2 * seed,
            seed_grad=2 * seed + 1,
        )


class _Rendered(torch.autograd.Function):
    """A picture that Dr.Jit makes of tensors, as one node of PyTorch's graph."""

    @staticmethod
    def forward(ctx: Any, render: Callable[..., Any], *tensors: Tensor) -> Tensor:
        """``render`` takes one ``mitsuba.TensorXf`` for each of ``tensors`` and returns the picture as another."""
        import drjit as dr
        import mitsuba as mi

        # None of Dr.Jit's types for the variant exists before Mitsuba has been told it.
        ctx.inputs = [mi.TensorXf(tensor.detach().cpu().numpy()) for tensor in tensors]
        for value, needed in zip(ctx.inputs, ctx.needs_input_grad[1:], strict=True):
            if needed:
                dr.enable_grad(value)
        ctx.picture = render(*ctx.inputs)
        return torch.from_numpy(np.array(ctx.picture))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """By radiative backpropagation: the picture is rendered again."""
        import drjit as dr
        import mitsuba as mi

        dr.set_grad(ctx.picture, mi.TensorXf(gradients[0].detach().cpu().contiguous().numpy()))
        dr.enqueue(dr.ADMode.Backward, ctx.picture)
        dr.traverse(dr.ADMode.Backward)
        needed = zip(ctx.inputs, ctx.needs_input_grad[1:], strict=True)
        found = (torch.from_numpy(np.array(dr.grad(value))) if wanted else None for value, wanted in needed)
        return (None, *found)


def _integrator_description(name: str, depth: int) -> dict[str, Any]:
    """Only `path`-like integrators take a depth; ``direct_projective`` has one bounce."""
    description: dict[str, Any] = {"type": name, "hide_emitters": True}
    if name != "direct_projective":
        description |= {"max_depth": depth + 1, "rr_depth": 1000}
    return description


def _envmap_directions(height: int) -> NDArray[np.float64]:
    """(2 height + 1, 2 height, 3) directions that the texels of `mitsuba_envmap` show."""
    v, u = np.meshgrid(
        np.arange(2 * height + 1) / (2 * height), (np.arange(2 * height) + 0.5) / (2 * height), indexing="ij"
    )
    return latlong_to_direction(u, v)


def smooth_normals(vertices: Tensor, triangles: Tensor) -> Tensor:
    """(V, 3) unit normals of vertices (V, 3) as `path.vertex_normals` makes them, differentiable; triangles (T, 3) int64."""
    corners = vertices[triangles]
    facet = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facet = torch.nn.functional.normalize(facet, dim=1, eps=1e-20)
    normals = torch.zeros_like(vertices)
    for corner in range(3):
        one = torch.nn.functional.normalize(corners[:, (corner + 1) % 3] - corners[:, corner], dim=1)
        two = torch.nn.functional.normalize(corners[:, (corner + 2) % 3] - corners[:, corner], dim=1)
        angle = torch.arccos((one * two).sum(1).clamp(-0.999999, 0.999999))
        normals = normals.index_add(0, triangles[:, corner], facet * angle[:, None])
    return torch.nn.functional.normalize(normals, dim=1, eps=1e-20)
